-- Administration: events are never deleted, because reservations refer to them for ever; seats may
-- be taken out of the sale; and who changed what is written down.

ALTER TABLE events ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1));
ALTER TABLE events ADD COLUMN seats_offered INTEGER NOT NULL DEFAULT 1
  CHECK (seats_offered IN (0, 1));

-- Written in the transaction of the change; a refused call is written down too. `detail` is JSON:
-- what was asked for, with the values before and after where there are any.
CREATE TABLE admin_audit_logs(
  id              {{identity}},
  at              BIGINT NOT NULL,
  admin_user_id   VARCHAR(36) NOT NULL,
  client_address  TEXT NOT NULL,
  action          VARCHAR(40) NOT NULL,
  resource_type   VARCHAR(40) NOT NULL,
  resource_id     VARCHAR(36),
  response_status INTEGER NOT NULL,
  detail          TEXT NOT NULL
);

CREATE INDEX admin_audit_logs_by_time ON admin_audit_logs(at);
