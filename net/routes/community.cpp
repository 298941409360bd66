#include "net/routes/community.hpp"

#include "net/http/json_body.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

using community::community_actor;
using nlohmann::json;

constexpr std::int32_t limit_default = 20;
constexpr std::int32_t limit_max = 100;
constexpr std::int32_t page_max = 1'000'000;

constexpr json_body::text_rule title_rule{1, community::title_characters_max, true};
constexpr json_body::text_rule content_rule{1, community::content_characters_max, true};
constexpr json_body::text_rule comment_rule{1, community::comment_characters_max, true};

std::optional<community::page_of> read_part(const exchange_ptr& x) {
  const auto page = clamped_query_number(x, "page", 1, page_max);
  if (!page)
    return std::nullopt;
  const auto limit = clamped_query_number(x, "limit", limit_default, limit_max, limit_default);
  if (!limit)
    return std::nullopt;
  return community::page_of{*page, *limit};
}

/// Whose view it is: the account, or else the address.
std::string viewer_of(const request& r) {
  return r.who ? "u:" + to_string(r.who->user) : "a:" + r.peer;
}

/// A truth value that may be absent or null. The body was read by `in`, which gets the complaint.
std::optional<bool> optional_flag(const request& r, json_body& in, std::string_view field) {
  if (!in.ok() || !in.has(field))
    return std::nullopt;
  const auto body = json::parse(r.body, nullptr, false);
  const auto& value = body.at(std::string(field));
  if (!value.is_boolean()) {
    in.complain(field, "must be true or false");
    return std::nullopt;
  }
  return value.get<bool>();
}

json news_json(const community::news_row& n) {
  return {{"id", to_string(n.id)},
          {"title", n.title},
          {"content", n.content},
          {"author", n.author},
          {"author_id", n.author_id.is_nil() ? json(nullptr) : json(to_string(n.author_id))},
          {"views", n.views},
          {"is_pinned", n.pinned},
          {"created_at", to_iso(n.created_at)},
          {"updated_at", to_iso(n.updated_at)}};
}

json post_item_json(const community::post_row& p) {
  return {{"id", to_string(p.id)},
          {"artist_id", to_string(p.artist)},
          {"author_id", to_string(p.author)},
          {"author_name", p.author_name},
          {"title", p.title},
          {"views", p.views},
          {"comment_count", p.comments},
          {"is_pinned", p.pinned},
          {"created_at", to_iso(p.created_at)},
          {"updated_at", to_iso(p.updated_at)}};
}

json post_json(const community::post_row& p) {
  auto out = post_item_json(p);
  out["content"] = p.content;
  return out;
}

json comment_json(const community::comment_row& c) {
  return {{"id", to_string(c.id)},
          {"post_id", to_string(c.post)},
          {"author_id", to_string(c.author)},
          {"author_name", c.author_name},
          {"content", c.content},
          {"created_at", to_iso(c.created_at)}};
}

/// `{<name>: [...], "pagination": {page, limit, total, totalPages}}`
template <class Page, class ToJson>
response page_response(const char* name, const Page& page, const community::page_of& part,
                       ToJson to_json_row) {
  auto rows = json::array();
  for (const auto& row : page.rows)
    rows.push_back(to_json_row(row));
  json body;
  body[name] = std::move(rows);
  body["pagination"] = {{"page", part.page},
                        {"limit", part.limit},
                        {"total", page.total},
                        {"totalPages", (page.total + part.limit - 1) / part.limit}};
  return json_response(body);
}

response message_response(const char* text) {
  return json_response({{"message", text}});
}

// -- news ----------------------------------------------------------------------------------------

void get_news_list(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto part = read_part(x);
  if (!part)
    return;
  f.ask<community::news_page>(x, target, community::list_news{*part},
                              [part = *part](const community::news_page& page) {
                                return page_response("news", page, part, news_json);
                              });
}

void get_news(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask<community::news_row>(x, target,
                             community::show_news{community::news_id{*id}, viewer_of(x->req())},
                             [](const community::news_row& row) {
                               return json_response({{"news", news_json(row)}});
                             });
}

void post_news(front& f, const exchange_ptr& x, const community_actor& target) {
  // Author and author_id of the body are ignored: the account says who writes.
  json_body in{x->req().body};
  community::publish_news cmd;
  cmd.title = in.text("title", title_rule);
  cmd.content = in.text("content", content_rule);
  cmd.pinned = optional_flag(x->req(), in, "is_pinned").value_or(false);
  if (!in.ok())
    return x->reply(in.error());
  cmd.author = x->req().who->user;
  f.ask<community::news_row>(x, target, std::move(cmd), [](const community::news_row& row) {
    return json_response(201, {{"news", news_json(row)}});
  });
}

void put_news(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  community::edit_news cmd;
  cmd.id = community::news_id{*id};
  cmd.editor = x->req().who->user;
  cmd.title = in.text("title", title_rule);
  cmd.content = in.text("content", content_rule);
  cmd.pinned = optional_flag(x->req(), in, "is_pinned");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<community::news_row>(x, target, std::move(cmd), [](const community::news_row& row) {
    return json_response({{"news", news_json(row)}});
  });
}

void remove_news(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask<community::deleted>(
      x, target, community::delete_news{community::news_id{*id}},
      [](const community::deleted&) { return message_response("News deleted successfully"); });
}

// -- posts ---------------------------------------------------------------------------------------

void get_posts(front& f, const exchange_ptr& x, const community_actor& target) {
  community::list_posts query;
  if (const auto text = x->req().query_value("artistId"); text && !text->empty()) {
    query.artist = parse_id<artist_id>(*text);
    if (!query.artist)
      return x->reply(validation_response({{"artistId", "artistId must be a UUID"}}));
  }
  const auto part = read_part(x);
  if (!part)
    return;
  query.part = *part;
  f.ask<community::post_page>(x, target, query, [part = *part](const community::post_page& page) {
    return page_response("posts", page, part, post_item_json);
  });
}

void get_post(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask<community::post_row>(x, target,
                             community::show_post{community::post_id{*id}, viewer_of(x->req())},
                             [](const community::post_row& row) {
                               return json_response({{"post", post_json(row)}});
                             });
}

void post_post(front& f, const exchange_ptr& x, const community_actor& target) {
  json_body in{x->req().body};
  community::publish_post cmd;
  cmd.title = in.text("title", title_rule);
  cmd.content = in.text("content", content_rule);
  cmd.artist = artist_id{in.id("artist_id")};
  if (!in.ok())
    return x->reply(in.error());
  cmd.author = x->req().who->user;
  f.ask<community::post_row>(x, target, std::move(cmd), [](const community::post_row& row) {
    return json_response(201, {{"post", post_json(row)}});
  });
}

void put_post(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  community::edit_post cmd;
  cmd.id = community::post_id{*id};
  cmd.editor = x->req().who->user;
  cmd.title = in.text("title", title_rule);
  cmd.content = in.text("content", content_rule);
  if (!in.ok())
    return x->reply(in.error());
  f.ask<community::post_row>(x, target, std::move(cmd), [](const community::post_row& row) {
    return json_response({{"post", post_json(row)}});
  });
}

void remove_post(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto& who = *x->req().who;
  f.ask<community::deleted>(
      x, target, community::delete_post{community::post_id{*id}, who.user, who.is_admin()},
      [](const community::deleted&) { return message_response("Post deleted successfully"); });
}

// -- comments ------------------------------------------------------------------------------------

void get_comments(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto part = read_part(x);
  if (!part)
    return;
  f.ask<community::comment_page>(x, target,
                                 community::list_comments{community::post_id{*id}, *part},
                                 [part = *part](const community::comment_page& page) {
                                   return page_response("comments", page, part, comment_json);
                                 });
}

void post_comment(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  community::publish_comment cmd;
  cmd.content = in.text("content", comment_rule);
  if (!in.ok())
    return x->reply(in.error());
  cmd.post = community::post_id{*id};
  cmd.author = x->req().who->user;
  f.ask<community::comment_row>(x, target, std::move(cmd), [](const community::comment_row& row) {
    return json_response(201, {{"comment", comment_json(row)}});
  });
}

void remove_comment(front& f, const exchange_ptr& x, const community_actor& target) {
  const auto post = capture_id(x, 0);
  if (!post)
    return;
  const auto id = capture_id(x, 1);
  if (!id)
    return;
  const auto& who = *x->req().who;
  f.ask<community::deleted>(
      x, target,
      community::delete_comment{community::comment_id{*id}, community::post_id{*post}, who.user,
                                who.is_admin()},
      [](const community::deleted&) { return message_response("Comment deleted successfully"); });
}

using handle_fn = void (*)(front&, const exchange_ptr&, const community_actor&);

} // namespace

void add_community_routes(router& routes, community_routes deps) {
  const auto add = [&](verb method, std::string pattern, access who, body_rule body,
                       handle_fn handle) {
    routes.add({method, std::move(pattern), who, rate_category::general, body,
                [target = deps.community, handle](front& f, const exchange_ptr& x) {
                  handle(f, x, target);
                }});
  };
  const std::string news = "/api/news";
  const std::string posts = "/api/community/posts";
  const std::string comments = posts + "/{id}/comments";
  add(verb::get, news, access::open, body_rule::none, get_news_list);
  add(verb::get, news + "/{id}", access::open, body_rule::none, get_news);
  add(verb::post, news, access::admin, body_rule::json, post_news);
  add(verb::put, news + "/{id}", access::admin, body_rule::json, put_news);
  add(verb::del, news + "/{id}", access::admin, body_rule::none, remove_news);
  add(verb::get, posts, access::open, body_rule::none, get_posts);
  add(verb::get, posts + "/{id}", access::open, body_rule::none, get_post);
  add(verb::post, posts, access::user, body_rule::json, post_post);
  add(verb::put, posts + "/{id}", access::user, body_rule::json, put_post);
  add(verb::del, posts + "/{id}", access::user, body_rule::none, remove_post);
  add(verb::get, comments, access::open, body_rule::none, get_comments);
  add(verb::post, comments, access::user, body_rule::json, post_comment);
  add(verb::del, comments + "/{comment}", access::user, body_rule::none, remove_comment);
}

} // namespace tiketi::net
