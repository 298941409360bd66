-- The numbered waiting rooms (tier 1). A number is its own place in the line, so there is one row
-- per event however many people wait.

CREATE TABLE vwr_rooms(
  event_id   VARCHAR(36) NOT NULL PRIMARY KEY,
  generation BIGINT NOT NULL CHECK (generation > 0),
  active     INTEGER NOT NULL CHECK (active IN (0, 1)),
  issued     BIGINT NOT NULL CHECK (issued >= 0),
  serving    BIGINT NOT NULL CHECK (serving >= 0 AND serving <= issued),
  version    BIGINT NOT NULL CHECK (version > 0),
  updated_at BIGINT NOT NULL
) {{clustered}};
