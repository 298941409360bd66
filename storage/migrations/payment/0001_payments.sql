-- The payment role. Times are milliseconds since 1970 (0: not yet), money is in won, empty texts
-- mean none. A payment is for a reservation, or for what `reference_id` names.

CREATE TABLE payments(
  id              VARCHAR(36) NOT NULL PRIMARY KEY,
  payment_type    VARCHAR(20) NOT NULL
                  CHECK (payment_type IN ('reservation', 'transfer', 'membership')),
  reservation_id  VARCHAR(36),
  reference_id    VARCHAR(36),
  event_id        VARCHAR(36) NOT NULL,
  user_id         VARCHAR(36) NOT NULL,
  order_id        VARCHAR(64) NOT NULL UNIQUE,
  payment_key     VARCHAR(200) NOT NULL,
  amount          BIGINT NOT NULL CHECK (amount >= 0),
  method          VARCHAR(20) NOT NULL
                  CHECK (method IN ('', 'toss', 'naver_pay', 'kakao_pay', 'bank_transfer', 'card')),
  status          VARCHAR(20) NOT NULL
                  CHECK (status IN ('pending', 'capturing', 'captured', 'failed', 'refunding',
                                    'refunded')),
  resolved        INTEGER NOT NULL CHECK (resolved IN (0, 1)),
  provider        VARCHAR(50) NOT NULL,
  demo            INTEGER NOT NULL CHECK (demo IN (0, 1)),
  provider_status VARCHAR(50) NOT NULL,
  failure_text    TEXT NOT NULL,
  refund_reason   TEXT NOT NULL,
  refund_amount   BIGINT NOT NULL CHECK (refund_amount >= 0 AND refund_amount <= amount),
  approved_at     BIGINT NOT NULL,
  refunded_at     BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  confirm_message VARCHAR(36) NOT NULL,
  refund_message  VARCHAR(36) NOT NULL,
  version         BIGINT NOT NULL CHECK (version > 0),
  CHECK ((payment_type = 'reservation') = (reservation_id IS NOT NULL)),
  CHECK ((payment_type = 'reservation') = (reference_id IS NULL)),
  CHECK ((status IN ('captured', 'refunding', 'refunded')) = (approved_at > 0)),
  CHECK ((status = 'refunded') = (refunded_at > 0))
) {{clustered}};

-- Whoever pays twice for one thing pays once.
CREATE UNIQUE INDEX payments_live_reservation ON payments(reservation_id)
  WHERE reservation_id IS NOT NULL AND status NOT IN ('failed', 'refunded');
CREATE UNIQUE INDEX payments_live_reference ON payments(payment_type, reference_id)
  WHERE reference_id IS NOT NULL AND status NOT IN ('failed', 'refunded');
CREATE UNIQUE INDEX payments_key ON payments(payment_key)
  WHERE payment_key <> '' AND status <> 'failed';
CREATE INDEX payments_by_reservation ON payments(reservation_id, created_at);
CREATE INDEX payments_by_user ON payments(user_id, created_at);
CREATE INDEX payments_unfinished ON payments(id) WHERE status IN ('capturing', 'refunding');

-- Every call to a provider.
CREATE TABLE payment_logs(
  id         {{identity}},
  payment_id VARCHAR(36) NOT NULL REFERENCES payments(id),
  at         BIGINT NOT NULL,
  action     VARCHAR(20) NOT NULL,
  outcome    VARCHAR(20) NOT NULL,
  detail     TEXT NOT NULL
);

CREATE INDEX payment_logs_by_payment ON payment_logs(payment_id);
