#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

// These messages never leave the process: every node with a gateway runs its own community actor,
// and what the nodes share is the database.

namespace tiketi::community {

using news_id = basic_id<struct news_tag>;
using post_id = basic_id<struct post_tag>;
using comment_id = basic_id<struct comment_tag>;

inline constexpr std::size_t title_characters_max = 255;
inline constexpr std::size_t content_characters_max = 50'000;
inline constexpr std::size_t comment_characters_max = 5000;

struct news_row {
  news_id id;
  std::string title;
  std::string content;
  std::string author; ///< name of the account when it was written
  user_id author_id;  ///< nil: none, nobody may edit it
  std::int64_t views = 0;
  bool pinned = false;
  time_point created_at;
  time_point updated_at;
};

struct post_row {
  post_id id;
  artist_id artist;
  user_id author;
  std::string author_name;
  std::string title;
  std::string content; ///< empty in lists
  std::int64_t views = 0;
  std::int64_t comments = 0;
  bool pinned = false;
  time_point created_at;
  time_point updated_at;
};

struct comment_row {
  comment_id id;
  post_id post;
  user_id author;
  std::string author_name;
  std::string content;
  time_point created_at;
};

// -- queries -----------------------------------------------------------------------------------

/// A part of a list: `page` from 1, `limit` from 1.
struct page_of {
  std::int32_t page = 1;
  std::int32_t limit = 20;
};

/// Pinned first, then newest. Answered by `news_page`.
struct list_news {
  page_of part;
};

struct news_page {
  std::vector<news_row> rows;
  std::int64_t total = 0; ///< of the whole list
};

/// Answered by `news_row`; not_found. A viewer who was not here for a while adds a view, which the
/// answer includes.
struct show_news {
  news_id id;
  std::string viewer; ///< tells one person from another; empty: not counted
};

/// Pinned first, then newest. Answered by `post_page`.
struct list_posts {
  std::optional<artist_id> artist;
  page_of part;
};

struct post_page {
  std::vector<post_row> rows;
  std::int64_t total = 0;
};

/// Answered by `post_row`; not_found. Counts as `show_news` does.
struct show_post {
  post_id id;
  std::string viewer;
};

/// Oldest first; of a post that does not exist: none. Answered by `comment_page`.
struct list_comments {
  post_id post;
  page_of part;
};

struct comment_page {
  std::vector<comment_row> rows;
  std::int64_t total = 0;
};

// -- commands; texts were checked for their length ------------------------------------------------

/// Answered by `news_row`. The caller made sure that the author is an administrator.
struct publish_news {
  user_id author;
  std::string title;
  std::string content;
  bool pinned = false;
};

/// Answered by `news_row`; not_found; forbidden for anybody but the author.
struct edit_news {
  news_id id;
  user_id editor;
  std::string title;
  std::string content;
  std::optional<bool> pinned; ///< nothing: as it is
};

/// Answered by `deleted`; not_found. The caller made sure that an administrator asks.
struct delete_news {
  news_id id;
};

/// Answered by `post_row`; not_found: no such artist.
struct publish_post {
  user_id author;
  artist_id artist;
  std::string title;
  std::string content;
};

/// Answered by `post_row`; not_found; forbidden for anybody but the author.
struct edit_post {
  post_id id;
  user_id editor;
  std::string title;
  std::string content;
};

/// Answered by `deleted`; not_found; forbidden unless author or administrator.
struct delete_post {
  post_id id;
  user_id by;
  bool by_admin = false;
};

/// Answered by `comment_row`; not_found: no such post.
struct publish_comment {
  post_id post;
  user_id author;
  std::string content;
};

/// Answered by `deleted`; not_found, also for a comment of another post; forbidden unless author or
/// administrator.
struct delete_comment {
  comment_id id;
  post_id post;
  user_id by;
  bool by_admin = false;
};

struct deleted {};

} // namespace tiketi::community

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::news_row)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::post_row)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::comment_row)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::list_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::news_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::show_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::list_posts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::post_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::show_post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::list_comments)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::comment_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::publish_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::edit_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::delete_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::publish_post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::edit_post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::delete_post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::publish_comment)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::delete_comment)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::deleted)
