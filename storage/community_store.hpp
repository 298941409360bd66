#pragma once

#include "actors/base/result.hpp"
#include "actors/community/messages.hpp"
#include "actors/community/points.hpp"
#include "actors/store/group_commit.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

// What the community role needs from a database, by use case.

namespace tiketi::community {

/// New rows. Below its daily limit each also awards its author points: a row that remembers it and
/// POINTS_EARNED in the outbox, in the same transaction.
struct insert_news {
  news_row row;
};

struct insert_post {
  post_row row;
};

/// Refused as not_found without its post; adds 1 to the post's count.
struct insert_comment {
  comment_row row;
};

/// Adds to the views of news or posts; what is gone is passed over.
struct add_views {
  std::vector<std::pair<uuid, std::int64_t>> views;
};

/// Only into an empty table: otherwise nothing is written.
struct seed_news {
  std::vector<news_row> rows;
};

/// edit_* checks that the editor is the author, delete_* that the author or an administrator asks.
/// A deletion takes back the points given for what goes: for the thing itself, and with a post for
/// its author's own comments below it (others keep theirs: it was not they who deleted).
struct community_write {
  std::variant<insert_news, edit_news, delete_news, insert_post, edit_post, delete_post,
               insert_comment, delete_comment, add_views, seed_news>
      command;
  time_point now;
  daily_limits limits;
};

struct community_written {
  commit_status status = commit_status::failed;
  std::optional<failure> refused; ///< rejected: why
  std::optional<news_row> news;   ///< as stored now, after insert and edit
  std::optional<post_row> post;
  std::optional<comment_row> comment;
  std::int64_t awarded = 0; ///< points given by it
  std::int64_t revoked = 0; ///< points taken back by it
  std::int64_t rows = 0;    ///< of seed_news
};

/// Implementations reconnect by themselves.
using community_writes = commit_target<community_write, community_written>;

/// One connection for reading; one thread at a time. Sees only committed state.
class community_queries {
public:
  virtual ~community_queries() = default;

  virtual result<news_page> news(const list_news& query) = 0;
  virtual result<std::optional<news_row>> find_news(news_id id) = 0;
  virtual result<post_page> posts(const list_posts& query) = 0;
  virtual result<std::optional<post_row>> find_post(post_id id) = 0;
  virtual result<comment_page> comments(const list_comments& query) = 0;
};

} // namespace tiketi::community

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::community_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::community_written)

namespace tiketi::community {

using community_writer = writer_actor<community_write, community_written>;

} // namespace tiketi::community
