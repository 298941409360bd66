-- What every role's database has: events to send, and events that were applied.

CREATE TABLE outbox(
  sequence    {{identity}},
  event_id    VARCHAR(36) NOT NULL,
  topic       TEXT NOT NULL,
  key         TEXT NOT NULL,
  type        TEXT NOT NULL,
  version     INTEGER NOT NULL CHECK (version > 0),
  occurred_at BIGINT NOT NULL,
  trace       TEXT NOT NULL,
  payload     TEXT NOT NULL
);

-- Every event up to and including `sequence` is applied.
CREATE TABLE outbox_cursors(
  consumer TEXT NOT NULL PRIMARY KEY,
  sequence BIGINT NOT NULL CHECK (sequence >= 0)
);

CREATE TABLE processed_events(
  consumer     TEXT NOT NULL,
  event_id     VARCHAR(36) NOT NULL,
  processed_at BIGINT NOT NULL,
  PRIMARY KEY (consumer, event_id)
) {{clustered}};

-- Events a consumer can never apply, set aside so that those behind them are not held up.
CREATE TABLE dead_events(
  consumer    TEXT NOT NULL,
  event_id    VARCHAR(36) NOT NULL,
  topic       TEXT NOT NULL,
  key         TEXT NOT NULL,
  type        TEXT NOT NULL,
  version     INTEGER NOT NULL,
  occurred_at BIGINT NOT NULL,
  payload     TEXT NOT NULL,
  reason      TEXT NOT NULL,
  dead_at     BIGINT NOT NULL,
  PRIMARY KEY (consumer, event_id)
) {{clustered}};
