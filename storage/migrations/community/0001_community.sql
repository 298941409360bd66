-- The community role: news, artist boards and their comments. Times are milliseconds since 1970.
-- Accounts and artists belong to other roles; their ids and names stand here as they were when
-- something was written.

CREATE TABLE news(
  id         VARCHAR(36) NOT NULL PRIMARY KEY,
  title      TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
  content    TEXT NOT NULL CHECK (length(content) >= 1),
  author     TEXT NOT NULL CHECK (length(author) BETWEEN 1 AND 100),
  author_id  VARCHAR(36),
  views      BIGINT NOT NULL CHECK (views >= 0),
  is_pinned  INTEGER NOT NULL CHECK (is_pinned IN (0, 1)),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE INDEX news_by_order ON news(is_pinned, created_at, id);

CREATE TABLE community_posts(
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  artist_id     VARCHAR(36) NOT NULL,
  author_id     VARCHAR(36) NOT NULL,
  author_name   TEXT NOT NULL CHECK (length(author_name) BETWEEN 1 AND 100),
  title         TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
  content       TEXT NOT NULL CHECK (length(content) >= 1),
  views         BIGINT NOT NULL CHECK (views >= 0),
  comment_count BIGINT NOT NULL CHECK (comment_count >= 0),
  is_pinned     INTEGER NOT NULL CHECK (is_pinned IN (0, 1)),
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL
);

CREATE INDEX community_posts_by_order ON community_posts(is_pinned, created_at, id);
CREATE INDEX community_posts_by_artist ON community_posts(artist_id, is_pinned, created_at, id);

CREATE TABLE community_comments(
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  post_id     VARCHAR(36) NOT NULL REFERENCES community_posts(id) ON DELETE CASCADE,
  author_id   VARCHAR(36) NOT NULL,
  author_name TEXT NOT NULL CHECK (length(author_name) BETWEEN 1 AND 100),
  content     TEXT NOT NULL CHECK (length(content) >= 1),
  created_at  BIGINT NOT NULL
);

CREATE INDEX community_comments_by_post ON community_comments(post_id, created_at, id);

-- Points that were given for something written here. `business_day` counts days of Korea since
-- 1970; the index finds how often a user was awarded that day. A row stays when what it was given
-- for is deleted, with the time at which the points were taken back.
CREATE TABLE point_awards(
  reference_id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id      VARCHAR(36) NOT NULL,
  action       VARCHAR(30) NOT NULL
               CHECK (action IN ('NEWS_CREATION', 'COMMUNITY_POST', 'COMMUNITY_COMMENT')),
  points       INTEGER NOT NULL CHECK (points > 0),
  artist_id    VARCHAR(36),
  post_id      VARCHAR(36),
  business_day INTEGER NOT NULL,
  awarded_at   BIGINT NOT NULL,
  revoked_at   BIGINT
) {{clustered}};

CREATE INDEX point_awards_by_day ON point_awards(user_id, action, business_day);
CREATE INDEX point_awards_by_post ON point_awards(post_id);
