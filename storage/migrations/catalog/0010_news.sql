-- When answers that a node of a cluster keeps are out of date: the version grows by one with each
-- change of the catalog, in that change's transaction; the row is locked until its commit, so versions
-- become visible in their order.

CREATE TABLE news(
  id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL
);

INSERT INTO news(id, version) VALUES (1, 0);

-- Up to where a node has taken the changes in, and when it was last there.
CREATE TABLE news_readers(
  node    VARCHAR(64) NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);
