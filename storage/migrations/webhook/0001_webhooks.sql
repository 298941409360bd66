-- The webhook role: addresses that want to hear of domain events, and every event on its way to
-- them. Times are milliseconds since 1970; 0 means not yet or none.

CREATE TABLE webhooks(
  id               VARCHAR(36) NOT NULL PRIMARY KEY,
  url              TEXT NOT NULL CHECK (length(url) BETWEEN 8 AND 2048),
  description      TEXT NOT NULL,
  types            TEXT NOT NULL CHECK (length(types) >= 1),
  event_id         VARCHAR(36),
  state            VARCHAR(20) NOT NULL
                   CHECK (state IN ('active', 'paused', 'suspended', 'disabled')),
  state_reason     TEXT NOT NULL,
  state_since      BIGINT NOT NULL,
  secret           TEXT NOT NULL,
  old_secret       TEXT NOT NULL,
  old_secret_until BIGINT NOT NULL,
  pending          BIGINT NOT NULL CHECK (pending >= 0),
  dead             BIGINT NOT NULL CHECK (dead >= 0),
  missed           BIGINT NOT NULL CHECK (missed >= 0),
  created_by       VARCHAR(36),
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL
);

-- `sequence` is the order of what one webhook gets of one key (a lane).
CREATE TABLE webhook_deliveries(
  sequence    {{identity}},
  webhook_id  VARCHAR(36) NOT NULL,
  event_id    VARCHAR(36) NOT NULL,
  lane_key    TEXT NOT NULL,
  type        TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  trace       TEXT NOT NULL,
  body        TEXT NOT NULL,
  status      VARCHAR(10) NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
  attempts    INTEGER NOT NULL CHECK (attempts >= 0),
  replays     INTEGER NOT NULL CHECK (replays >= 0),
  last_status INTEGER NOT NULL,
  last_error  TEXT NOT NULL,
  queued_at   BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL
);

CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries(webhook_id, event_id);
CREATE INDEX webhook_deliveries_by_hook ON webhook_deliveries(webhook_id, sequence);
CREATE INDEX webhook_deliveries_by_status ON webhook_deliveries(webhook_id, status, sequence);
CREATE INDEX webhook_deliveries_by_lane ON webhook_deliveries(webhook_id, lane_key, sequence)
  WHERE status = 'pending';
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries(status, ended_at);

-- The lanes in which something is pending: their first delivery, and when it may be sent. What is
-- due is found here without looking at what stands behind it.
CREATE TABLE webhook_lanes(
  webhook_id VARCHAR(36) NOT NULL,
  lane_key   TEXT NOT NULL,
  head       BIGINT NOT NULL,
  due_at     BIGINT NOT NULL,
  PRIMARY KEY (webhook_id, lane_key)
) {{clustered}};

CREATE INDEX webhook_lanes_by_due ON webhook_lanes(webhook_id, due_at, head);

-- Webhooks that are gone; their deliveries follow in small steps.
CREATE TABLE removed_webhooks(
  id VARCHAR(36) NOT NULL PRIMARY KEY
);

CREATE INDEX processed_events_by_time ON processed_events(processed_at);
