#include "storage/sql/community_store.hpp"

#include "storage/sql/built_query.hpp"
#include "storage/sql/query_guard.hpp"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace community;

constexpr std::string_view news_columns =
    "id, title, content, author, author_id, views, is_pinned, created_at, updated_at";
constexpr std::string_view post_columns =
    "id, artist_id, author_id, author_name, title, content, views, comment_count, is_pinned, "
    "created_at, updated_at";
constexpr std::string_view comment_columns =
    "id, post_id, author_id, author_name, content, created_at";

template <class Id>
Id to_id(const std::string& text) {
  return parse_id<Id>(text).value_or(Id{});
}

/// Targets of `news_columns`, in their order.
struct news_into {
  std::string id, title, content, author, author_id;
  soci::indicator has_author = soci::i_null;
  long long views = 0, created_at = 0, updated_at = 0;
  int pinned = 0;

  void bind(built_query& q) {
    q.into(id).into(title).into(content).into(author).into(author_id, has_author);
    q.into(views).into(pinned).into(created_at).into(updated_at);
  }

  news_row row() const {
    news_row out;
    out.id = to_id<news_id>(id);
    out.title = title;
    out.content = content;
    out.author = author;
    if (has_author == soci::i_ok)
      out.author_id = to_id<user_id>(author_id);
    out.views = views;
    out.pinned = pinned != 0;
    out.created_at = from_millis(created_at);
    out.updated_at = from_millis(updated_at);
    return out;
  }
};

struct post_into {
  std::string id, artist, author, author_name, title, content;
  long long views = 0, comments = 0, created_at = 0, updated_at = 0;
  int pinned = 0;

  void bind(built_query& q) {
    q.into(id).into(artist).into(author).into(author_name).into(title).into(content);
    q.into(views).into(comments).into(pinned).into(created_at).into(updated_at);
  }

  post_row row() const {
    post_row out;
    out.id = to_id<post_id>(id);
    out.artist = to_id<artist_id>(artist);
    out.author = to_id<user_id>(author);
    out.author_name = author_name;
    out.title = title;
    out.content = content;
    out.views = views;
    out.comments = comments;
    out.pinned = pinned != 0;
    out.created_at = from_millis(created_at);
    out.updated_at = from_millis(updated_at);
    return out;
  }
};

struct comment_into {
  std::string id, post, author, author_name, content;
  long long created_at = 0;

  void bind(built_query& q) {
    q.into(id).into(post).into(author).into(author_name).into(content).into(created_at);
  }

  comment_row row() const {
    comment_row out;
    out.id = to_id<comment_id>(id);
    out.post = to_id<post_id>(post);
    out.author = to_id<user_id>(author);
    out.author_name = author_name;
    out.content = content;
    out.created_at = from_millis(created_at);
    return out;
  }
};

/// The rows of a query that was put together up to its end.
template <class Into>
auto rows_of(built_query& q) {
  Into columns;
  columns.bind(q);
  std::vector<decltype(columns.row())> out;
  for (bool more = q.run(); more; more = q.next())
    out.push_back(columns.row());
  return out;
}

template <class Into>
auto row_of(built_query& q) {
  auto rows = rows_of<Into>(q);
  std::optional<typename decltype(rows)::value_type> out;
  if (!rows.empty())
    out = std::move(rows.front());
  return out;
}

std::optional<news_row> select_news(database& db, news_id id) {
  built_query q{db};
  q << "SELECT " << news_columns << " FROM news WHERE id = ";
  q.value(id);
  return row_of<news_into>(q);
}

std::optional<post_row> select_post(database& db, post_id id) {
  built_query q{db};
  q << "SELECT " << post_columns << " FROM community_posts WHERE id = ";
  q.value(id);
  return row_of<post_into>(q);
}

// -- writes ------------------------------------------------------------------------------------

community_written refuse(failure why) {
  community_written out;
  out.status = commit_status::rejected;
  out.refused = std::move(why);
  return out;
}

class sql_community_writes final : public community_writes {
public:
  explicit sql_community_writes(database db) : db_(std::move(db)) {}

  std::vector<community_written> commit(std::vector<community_write>& batch) override {
    std::vector<community_written> out(batch.size());
    if (commit_range(batch, out, 0, batch.size()) || batch.size() == 1)
      return out;
    // One command may have spoilt the transaction for the others, so each gets its own.
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (out[i].status == commit_status::failed)
        commit_range(batch, out, i, i + 1);
    return out;
  }

private:
  /// False: nothing of it is written, or (`unknown`) that is in doubt.
  bool commit_range(const std::vector<community_write>& batch, std::vector<community_written>& out,
                    std::size_t first, std::size_t last) {
    if (!connected_ && !(connected_ = db_.reconnect().has_value()))
      return false;
    bool committing = false;
    try {
      transaction tx{db_};
      write_alone(db_); // other nodes write here too
      for (auto i = first; i < last; ++i)
        out[i] = std::visit([&](const auto& x) { return apply(x, batch[i]); }, batch[i].command);
      committing = true;
      tx.commit();
      return true;
    } catch (const std::exception& e) {
      spdlog::error("community store: {}", cause_of(e));
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      for (auto i = first; i < last; ++i) {
        out[i] = {};
        out[i].status = doubt ? commit_status::unknown : commit_status::failed;
      }
      db_.forget_prepared();
      connected_ = false;
      return false;
    }
  }

  community_written apply(const insert_news& x, const community_write& all) {
    put(x.row);
    community_written out;
    out.status = commit_status::committed;
    out.news = x.row;
    if (!x.row.author_id.is_nil())
      out.awarded = award({x.row.author_id, point_action::news, points_for(point_action::news),
                           x.row.id.value, std::nullopt},
                          {}, all);
    return out;
  }

  community_written apply(const edit_news& x, const community_write& all) {
    auto row = select_news(db_, x.id);
    if (!row)
      return refuse({errc::not_found, "News not found"});
    if (row->author_id.is_nil() || row->author_id != x.editor)
      return refuse({errc::forbidden, "Only the author can edit this news"});
    row->title = x.title;
    row->content = x.content;
    row->pinned = x.pinned.value_or(row->pinned);
    row->updated_at = all.now;
    built_query q{db_};
    q << "UPDATE news SET title = ";
    q.value(row->title) << ", content = ";
    q.value(row->content) << ", is_pinned = ";
    q.value(row->pinned ? 1 : 0) << ", updated_at = ";
    q.value(row->updated_at) << " WHERE id = ";
    q.value(x.id).write();
    community_written out;
    out.status = commit_status::committed;
    out.news = std::move(row);
    return out;
  }

  community_written apply(const delete_news& x, const community_write& all) {
    built_query q{db_};
    q << "DELETE FROM news WHERE id = ";
    if (q.value(x.id).write() == 0)
      return refuse({errc::not_found, "News not found"});
    community_written out;
    out.status = commit_status::committed;
    out.revoked = revoke("reference_id", x.id.value, {}, all.now);
    return out;
  }

  community_written apply(const insert_post& x, const community_write& all) {
    const auto& r = x.row;
    built_query q{db_};
    q << "INSERT INTO community_posts(" << post_columns << ") VALUES (";
    q.value(r.id) << ", ";
    q.value(r.artist) << ", ";
    q.value(r.author) << ", ";
    q.value(r.author_name) << ", ";
    q.value(r.title) << ", ";
    q.value(r.content) << ", ";
    q.value(r.views) << ", ";
    q.value(r.comments) << ", ";
    q.value(r.pinned ? 1 : 0) << ", ";
    q.value(r.created_at) << ", ";
    q.value(r.updated_at) << ")";
    q.write();
    community_written out;
    out.status = commit_status::committed;
    out.post = r;
    out.awarded =
        award({r.author, point_action::post, points_for(point_action::post), r.id.value, r.artist},
              r.id, all);
    return out;
  }

  community_written apply(const edit_post& x, const community_write& all) {
    auto row = select_post(db_, x.id);
    if (!row)
      return refuse({errc::not_found, "Post not found"});
    if (row->author != x.editor)
      return refuse({errc::forbidden, "Only the author can edit this post"});
    row->title = x.title;
    row->content = x.content;
    row->updated_at = all.now;
    built_query q{db_};
    q << "UPDATE community_posts SET title = ";
    q.value(row->title) << ", content = ";
    q.value(row->content) << ", updated_at = ";
    q.value(row->updated_at) << " WHERE id = ";
    q.value(x.id).write();
    community_written out;
    out.status = commit_status::committed;
    out.post = std::move(row);
    return out;
  }

  community_written apply(const delete_post& x, const community_write& all) {
    const auto row = select_post(db_, x.id);
    if (!row)
      return refuse({errc::not_found, "Post not found"});
    if (row->author != x.by && !x.by_admin)
      return refuse({errc::forbidden, "No permission to delete this post"});
    built_query comments{db_};
    comments << "DELETE FROM community_comments WHERE post_id = ";
    comments.value(x.id).write();
    built_query post{db_};
    post << "DELETE FROM community_posts WHERE id = ";
    post.value(x.id).write();
    community_written out;
    out.status = commit_status::committed;
    out.revoked = revoke("post_id", x.id.value, row->author, all.now);
    return out;
  }

  community_written apply(const insert_comment& x, const community_write& all) {
    const auto& r = x.row;
    const auto post = select_post(db_, r.post);
    if (!post)
      return refuse({errc::not_found, "Post not found"});
    built_query q{db_};
    q << "INSERT INTO community_comments(" << comment_columns << ") VALUES (";
    q.value(r.id) << ", ";
    q.value(r.post) << ", ";
    q.value(r.author) << ", ";
    q.value(r.author_name) << ", ";
    q.value(r.content) << ", ";
    q.value(r.created_at) << ")";
    q.write();
    count_comments(r.post, 1);
    community_written out;
    out.status = commit_status::committed;
    out.comment = r;
    out.awarded = award({r.author, point_action::comment, points_for(point_action::comment),
                         r.id.value, post->artist},
                        r.post, all);
    return out;
  }

  community_written apply(const delete_comment& x, const community_write& all) {
    built_query find{db_};
    find << "SELECT " << comment_columns << " FROM community_comments WHERE id = ";
    find.value(x.id) << " AND post_id = ";
    find.value(x.post);
    const auto row = row_of<comment_into>(find);
    if (!row)
      return refuse({errc::not_found, "Comment not found"});
    if (row->author != x.by && !x.by_admin)
      return refuse({errc::forbidden, "No permission to delete this comment"});
    built_query remove{db_};
    remove << "DELETE FROM community_comments WHERE id = ";
    if (remove.value(x.id).write() == 1)
      count_comments(x.post, -1);
    community_written out;
    out.status = commit_status::committed;
    out.revoked = revoke("reference_id", x.id.value, {}, all.now);
    return out;
  }

  community_written apply(const add_views& x, const community_write&) {
    for (const auto& [item, count] : x.views) {
      // Ids are unique over both tables.
      for (const std::string_view table : {"news", "community_posts"}) {
        built_query q{db_};
        q << "UPDATE " << table << " SET views = views + ";
        q.value(count) << " WHERE id = ";
        if (q.value(to_string(item)).write() > 0)
          break;
      }
    }
    community_written out;
    out.status = commit_status::committed;
    return out;
  }

  community_written apply(const seed_news& x, const community_write&) {
    long long present = 0;
    db_.session() << "SELECT count(*) FROM news", soci::into(present);
    community_written out;
    out.status = commit_status::committed;
    if (present > 0)
      return out;
    for (const auto& row : x.rows)
      put(row);
    out.rows = static_cast<std::int64_t>(x.rows.size());
    return out;
  }

  void put(const news_row& r) {
    built_query q{db_};
    q << "INSERT INTO news(" << news_columns << ") VALUES (";
    q.value(r.id) << ", ";
    q.value(r.title) << ", ";
    q.value(r.content) << ", ";
    q.value(r.author) << ", ";
    q.value(r.author_id) << ", ";
    q.value(r.views) << ", ";
    q.value(r.pinned ? 1 : 0) << ", ";
    q.value(r.created_at) << ", ";
    q.value(r.updated_at) << ")";
    q.write();
  }

  void count_comments(post_id post, std::int64_t by) {
    built_query q{db_};
    q << "UPDATE community_posts SET comment_count = comment_count + ";
    q.value(by) << " WHERE id = ";
    q.value(post).write();
  }

  /// Points given: none over the limit of the day. An award that was taken back counts too, or
  /// writing and deleting would never come to an end.
  std::int64_t award(const point_award& a, post_id post, const community_write& all) {
    const auto day = business_day(all.now);
    long long today = 0;
    built_query count{db_};
    count << "SELECT count(*) FROM point_awards WHERE user_id = ";
    count.value(a.user) << " AND action = ";
    count.value(std::string(to_string_view(a.action))) << " AND business_day = ";
    count.value(day).into(today).run();
    if (today >= all.limits.of(a.action))
      return 0;
    built_query q{db_};
    q << "INSERT INTO point_awards(reference_id, user_id, action, points, artist_id, post_id, "
         "business_day, awarded_at) VALUES (";
    q.value(to_string(a.reference)) << ", ";
    q.value(a.user) << ", ";
    q.value(std::string(to_string_view(a.action))) << ", ";
    q.value(a.points) << ", ";
    q.value(a.artist.value_or(artist_id{})) << ", ";
    q.value(post) << ", ";
    q.value(day) << ", ";
    q.value(all.now) << ")";
    q.write();
    append_outbox(db_, std::vector{earned_event(a, all.now)});
    return a.points;
  }

  /// Takes back the awards found by `column`, of one user only unless that is nil.
  std::int64_t revoke(std::string_view column, const uuid& key, user_id only, time_point now) {
    std::string reference, user, action, artist;
    soci::indicator has_artist = soci::i_null;
    int points = 0;
    std::vector<point_award> found;
    built_query q{db_};
    q << "SELECT reference_id, user_id, action, points, artist_id FROM point_awards WHERE "
      << column << " = ";
    q.value(to_string(key)) << " AND revoked_at IS NULL";
    if (!only.is_nil()) {
      q << " AND user_id = ";
      q.value(only);
    }
    q << " ORDER BY awarded_at, reference_id";
    q.into(reference).into(user).into(action).into(points).into(artist, has_artist);
    for (bool more = q.run(); more; more = q.next()) {
      point_award a;
      a.user = to_id<user_id>(user);
      a.action = parse_point_action(action).value_or(point_action::comment);
      a.points = points;
      a.reference = parse_uuid(reference).value_or(uuid{});
      if (has_artist == soci::i_ok)
        a.artist = to_id<artist_id>(artist);
      found.push_back(a);
    }
    std::int64_t sum = 0;
    for (const auto& a : found) {
      built_query mark{db_};
      mark << "UPDATE point_awards SET revoked_at = ";
      mark.value(now) << " WHERE reference_id = ";
      mark.value(to_string(a.reference)).write();
      append_outbox(db_, std::vector{revoked_event(a, now)});
      sum += a.points;
    }
    return sum;
  }

  database db_;
  bool connected_ = true;
};

// -- queries -----------------------------------------------------------------------------------

std::int64_t skipped(const page_of& part) {
  return (std::int64_t{part.page} - 1) * part.limit;
}

class sql_community_queries final : public community_queries {
public:
  explicit sql_community_queries(database db) : guard_(std::move(db), "community store") {}

  result<news_page> news(const list_news& query) override {
    return guard_.run<news_page>([&] {
      news_page out;
      long long total = 0;
      guard_.db().session() << "SELECT count(*) FROM news", soci::into(total);
      out.total = total;
      built_query q{guard_.db()};
      q << "SELECT " << news_columns
        << " FROM news ORDER BY is_pinned DESC, created_at DESC, id DESC LIMIT ";
      q.value(query.part.limit) << " OFFSET ";
      q.value(skipped(query.part));
      out.rows = rows_of<news_into>(q);
      return out;
    });
  }

  result<std::optional<news_row>> find_news(news_id id) override {
    return guard_.run<std::optional<news_row>>([&] { return select_news(guard_.db(), id); });
  }

  result<post_page> posts(const list_posts& query) override {
    return guard_.run<post_page>([&] {
      post_page out;
      const auto where = [&](built_query& q) {
        if (query.artist) {
          q << " WHERE artist_id = ";
          q.value(*query.artist);
        }
      };
      long long total = 0;
      built_query count{guard_.db()};
      count << "SELECT count(*) FROM community_posts";
      where(count);
      count.into(total).run();
      out.total = total;
      built_query q{guard_.db()};
      // Lists carry no content.
      q << "SELECT id, artist_id, author_id, author_name, title, '', views, comment_count, "
           "is_pinned, created_at, updated_at FROM community_posts";
      where(q);
      q << " ORDER BY is_pinned DESC, created_at DESC, id DESC LIMIT ";
      q.value(query.part.limit) << " OFFSET ";
      q.value(skipped(query.part));
      out.rows = rows_of<post_into>(q);
      return out;
    });
  }

  result<std::optional<post_row>> find_post(post_id id) override {
    return guard_.run<std::optional<post_row>>([&] { return select_post(guard_.db(), id); });
  }

  result<comment_page> comments(const list_comments& query) override {
    return guard_.run<comment_page>([&] {
      comment_page out;
      long long total = 0;
      built_query count{guard_.db()};
      count << "SELECT count(*) FROM community_comments WHERE post_id = ";
      count.value(query.post).into(total).run();
      out.total = total;
      built_query q{guard_.db()};
      q << "SELECT " << comment_columns << " FROM community_comments WHERE post_id = ";
      q.value(query.post) << " ORDER BY created_at, id LIMIT ";
      q.value(query.part.limit) << " OFFSET ";
      q.value(skipped(query.part));
      out.rows = rows_of<comment_into>(q);
      return out;
    });
  }

private:
  query_guard guard_;
};

} // namespace

std::shared_ptr<community_writes> make_community_writes(database db) {
  return std::make_shared<sql_community_writes>(std::move(db));
}

std::unique_ptr<community_queries> make_community_queries(database db) {
  return std::make_unique<sql_community_queries>(std::move(db));
}

} // namespace tiketi::sql
