-- +goose Up

-- Who did what: sign-ins, and changes of users, access, instances and tokens.
-- Rows come at the end and go with age alone. An id is never used again, so a
-- gap shows that rows were taken out.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    time    INTEGER NOT NULL,
    sparse  INTEGER NOT NULL DEFAULT 0, -- strangers or pages can cause it as often as they like: not each time is here
    action  TEXT    NOT NULL,           -- such as 'user.password'
    target  TEXT    NOT NULL,           -- what it was done to, such as 'user ann'; '': the actor, or the server
    actor   TEXT    NOT NULL,           -- name of a user, 'command line' or 'the program'; '': nobody known
    address TEXT    NOT NULL,           -- IP address; of a command, the user of the machine
    request TEXT    NOT NULL,           -- id of the request, as the server's log has it; '': none
    detail  TEXT    NOT NULL            -- such as 'access: authenticated -> public'; never a secret
) STRICT;

CREATE INDEX audit_by_time ON audit (sparse, time);

-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit log is not changed');
END;
-- +goose StatementEnd

-- +goose Down
