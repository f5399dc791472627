-- +goose Up

-- What the analytics have counted. A day is one of the server's clock, as in
-- '2026-11-02'. Nothing here tells an address or a browser.

-- Views: one row for each day, target and kind.
CREATE TABLE views (
    day    TEXT    NOT NULL,
    target TEXT    NOT NULL, -- 'app/<slug>', 'instance/<slug>', 'site', or 'others': those beyond the bound of a day
    kind   TEXT    NOT NULL, -- 'page', 'embed' or 'health'
    app    TEXT    NOT NULL, -- slug of the target's app; '' for 'site' and 'others'
    views  INTEGER NOT NULL,
    PRIMARY KEY (day, target, kind)
) STRICT, WITHOUT ROWID;

-- Views of those who had signed in.
CREATE TABLE view_users (
    day    TEXT    NOT NULL,
    target TEXT    NOT NULL, -- as in views
    user   TEXT    NOT NULL, -- name; '': those beyond the bound of a day
    app    TEXT    NOT NULL,
    views  INTEGER NOT NULL,
    PRIMARY KEY (day, target, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX view_users_by_user ON view_users (user);

-- Who is deleted is not remembered here either.
-- +goose StatementBegin
CREATE TRIGGER forget_viewer AFTER DELETE ON users BEGIN
    DELETE FROM view_users WHERE user = old.name;
END;
-- +goose StatementEnd

-- Visitors of days that are not over, each once: keyed hashes, with the day in
-- them, so that nobody can be followed from one day to the next.
CREATE TABLE visitors (
    day     TEXT    NOT NULL,
    app     TEXT    NOT NULL, -- '': all
    target  TEXT    NOT NULL, -- '': the app with its instances, or all
    visitor INTEGER NOT NULL, -- hash
    PRIMARY KEY (day, app, target, visitor)
) STRICT, WITHOUT ROWID;

-- How many they were, when a day is over.
CREATE TABLE visitor_counts (
    day      TEXT    NOT NULL,
    app      TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    visitors INTEGER NOT NULL,
    PRIMARY KEY (day, app, target)
) STRICT, WITHOUT ROWID;

-- How long callbacks took, and pages to their first callback.
CREATE TABLE timings (
    day      TEXT    NOT NULL,
    kind     TEXT    NOT NULL, -- 'callback', or 'first'
    app      TEXT    NOT NULL, -- slug; '' for 'others'
    name     TEXT    NOT NULL, -- the callback by its outputs, or the target of the page; 'others': those beyond the bound of a day
    runs     INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    total    INTEGER NOT NULL, -- microseconds
    longest  INTEGER NOT NULL, -- microseconds
    spread   TEXT    NOT NULL, -- JSON: how many took up to 1 ms, how many up to 2, 5, 10 and so on
    PRIMARY KEY (day, kind, app, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
