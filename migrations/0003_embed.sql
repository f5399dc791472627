-- +goose Up

-- Addresses of apps for pages of other sites, until the first load: then a
-- session takes the token's place.
CREATE TABLE embed_tokens (
    hash    BLOB    NOT NULL PRIMARY KEY,                       -- of the token
    target  TEXT    NOT NULL,                                   -- 'app/<slug>' or 'instance/<slug>'
    user    INTEGER REFERENCES users (id) ON DELETE CASCADE,    -- who the visitor is; NULL: anonymous
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX embed_tokens_by_user ON embed_tokens (user);
CREATE INDEX embed_tokens_by_expiry ON embed_tokens (expires);

-- What the session is for, as in embed_tokens; NULL: the whole site, by a cookie.
ALTER TABLE sessions ADD COLUMN target TEXT;

-- +goose Down
