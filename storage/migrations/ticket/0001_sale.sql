-- The ticket role: seats, stock and reservations. Events, layouts, seats and ticket types come from
-- the catalog role's domain events; times are milliseconds since 1970, money is in won.

CREATE TABLE seat_layouts(
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  total_seats INTEGER NOT NULL CHECK (total_seats >= 0),
  config      TEXT NOT NULL
) {{clustered}};

CREATE TABLE events(
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  title         TEXT NOT NULL,
  venue         TEXT NOT NULL,
  address       TEXT NOT NULL,
  event_date    BIGINT NOT NULL,
  sale_start    BIGINT NOT NULL,
  sale_end      BIGINT NOT NULL,
  cancelled     INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
  artist_id     VARCHAR(36),
  artist_name   TEXT NOT NULL,
  layout_id     VARCHAR(36),
  layout_config TEXT NOT NULL
) {{clustered}};

CREATE TABLE ticket_types(
  id                 VARCHAR(36) NOT NULL PRIMARY KEY,
  event_id           VARCHAR(36) NOT NULL REFERENCES events(id),
  name               TEXT NOT NULL,
  description        TEXT NOT NULL,
  price              BIGINT NOT NULL CHECK (price >= 0),
  total_quantity     INTEGER NOT NULL CHECK (total_quantity >= 0),
  available_quantity INTEGER NOT NULL,
  CHECK (available_quantity >= 0 AND available_quantity <= total_quantity)
) {{clustered}};

CREATE INDEX ticket_types_by_event ON ticket_types(event_id);

-- A seat carries the one reservation that holds it or bought it. The fencing token survives
-- releases, so it only grows.
CREATE TABLE seats(
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  event_id      VARCHAR(36) NOT NULL REFERENCES events(id),
  section       TEXT NOT NULL,
  row_number    INTEGER NOT NULL,
  seat_number   INTEGER NOT NULL,
  seat_label    TEXT NOT NULL,
  price         BIGINT NOT NULL CHECK (price >= 0),
  status        VARCHAR(20) NOT NULL CHECK (status IN ('available', 'locked', 'reserved')),
  version       BIGINT NOT NULL CHECK (version >= 0),
  fencing_token BIGINT NOT NULL CHECK (fencing_token >= 0),
  holder        VARCHAR(36),
  UNIQUE (event_id, section, row_number, seat_number),
  CHECK ((status = 'available') = (holder IS NULL))
) {{clustered}};

-- The unique key also finds the reservations of a user; keys that are null never collide.
CREATE TABLE reservations(
  id                 VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id            VARCHAR(36) NOT NULL,
  event_id           VARCHAR(36) NOT NULL REFERENCES events(id),
  reservation_number TEXT NOT NULL,
  total_amount       BIGINT NOT NULL CHECK (total_amount >= 0),
  status             VARCHAR(20) NOT NULL
                     CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired')),
  payment_status     VARCHAR(20) NOT NULL
                     CHECK (payment_status IN ('pending', 'completed', 'refund_requested', 'refunded')),
  payment_method     TEXT NOT NULL,
  paid_by            VARCHAR(36),
  idempotency_key    VARCHAR(64) CHECK (length(idempotency_key) BETWEEN 1 AND 64),
  created_at         BIGINT NOT NULL,
  expires_at         BIGINT NOT NULL,
  UNIQUE (user_id, idempotency_key)
) {{clustered}};

CREATE INDEX reservations_by_event ON reservations(event_id);

CREATE TABLE reservation_items(
  reservation_id VARCHAR(36) NOT NULL REFERENCES reservations(id),
  line           INTEGER NOT NULL,
  seat_id        VARCHAR(36) REFERENCES seats(id),
  ticket_type_id VARCHAR(36) REFERENCES ticket_types(id),
  quantity       INTEGER NOT NULL CHECK (quantity > 0),
  unit_price     BIGINT NOT NULL CHECK (unit_price >= 0),
  fencing_token  BIGINT NOT NULL CHECK (fencing_token >= 0),
  seat_version   BIGINT NOT NULL CHECK (seat_version >= 0),
  PRIMARY KEY (reservation_id, line),
  CHECK ((seat_id IS NULL) <> (ticket_type_id IS NULL)),
  CHECK (seat_id IS NULL OR quantity = 1)
) {{clustered}};

-- What happened after the creation, which is told by reservations.created_at.
CREATE TABLE reservation_history(
  reservation_id VARCHAR(36) NOT NULL REFERENCES reservations(id),
  position       INTEGER NOT NULL,
  at             BIGINT NOT NULL,
  action         TEXT NOT NULL,
  detail         TEXT NOT NULL,
  PRIMARY KEY (reservation_id, position)
) {{clustered}};
