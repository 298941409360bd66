-- Requests that carried an Idempotency-Key, and how they were answered. The key itself is not here:
-- `scope` is a digest of caller, method, path and key. State 0: noted before it ran, for what must
-- never run twice; 1: answered.

CREATE TABLE idempotency_keys(
  scope        VARCHAR(64) NOT NULL PRIMARY KEY,
  owner        VARCHAR(64) NOT NULL,
  fingerprint  VARCHAR(64) NOT NULL,
  state        INTEGER NOT NULL CHECK (state IN (0, 1)),
  incarnation  VARCHAR(16) NOT NULL,
  started_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  status       INTEGER NOT NULL,
  content_type VARCHAR(255) NOT NULL,
  body         TEXT NOT NULL
);

CREATE INDEX idempotency_keys_expiry ON idempotency_keys(expires_at);
