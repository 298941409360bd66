-- Memberships of artists, and tickets offered for resale.

ALTER TABLE events ADD COLUMN poster_url TEXT NOT NULL DEFAULT '';

-- What `catalog-events` says about artists.
CREATE TABLE artists(
  id               VARCHAR(36) NOT NULL PRIMARY KEY,
  name             TEXT NOT NULL,
  image_url        TEXT NOT NULL,
  membership_price BIGINT NOT NULL CHECK (membership_price >= 0)
) {{clustered}};

CREATE TABLE artist_memberships(
  id         VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id    VARCHAR(36) NOT NULL,
  artist_id  VARCHAR(36) NOT NULL,
  status     VARCHAR(20) NOT NULL CHECK (status IN ('pending', 'active', 'expired')),
  points     BIGINT NOT NULL CHECK (points >= 0),
  price      BIGINT NOT NULL CHECK (price >= 0),
  paid_by    VARCHAR(36),
  joined_at  BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  version    BIGINT NOT NULL CHECK (version > 0),
  UNIQUE (user_id, artist_id),
  CHECK (status = 'pending' OR paid_by IS NOT NULL)
) {{clustered}};

CREATE INDEX artist_memberships_over ON artist_memberships(expires_at) WHERE status = 'active';

-- The same thing gives points once. What is taken back is an entry of its own, below zero.
CREATE TABLE membership_points(
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  membership_id VARCHAR(36) NOT NULL REFERENCES artist_memberships(id),
  action_type   VARCHAR(50) NOT NULL,
  points        BIGINT NOT NULL CHECK (points <> 0),
  description   TEXT NOT NULL,
  reference_id  VARCHAR(36) NOT NULL,
  created_at    BIGINT NOT NULL,
  UNIQUE (membership_id, action_type, reference_id)
) {{clustered}};

CREATE INDEX membership_points_by_time ON membership_points(membership_id, created_at);

-- A listing. What the seller had paid with is kept when it is sold: that payment has done its work
-- and gives no right to the ticket any more.
CREATE TABLE ticket_transfers(
  id                   VARCHAR(36) NOT NULL PRIMARY KEY,
  reservation_id       VARCHAR(36) NOT NULL REFERENCES reservations(id),
  seller_id            VARCHAR(36) NOT NULL,
  buyer_id             VARCHAR(36),
  artist_id            VARCHAR(36),
  original_price       BIGINT NOT NULL CHECK (original_price >= 0),
  transfer_fee         BIGINT NOT NULL CHECK (transfer_fee >= 0),
  transfer_fee_percent INTEGER NOT NULL CHECK (transfer_fee_percent BETWEEN 0 AND 100),
  total_price          BIGINT NOT NULL CHECK (total_price = original_price + transfer_fee),
  status               VARCHAR(20) NOT NULL CHECK (status IN ('listed', 'completed', 'cancelled')),
  payment_id           VARCHAR(36),
  seller_payment_id    VARCHAR(36),
  created_at           BIGINT NOT NULL,
  completed_at         BIGINT NOT NULL,
  updated_at           BIGINT NOT NULL,
  CHECK ((status = 'completed') = (buyer_id IS NOT NULL)),
  CHECK ((status = 'completed') = (payment_id IS NOT NULL)),
  CHECK ((status = 'completed') = (completed_at > 0)),
  CHECK (buyer_id IS NULL OR buyer_id <> seller_id)
) {{clustered}};

CREATE UNIQUE INDEX ticket_transfers_listed ON ticket_transfers(reservation_id)
  WHERE status = 'listed';
CREATE INDEX ticket_transfers_by_reservation ON ticket_transfers(reservation_id);
CREATE INDEX ticket_transfers_on_offer ON ticket_transfers(created_at) WHERE status = 'listed';
CREATE INDEX ticket_transfers_by_seller ON ticket_transfers(seller_id, created_at);
