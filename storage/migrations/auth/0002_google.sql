-- Google's name for the owner of an account; empty: not linked. An account without a password (empty
-- hash) can only be opened through it.

ALTER TABLE users ADD COLUMN google_id TEXT NOT NULL DEFAULT '';

CREATE UNIQUE INDEX users_google_id ON users (google_id) WHERE google_id <> '';
