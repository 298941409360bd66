-- The statistics role: what it was told by domain events, as ledgers (reservations, payments, users)
-- and as sums that are kept up with them in the same transaction. Times are milliseconds since 1970
-- (0: not yet), hours are whole hours since 1970, money is in won, empty texts mean none.

CREATE TABLE users(
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  role          VARCHAR(20) NOT NULL,
  registered_at BIGINT NOT NULL
) {{clustered}};

CREATE INDEX users_by_role ON users(role);

-- `known` is 0 for an event that only its reservations told of so far. `capacity` is the number of
-- seats, or the stock of tickets of a standing event. `held` and `sold` count seats and tickets.
CREATE TABLE events(
  id           VARCHAR(36) NOT NULL PRIMARY KEY,
  known        INTEGER NOT NULL DEFAULT 0 CHECK (known IN (0, 1)),
  title        TEXT NOT NULL DEFAULT '',
  venue        TEXT NOT NULL DEFAULT '',
  event_date   BIGINT NOT NULL DEFAULT 0,
  sale_start   BIGINT NOT NULL DEFAULT 0,
  sale_end     BIGINT NOT NULL DEFAULT 0,
  cancelled    INTEGER NOT NULL DEFAULT 0 CHECK (cancelled IN (0, 1)),
  seated       INTEGER NOT NULL DEFAULT 0 CHECK (seated IN (0, 1)),
  capacity     BIGINT NOT NULL DEFAULT 0 CHECK (capacity >= 0),
  pending      BIGINT NOT NULL DEFAULT 0 CHECK (pending >= 0),
  confirmed    BIGINT NOT NULL DEFAULT 0 CHECK (confirmed >= 0),
  given_up     BIGINT NOT NULL DEFAULT 0 CHECK (given_up >= 0),
  expired      BIGINT NOT NULL DEFAULT 0 CHECK (expired >= 0),
  held         BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
  sold         BIGINT NOT NULL DEFAULT 0 CHECK (sold >= 0),
  paid         BIGINT NOT NULL DEFAULT 0 CHECK (paid >= 0),
  refunded     BIGINT NOT NULL DEFAULT 0 CHECK (refunded >= 0)
) {{clustered}};

CREATE TABLE event_rows(
  event_id   VARCHAR(36) NOT NULL,
  section    TEXT NOT NULL,
  row_number INTEGER NOT NULL,
  price      BIGINT NOT NULL DEFAULT 0,
  seats      BIGINT NOT NULL DEFAULT 0 CHECK (seats >= 0),
  sold       BIGINT NOT NULL DEFAULT 0 CHECK (sold >= 0),
  PRIMARY KEY (event_id, section, row_number)
) {{clustered}};

CREATE TABLE reservations(
  id           VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id      VARCHAR(36) NOT NULL,
  event_id     VARCHAR(36) NOT NULL,
  amount       BIGINT NOT NULL CHECK (amount >= 0),
  seats        INTEGER NOT NULL CHECK (seats >= 0),
  tickets      INTEGER NOT NULL CHECK (tickets >= 0),
  status       VARCHAR(20) NOT NULL
               CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired')),
  created_at   BIGINT NOT NULL,
  confirmed_at BIGINT NOT NULL DEFAULT 0,
  ended_at     BIGINT NOT NULL DEFAULT 0
) {{clustered}};

CREATE INDEX reservations_by_creation ON reservations(created_at, event_id);
CREATE INDEX reservations_by_confirmation ON reservations(confirmed_at);
CREATE INDEX reservations_by_end ON reservations(ended_at);
CREATE INDEX reservations_pending ON reservations(seats) WHERE status = 'pending';

CREATE TABLE reservation_rows(
  reservation_id VARCHAR(36) NOT NULL,
  section        TEXT NOT NULL,
  row_number     INTEGER NOT NULL,
  seats          INTEGER NOT NULL CHECK (seats > 0),
  PRIMARY KEY (reservation_id, section, row_number)
) {{clustered}};

-- Whose a reservation is since it was resold, and what that one paid.
CREATE TABLE reservation_owners(
  reservation_id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id        VARCHAR(36) NOT NULL,
  paid           BIGINT NOT NULL CHECK (paid >= 0),
  since          BIGINT NOT NULL
) {{clustered}};

CREATE INDEX reservation_owners_by_time ON reservation_owners(since);

CREATE TABLE payments(
  id           VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id      VARCHAR(36) NOT NULL,
  event_id     VARCHAR(36) NOT NULL,
  payment_type VARCHAR(20) NOT NULL,
  method       VARCHAR(50) NOT NULL,
  amount       BIGINT NOT NULL CHECK (amount >= 0),
  confirmed_at BIGINT NOT NULL,
  refunded_at  BIGINT NOT NULL DEFAULT 0
) {{clustered}};

CREATE INDEX payments_by_confirmation ON payments(confirmed_at);
CREATE INDEX payments_by_refund ON payments(refunded_at);

CREATE TABLE payment_methods(
  method VARCHAR(50) NOT NULL PRIMARY KEY,
  count  BIGINT NOT NULL DEFAULT 0,
  amount BIGINT NOT NULL DEFAULT 0
) {{clustered}};

-- What happened in an hour; cohort_*: where the reservations created in that hour stand now. The
-- sums of time are of what was confirmed, cancelled, and let go while pending in that hour.
CREATE TABLE hours(
  hour             BIGINT NOT NULL PRIMARY KEY,
  created          BIGINT NOT NULL DEFAULT 0,
  confirmed        BIGINT NOT NULL DEFAULT 0,
  cancelled        BIGINT NOT NULL DEFAULT 0,
  expired          BIGINT NOT NULL DEFAULT 0,
  cohort_confirmed BIGINT NOT NULL DEFAULT 0,
  cohort_cancelled BIGINT NOT NULL DEFAULT 0,
  cohort_expired   BIGINT NOT NULL DEFAULT 0,
  confirm_ms       BIGINT NOT NULL DEFAULT 0,
  cancel_ms        BIGINT NOT NULL DEFAULT 0,
  released         BIGINT NOT NULL DEFAULT 0,
  release_ms       BIGINT NOT NULL DEFAULT 0,
  payments         BIGINT NOT NULL DEFAULT 0,
  failed_payments  BIGINT NOT NULL DEFAULT 0,
  paid             BIGINT NOT NULL DEFAULT 0,
  refunds          BIGINT NOT NULL DEFAULT 0,
  refunded         BIGINT NOT NULL DEFAULT 0,
  registered       BIGINT NOT NULL DEFAULT 0,
  transfers        BIGINT NOT NULL DEFAULT 0,
  memberships      BIGINT NOT NULL DEFAULT 0,
  requests         BIGINT NOT NULL DEFAULT 0,
  failed_requests  BIGINT NOT NULL DEFAULT 0
) {{clustered}};
