-- How many active members an artist has, counted from `membership-events`.

CREATE TABLE artist_members(
  artist_id VARCHAR(36) NOT NULL PRIMARY KEY,
  members   BIGINT NOT NULL
) {{clustered}};
