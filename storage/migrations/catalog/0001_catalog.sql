-- The catalog: artists, seat layouts, events and their price list. Stock belongs to the ticket role.
-- Times are milliseconds since 1970, UTC; prices are won.

CREATE TABLE artists(
  id               VARCHAR(36) NOT NULL PRIMARY KEY,
  name             TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
  image_url        TEXT,
  description      TEXT,
  membership_price BIGINT NOT NULL CHECK (membership_price >= 0),
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL
);

CREATE TABLE seat_layouts(
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
  description TEXT,
  total_seats INTEGER NOT NULL CHECK (total_seats > 0),
  config      TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);

-- No status: it follows from the clock. `search_text` is the folded title, artist, venue and
-- address; on PostgreSQL a trigram index on it serves the same queries.
CREATE TABLE events(
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  title       TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
  description TEXT,
  venue       TEXT NOT NULL CHECK (length(venue) BETWEEN 1 AND 255),
  address     TEXT,
  event_date  BIGINT NOT NULL,
  sale_start  BIGINT,
  sale_end    BIGINT,
  poster_url  TEXT,
  cancelled   INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
  layout_id   VARCHAR(36) REFERENCES seat_layouts(id),
  artist_id   VARCHAR(36) REFERENCES artists(id),
  artist_name TEXT,
  pre_scaled  INTEGER NOT NULL CHECK (pre_scaled IN (0, 1)),
  created_by  VARCHAR(36),
  search_text TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  CHECK (sale_start IS NULL OR sale_end IS NULL OR sale_end > sale_start),
  CHECK ((artist_id IS NULL) = (artist_name IS NULL))
);

CREATE INDEX events_by_sale_start ON events(sale_start, id);
CREATE INDEX events_by_sale_end ON events(sale_end);
CREATE INDEX events_by_date ON events(event_date);
CREATE INDEX events_by_artist ON events(artist_id, event_date);
CREATE INDEX events_by_layout ON events(layout_id);

CREATE TABLE ticket_types(
  id             VARCHAR(36) NOT NULL PRIMARY KEY,
  event_id       VARCHAR(36) NOT NULL REFERENCES events(id) ON DELETE CASCADE,
  name           TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  description    TEXT,
  price          BIGINT NOT NULL CHECK (price >= 0),
  total_quantity INTEGER NOT NULL CHECK (total_quantity >= 1),
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);

CREATE INDEX ticket_types_by_event ON ticket_types(event_id, price);

-- Two words for the same thing; a search for one also finds the other.
CREATE TABLE keyword_mappings(
  korean      TEXT NOT NULL CHECK (length(korean) BETWEEN 1 AND 255),
  english     TEXT NOT NULL CHECK (length(english) BETWEEN 1 AND 255),
  entity_type TEXT NOT NULL,
  PRIMARY KEY (korean, english)
) {{clustered}};
