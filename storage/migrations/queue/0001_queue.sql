-- The queue's journal: everything that was promised and is not over yet.

CREATE TABLE queue_limits(
  event_id  VARCHAR(36) NOT NULL PRIMARY KEY,
  threshold INTEGER NOT NULL CHECK (threshold BETWEEN 1 AND 1000000)
) {{clustered}};

-- In join order: a join appends at the end, an admission deletes at the front.
CREATE TABLE queue_waiting(
  event_id VARCHAR(36) NOT NULL,
  sequence BIGINT NOT NULL CHECK (sequence > 0),
  user_id  VARCHAR(36) NOT NULL,
  PRIMARY KEY (event_id, sequence)
) {{clustered}};

CREATE TABLE queue_active(
  event_id   VARCHAR(36) NOT NULL,
  user_id    VARCHAR(36) NOT NULL,
  expires_at BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL,
  PRIMARY KEY (event_id, user_id)
) {{clustered}};

-- Users who said goodbye and still have their grace period (seconds since 2020).
CREATE TABLE queue_leaving(
  event_id VARCHAR(36) NOT NULL,
  user_id  VARCHAR(36) NOT NULL,
  since_s  BIGINT NOT NULL,
  PRIMARY KEY (event_id, user_id)
) {{clustered}};
