#include "net/routes/webhooks.hpp"

#include "actors/webhook/payload.hpp"
#include "net/http/json_body.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

using namespace webhook;
using nlohmann::json;

constexpr std::int64_t limit_max = 100;
constexpr std::int64_t page_max = 1'000'000;

json time_or_null(time_point t) {
  return t == time_point{} ? json(nullptr) : json(to_iso(t));
}

template <class Id>
json id_or_null(const Id& id) {
  return id.is_nil() ? json(nullptr) : json(to_string(id));
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json webhook_json(const webhook_view& w) {
  return {{"id", to_string(w.id)},
          {"url", w.url},
          {"description", w.description},
          {"eventTypes", w.types},
          {"eventId", id_or_null(w.event)},
          {"active", w.state == webhook_state::active},
          {"state", to_string(w.state)},
          {"stateReason", text_or_null(w.state_reason)},
          {"stateSince", to_iso(w.state_since)},
          {"pendingDeliveries", w.pending},
          {"deadLetters", w.dead},
          {"missedEvents", w.missed},
          {"previousSecretValidUntil", time_or_null(w.old_secret_until)},
          {"createdBy", id_or_null(w.created_by)},
          {"createdAt", to_iso(w.created_at)},
          {"updatedAt", to_iso(w.updated_at)}};
}

json delivery_json(const delivery_view& d) {
  return {{"id", to_string(d.id)},
          {"type", d.type},
          {"key", d.key},
          {"status", to_string(d.status)},
          {"attempts", d.attempts},
          {"replays", d.replays},
          {"lastStatus", d.last_status == 0 ? json(nullptr) : json(d.last_status)},
          {"lastError", text_or_null(d.last_error)},
          {"occurredAt", to_iso(d.occurred_at)},
          {"queuedAt", to_iso(d.queued_at)},
          {"nextAttemptAt", time_or_null(d.next_attempt_at)},
          {"endedAt", time_or_null(d.ended_at)}};
}

response secret_response(int status, const webhook_secret& s) {
  auto r = json_response(status, {{"webhook", webhook_json(s.webhook)}, {"secret", s.secret}});
  r.headers.emplace_back("Cache-Control", "no-store");
  return r;
}

/// A field of a body that `in` has read, also when it is null; nothing when it is absent.
std::optional<json> raw_field(const request& r, const json_body& in, std::string_view field) {
  if (!in.ok())
    return std::nullopt;
  const auto body = json::parse(r.body, nullptr, false);
  if (!body.is_object())
    return std::nullopt;
  const auto found = body.find(std::string{field});
  if (found == body.end())
    return std::nullopt;
  return *found;
}

// Each reads one field where it is present; complaints are kept until all fields were read, because
// a getter of `in` says nothing new after the first.
struct fields {
  std::optional<std::string> url;
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> types;
  std::optional<event_id> event; ///< nil: null was said
  std::optional<bool> active;
};

void read_types(const json& list, fields& out, std::vector<field_error>& errors) {
  const auto complain = [&](std::string text) {
    errors.push_back({"eventTypes", std::move(text)});
  };
  if (!list.is_array() || list.empty())
    return complain("must be a list of at least one event type");
  auto& types = out.types.emplace();
  for (const auto& item : list) {
    const auto* name = item.get_ptr<const std::string*>();
    if (!name || !is_known_type(*name)) {
      out.types.reset();
      return complain(fmt::format("{} is no event type; known are {}",
                                  name ? name->substr(0, 100) : "something that is no string",
                                  fmt::join(known_types(), ", ")));
    }
    types.push_back(*name);
  }
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
}

/// Nothing after answering 400 itself.
std::optional<fields> read_fields(const exchange_ptr& x, const address_rules& rules, bool all) {
  json_body in{x->req().body};
  if (!in.ok()) {
    x->reply(in.error());
    return std::nullopt;
  }
  fields out;
  std::vector<field_error> errors;
  const auto url = raw_field(x->req(), in, "url");
  const auto description = raw_field(x->req(), in, "description");
  const auto types = raw_field(x->req(), in, "eventTypes");
  const auto event = raw_field(x->req(), in, "eventId");
  const auto active = raw_field(x->req(), in, "active");
  if (all && !url)
    errors.push_back({"url", "must not be blank"});
  if (url) {
    if (!url->is_string()) {
      errors.push_back({"url", "must be a string"});
    } else {
      out.url = url->get<std::string>();
      if (auto wrong = complaint_about(*out.url, rules); !wrong.empty())
        errors.push_back({"url", std::move(wrong)});
    }
  }
  if (description && !description->is_null()) {
    out.description =
        in.text("description", {.min = 0, .max = description_characters_max, .required = false});
  } else if (description) {
    out.description = std::string{};
  }
  if (all && !types)
    errors.push_back({"eventTypes", "must be a list of at least one event type"});
  if (types)
    read_types(*types, out, errors);
  if (event && !event->is_null())
    out.event = event_id{in.id("eventId")};
  else if (event)
    out.event = event_id{};
  if (active) {
    if (active->is_boolean())
      out.active = active->get<bool>();
    else
      errors.push_back({"active", "must be true or false"});
  }
  for (auto& e : errors)
    in.complain(e.field, std::move(e.text));
  if (in.ok())
    return out;
  x->reply(in.error());
  return std::nullopt;
}

template <class T>
caf::optional<T> to_caf_optional(std::optional<T> x) {
  if (!x)
    return caf::none;
  return std::move(*x);
}

std::optional<webhook_id> read_id(const exchange_ptr& x) {
  if (const auto id = capture_id(x, 0))
    return webhook_id{*id};
  return std::nullopt;
}

user_id caller(const exchange_ptr& x) {
  return x->req().who ? x->req().who->user : user_id{};
}

void post_webhook(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  auto in = read_fields(x, deps.addresses, true);
  if (!in)
    return;
  create_webhook command;
  command.by = caller(x);
  command.url = std::move(*in->url);
  command.description = in->description.value_or("");
  command.types = std::move(*in->types);
  command.event = in->event.value_or(event_id{});
  command.active = in->active.value_or(true);
  f.ask<webhook_secret>(x, deps.webhooks, std::move(command),
                        [](const webhook_secret& made) { return secret_response(201, made); });
}

void get_webhooks(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  f.ask<webhook_list>(x, deps.webhooks, list_webhooks{}, [](const webhook_list& list) {
    auto rows = json::array();
    for (const auto& w : list.webhooks)
      rows.push_back(webhook_json(w));
    return json_response({{"webhooks", std::move(rows)}, {"eventTypes", known_types()}});
  });
}

void get_one(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  if (const auto id = read_id(x))
    f.ask<webhook_view>(x, deps.webhooks, get_webhook{*id}, [](const webhook_view& w) {
      return json_response({{"webhook", webhook_json(w)}});
    });
}

void patch_webhook(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  const auto id = read_id(x);
  if (!id)
    return;
  auto in = read_fields(x, deps.addresses, false);
  if (!in)
    return;
  change_webhook command;
  command.id = *id;
  command.by = caller(x);
  command.url = to_caf_optional(std::move(in->url));
  command.description = to_caf_optional(std::move(in->description));
  command.types = to_caf_optional(std::move(in->types));
  command.event = to_caf_optional(in->event);
  command.active = to_caf_optional(in->active);
  f.ask<webhook_view>(x, deps.webhooks, std::move(command), [](const webhook_view& w) {
    return json_response({{"webhook", webhook_json(w)}});
  });
}

void remove_one(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  if (const auto id = read_id(x))
    f.ask<webhook_deleted>(x, deps.webhooks, delete_webhook{*id, caller(x)},
                           [](const webhook_deleted&) {
                             return json_response({{"message", "Webhook deleted"}});
                           });
}

void post_test(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  if (const auto id = read_id(x))
    f.ask<test_result>(x, deps.webhooks, test_webhook{*id}, [](const test_result& r) {
      return json_response({{"delivered", r.delivered},
                            {"status", r.status == 0 ? json(nullptr) : json(r.status)},
                            {"error", text_or_null(r.error)},
                            {"durationMs", r.took_ms}});
    });
}

void post_rotate(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  if (const auto id = read_id(x))
    f.ask<webhook_secret>(x, deps.webhooks, rotate_secret{*id, caller(x)},
                          [](const webhook_secret& s) { return secret_response(200, s); });
}

void get_deliveries(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  const auto id = read_id(x);
  if (!id)
    return;
  list_deliveries query;
  query.id = *id;
  if (const auto word = x->req().query_value("status"); word && !word->empty()) {
    for (const auto s :
         {delivery_status::pending, delivery_status::delivered, delivery_status::dead})
      if (to_string(s) == *word)
        query.status = s;
    if (!query.status)
      return x->reply(
          validation_response({{"status", "status must be pending, delivered or dead"}}));
  }
  const auto page = query_number(x, "page", 1, 1, page_max);
  if (!page)
    return;
  const auto limit = query_number(x, "limit", 20, 1, limit_max);
  if (!limit)
    return;
  query.page = static_cast<std::int32_t>(*page);
  query.limit = static_cast<std::int32_t>(*limit);
  f.ask<delivery_page>(
      x, deps.webhooks, query, [part = std::pair{*page, *limit}](const delivery_page& p) {
        auto rows = json::array();
        for (const auto& d : p.deliveries)
          rows.push_back(delivery_json(d));
        return json_response({{"deliveries", std::move(rows)},
                              {"pagination",
                               {{"page", part.first},
                                {"limit", part.second},
                                {"total", p.total},
                                {"totalPages", (p.total + part.second - 1) / part.second}}}});
      });
}

void post_replay(front& f, const exchange_ptr& x, const webhook_routes& deps) {
  const auto id = read_id(x);
  if (!id)
    return;
  json_body in{x->req().body};
  replay_dead_letters command;
  command.id = *id;
  command.by = caller(x);
  const auto all = raw_field(x->req(), in, "all");
  if (all && !all->is_boolean())
    in.complain("all", "must be true or false");
  command.all = all && all->is_boolean() && all->get<bool>();
  if (in.has("ids"))
    command.deliveries = in.ids("ids", replay_ids_max);
  if (in.ok() && command.all == !command.deliveries.empty())
    in.complain("ids", R"(say either "all": true or which ids)");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<replayed>(x, deps.webhooks, std::move(command), [](const replayed& r) {
    return json_response({{"replayed", r.count}, {"remaining", r.remaining}});
  });
}

using handle_fn = void (*)(front&, const exchange_ptr&, const webhook_routes&);

} // namespace

void add_webhook_routes(router& routes, webhook_routes deps) {
  auto add = [&](verb method, const char* pattern, body_rule body, handle_fn handle) {
    route r;
    r.method = method;
    r.pattern = pattern;
    r.who = access::admin;
    r.body = body;
    r.handle = [deps, handle](front& f, const exchange_ptr& x) { handle(f, x, deps); };
    routes.add(std::move(r));
  };
  using enum body_rule;
  add(verb::post, "/api/admin/webhooks", json, post_webhook);
  add(verb::get, "/api/admin/webhooks", none, get_webhooks);
  add(verb::get, "/api/admin/webhooks/{id}", none, get_one);
  add(verb::patch, "/api/admin/webhooks/{id}", json, patch_webhook);
  add(verb::del, "/api/admin/webhooks/{id}", none, remove_one);
  add(verb::post, "/api/admin/webhooks/{id}/test", none, post_test);
  add(verb::post, "/api/admin/webhooks/{id}/rotate-secret", none, post_rotate);
  add(verb::get, "/api/admin/webhooks/{id}/deliveries", none, get_deliveries);
  add(verb::post, "/api/admin/webhooks/{id}/dead-letters/replay", json, post_replay);
}

} // namespace tiketi::net
