-- Times are integers: milliseconds since 1970, UTC. Booleans are 0 or 1.
-- Secrets that visitors hold (session cookies, set-up links, initial-argument
-- ids) are stored as SHA-256 hashes only.

-- +goose Up

-- Facts of the server itself.
CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY, -- such as 'session_secret', 'setup_hash'
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Apps that the binary has or had.
CREATE TABLE apps (
    slug    TEXT    NOT NULL PRIMARY KEY, -- as in the URL
    name    TEXT    NOT NULL,             -- as given to app.New
    access  TEXT,                         -- an access text that stands above the code's; NULL: the code's
    created INTEGER NOT NULL,             -- when the app was first served
    seen    INTEGER NOT NULL              -- the last start of a binary that had it
) STRICT, WITHOUT ROWID;

-- Saved copies of an app's state.
CREATE TABLE instances (
    id             INTEGER PRIMARY KEY,
    app            TEXT    NOT NULL REFERENCES apps (slug) ON DELETE RESTRICT,
    name           TEXT    NOT NULL UNIQUE,            -- what people call it
    slug           TEXT    NOT NULL UNIQUE,            -- as in the URL
    save_on_change INTEGER NOT NULL DEFAULT 0,         -- callbacks save what they change
    access         TEXT    NOT NULL DEFAULT '',        -- an access text; '': the app's
    revision       INTEGER NOT NULL DEFAULT 1,         -- the instance's clock at the last change of the state
    horizon        INTEGER NOT NULL DEFAULT 0,         -- the history is complete from this revision on
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL                    -- of the state or of this row
) STRICT;

CREATE INDEX instances_by_app ON instances (app, name);

-- The tracked properties of the instances, as they are now. An instance's clock
-- ticks with every request that arrives and with every change of the state.
CREATE TABLE properties (
    instance  INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    component TEXT    NOT NULL,            -- canonical id
    property  TEXT    NOT NULL,
    value     TEXT,                        -- JSON; NULL: tracked, but the layout's own value counts
    revision  INTEGER NOT NULL,            -- when the request arrived that wrote it
    since     INTEGER NOT NULL,            -- the revision with which the writing page began to write it
    written   INTEGER NOT NULL,            -- when it was written
    page      TEXT    NOT NULL DEFAULT '', -- id of the page that wrote it; '': a command or the server
    user      TEXT    NOT NULL DEFAULT '', -- name of who wrote it; '': anonymous
    updated   INTEGER NOT NULL,
    PRIMARY KEY (instance, component, property)
) STRICT, WITHOUT ROWID;

-- What the properties were before: one row for each value that another visit
-- replaced. It held for the revisions from since up to, not including, until.
CREATE TABLE history (
    instance  INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    component TEXT    NOT NULL,
    property  TEXT    NOT NULL,
    revision  INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    value     TEXT,                        -- as in properties
    page      TEXT    NOT NULL,
    user      TEXT    NOT NULL,
    updated   INTEGER NOT NULL,            -- when the value was written
    replaced  INTEGER NOT NULL,            -- when it was replaced
    PRIMARY KEY (instance, component, property, revision)
) STRICT, WITHOUT ROWID;

-- Values that a page gives to an app which it embeds.
CREATE TABLE initial_arguments (
    hash    BLOB    NOT NULL PRIMARY KEY, -- of the id in the URL
    target  TEXT    NOT NULL,             -- 'app/<slug>' or 'instance/<slug>'
    session BLOB    NOT NULL,             -- hash of the session that may use it
    value   TEXT    NOT NULL,             -- base-state JSON
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX initial_arguments_by_expiry ON initial_arguments (expires);
CREATE INDEX initial_arguments_by_session ON initial_arguments (session, created);

CREATE TABLE users (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL,             -- as it was first written
    folded    TEXT    NOT NULL UNIQUE,      -- the same for names that differ in case alone
    password  TEXT    NOT NULL,             -- argon2id in PHC form; '': cannot sign in with one
    superuser INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL,
    signed_in INTEGER                       -- the last sign-in
) STRICT;

CREATE TABLE groups (
    id      INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL,
    folded  TEXT    NOT NULL UNIQUE, -- as in users
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    "group" INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY ("group", user)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user);

-- Browser sessions, of users and of anonymous visitors that have values.
CREATE TABLE sessions (
    hash    BLOB    NOT NULL PRIMARY KEY, -- of the cookie
    user    INTEGER REFERENCES users (id) ON DELETE CASCADE, -- NULL: anonymous
    agent   TEXT    NOT NULL DEFAULT '',  -- User-Agent at its begin, cut short
    address TEXT    NOT NULL DEFAULT '',  -- IP address at its begin
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL              -- last use, to the minute
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_seen ON sessions (seen);

CREATE TABLE session_values (
    session BLOB NOT NULL REFERENCES sessions (hash) ON DELETE CASCADE,
    scope   TEXT NOT NULL, -- '': shared; 'app:<slug>': private to an app
    key     TEXT NOT NULL,
    value   TEXT NOT NULL, -- JSON
    PRIMARY KEY (session, scope, key)
) STRICT, WITHOUT ROWID;

-- Failed sign-ins, so that guessing stays slow over restarts.
CREATE TABLE throttles (
    key      BLOB    NOT NULL PRIMARY KEY, -- keyed hash of an address, of an account as it was typed, or of both
    failures INTEGER NOT NULL,             -- 0: somebody has signed in to the account from the address
    updated  INTEGER NOT NULL              -- the last failure, or the last sign-in
) STRICT, WITHOUT ROWID;

-- +goose Down
