-- +goose Up

-- Who may publish over HTTP.
CREATE TABLE tokens (
    id       INTEGER PRIMARY KEY,
    hash     BLOB    NOT NULL UNIQUE,      -- of the token
    name     TEXT    NOT NULL DEFAULT '',  -- what it is for
    channels TEXT    NOT NULL,             -- patterns as in path.Match, with blanks between
    created  INTEGER NOT NULL,
    expires  INTEGER,                      -- NULL: never
    used     INTEGER                       -- last use, to the minute; NULL: never
) STRICT;

-- Values that those who come later get too.
CREATE TABLE retained (
    channel TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    value   TEXT    NOT NULL, -- JSON
    updated INTEGER NOT NULL,
    PRIMARY KEY (channel, label)
) STRICT, WITHOUT ROWID;

-- +goose Down
