-- Who is a member, and which node owns which shard. Small, and all of it may be read every second.

-- One row. The epoch grows when the set of members, their roles, weights or drain states change;
-- whoever changes them locks this row first, so that changes come one after the other.
CREATE TABLE cluster_state(
  id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  cluster_id VARCHAR(36) NOT NULL,
  epoch      BIGINT NOT NULL CHECK (epoch >= 0)
);

INSERT INTO cluster_state(id, cluster_id, epoch) VALUES (1, '', 0);

-- A name keeps its row when its lease ends (member 0), so that its incarnations go on counting.
CREATE TABLE cluster_nodes(
  node        VARCHAR(64) NOT NULL PRIMARY KEY,
  incarnation BIGINT NOT NULL CHECK (incarnation > 0),
  boot        VARCHAR(36) NOT NULL,
  member      INTEGER NOT NULL CHECK (member IN (0, 1)),
  address     VARCHAR(255) NOT NULL,
  roles       VARCHAR(255) NOT NULL,
  weight      INTEGER NOT NULL CHECK (weight >= 0),
  version     VARCHAR(64) NOT NULL,
  protocol    INTEGER NOT NULL,
  lease_ms    BIGINT NOT NULL CHECK (lease_ms > 0),
  draining    INTEGER NOT NULL CHECK (draining IN (0, 1)),
  renewals    BIGINT NOT NULL,
  renewed_at  BIGINT NOT NULL
);

-- An owner whose incarnation is no member any more counts as none. The epoch grows with each owner.
CREATE TABLE cluster_shards(
  role        VARCHAR(32) NOT NULL,
  shard       INTEGER NOT NULL CHECK (shard >= 0),
  owner       VARCHAR(64) NOT NULL,
  incarnation BIGINT NOT NULL,
  epoch       BIGINT NOT NULL CHECK (epoch >= 0),
  PRIMARY KEY (role, shard)
);

CREATE INDEX cluster_shards_owner ON cluster_shards(owner);
