#include "net/routes/queue.hpp"

#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "net/http/json_body.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

using queue::place;
using queue::queue_place;

// Everybody in the line polls, so these bodies are formatted by hand. Titles are the only text
// that may need escapes.

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::uint64_t behind(const queue_place& p) {
  return p.queue_size > p.position ? p.queue_size - p.position : 0;
}

std::string event_info(const queue_place& p) {
  return fmt::format(R"({{"title":{},"artist":{}}})", quoted(p.title),
                     p.artist.empty() ? "null" : quoted(p.artist));
}

response text_response(std::string body) {
  response r;
  r.body = std::move(body);
  return r;
}

struct minted {
  std::string token;
  std::string cookie;
};

class handlers {
public:
  explicit handlers(queue_routes deps) : deps_(std::move(deps)) {}

  void check(front& f, const exchange_ptr& x) const {
    if (!deps_.before_joining)
      return ask_place<queue::enter_queue>(f, x, queue_check_body);
    if (const auto event = capture_id(x, 0))
      deps_.before_joining(f, x, event_id{*event}, [this, &f, x] {
        ask_place<queue::enter_queue>(f, x, queue_check_body);
      });
  }

  void status(front& f, const exchange_ptr& x) const {
    ask_place<queue::poll_queue>(f, x, queue_status_body);
  }

  void heartbeat(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask<queue_place>(x, deps_.queues, queue::poll_queue{event_id{*event}, x->req().who->user},
                       [](const queue_place& p) {
                         switch (static_cast<place>(p.place)) {
                         case place::waiting:
                           return text_response(R"({"status":"queued","queued":true})");
                         case place::active:
                           return text_response(R"({"status":"active","queued":false})");
                         default:
                           return text_response(R"({"status":"not_in_queue","queued":false})");
                         }
                       });
  }

  void leave(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask<queue::queue_left>(
        x, deps_.queues, queue::leave_queue{event_id{*event}, x->req().who->user},
        [](const queue::queue_left&) { return text_response(R"({"message":"Left queue"})"); });
  }

  void count(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask<queue::queue_counters>(
        x, deps_.queues, queue::count_queue{event_id{*event}},
        [id = to_string(*event)](const queue::queue_counters& c) {
          const auto free = c.threshold > c.current_users ? c.threshold - c.current_users : 0;
          return text_response(fmt::format(
              R"({{"eventId":"{}","queueSize":{},"currentUsers":{},"threshold":{},"available":{}}})",
              id, c.queue_size, c.current_users, c.threshold, free));
        });
  }

  void admitted(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    const auto user = capture_id(x, 1);
    if (!user)
      return;
    f.ask<queue::admission>(
        x, deps_.queues, queue::check_admission{event_id{*event}, user_id{*user}},
        [event = *event, user = *user](const queue::admission& seen) {
          return text_response(fmt::format(R"({{"eventId":"{}","userId":"{}","active":{}}})",
                                           to_string(event), to_string(user), seen.active));
        });
  }

  void clear(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask<queue::queue_counters>(x, deps_.queues, queue::clear_queue{event_id{*event}},
                                 [](const queue::queue_counters&) {
                                   return text_response(R"({"message":"Queue cleared"})");
                                 });
  }

  void threshold(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    if (!x->req().query_value("threshold")) {
      x->reply(validation_response({{"threshold", "threshold is required"}}));
      return;
    }
    const auto wanted = query_number(x, "threshold", 0, 1, queue::threshold_max);
    if (!wanted)
      return;
    f.ask<queue::queue_counters>(
        x, deps_.queues,
        queue::set_threshold{event_id{*event}, static_cast<std::uint32_t>(*wanted)},
        [id = to_string(*event)](const queue::queue_counters& c) {
          return text_response(
              fmt::format(R"({{"eventId":"{}","threshold":{}}})", id, c.threshold));
        });
  }

private:
  template <class Message, class Body>
  void ask_place(front& f, const exchange_ptr& x, Body body) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    const auto user = x->req().who->user;
    f.ask<queue_place>(x, deps_.queues, Message{event_id{*event}, user},
                       [this, body, user, event = event_id{*event}, &f](const queue_place& p) {
                         if (static_cast<place>(p.place) != place::active)
                           return text_response(body(p, {}));
                         auto entry = mint(event, user, p.expires_at, f.env().now());
                         auto r = text_response(body(p, entry.token));
                         r.headers.emplace_back("Set-Cookie", std::move(entry.cookie));
                         return r;
                       });
  }

  minted mint(event_id event, user_id user, time_point slot_end, time_point now) const {
    auto pass = sign_entry(deps_.tokens, event, user, slot_end, now, deps_.token_ttl);
    minted out;
    out.cookie =
        fmt::format("urr-entry-token={}; Path=/; Max-Age={}; SameSite=Strict{}", pass.token,
                    pass.valid.count(), deps_.secure_cookies ? "; Secure" : "");
    out.token = std::move(pass.token);
    return out;
  }

  queue_routes deps_;
};

} // namespace

entry_pass sign_entry(const entry_tokens& tokens, event_id event, user_id user, time_point slot_end,
                      time_point now, seconds token_ttl) {
  const auto issued = std::chrono::floor<seconds>(now);
  const auto end = std::chrono::floor<seconds>(std::min(slot_end, now + token_ttl));
  return {tokens.sign({event, user, issued, end}), std::max(end - issued, seconds{0})};
}

std::string queue_check_body(const queue_place& p, std::string_view token) {
  if (static_cast<place>(p.place) == place::active)
    return fmt::format(R"({{"status":"active","queued":false,"nextPoll":{},"threshold":{},)"
                       R"("currentUsers":{},"eventInfo":{},"entryToken":"{}"}})",
                       p.next_poll, p.threshold, p.current_users, event_info(p), token);
  if (static_cast<place>(p.place) == place::waiting)
    return fmt::format(
        R"({{"status":"queued","queued":true,"position":{},"peopleAhead":{},"peopleBehind":{},)"
        R"("estimatedWait":{},"nextPoll":{},"threshold":{},"currentUsers":{},"eventInfo":{}}})",
        p.position, p.position - 1, behind(p), p.estimated_wait, p.next_poll, p.threshold,
        p.current_users, event_info(p));
  // Dropped in the moment between two steps of one check: the client simply asks again.
  return queue_status_body(p, token);
}

std::string queue_status_body(const queue_place& p, std::string_view token) {
  if (static_cast<place>(p.place) == place::waiting)
    return fmt::format(
        R"({{"status":"queued","queued":true,"position":{},"peopleAhead":{},"peopleBehind":{},)"
        R"("estimatedWait":{},"nextPoll":{},"queueSize":{},"currentUsers":{}}})",
        p.position, p.position - 1, behind(p), p.estimated_wait, p.next_poll, p.queue_size,
        p.current_users);
  if (static_cast<place>(p.place) == place::active)
    return fmt::format(R"({{"status":"active","queued":false,"message":"Entry allowed",)"
                       R"("nextPoll":{},"currentUsers":{},"entryToken":"{}"}})",
                       p.next_poll, p.current_users, token);
  return fmt::format(R"({{"status":"not_in_queue","queued":false,"message":"Not in queue",)"
                     R"("nextPoll":{},"currentUsers":{}}})",
                     p.next_poll, p.current_users);
}

void add_queue_routes(router& routes, queue_routes deps) {
  auto h = std::make_shared<const handlers>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, access who, rate_category limit,
                       void (handlers::*handle)(front&, const exchange_ptr&) const) {
    routes.add({method, std::move(pattern), who, limit, body_rule::none,
                [h, handle](front& f, const exchange_ptr& x) { ((*h).*handle)(f, x); }});
  };
  using enum rate_category;
  add(verb::post, "/api/queue/check/{id}", access::user, queue, &handlers::check);
  add(verb::get, "/api/queue/status/{id}", access::user, queue, &handlers::status);
  add(verb::post, "/api/queue/heartbeat/{id}", access::user, queue, &handlers::heartbeat);
  add(verb::post, "/api/queue/leave/{id}", access::user, queue, &handlers::leave);
  add(verb::get, "/api/queue/admin/{id}", access::admin, queue, &handlers::count);
  add(verb::post, "/api/queue/admin/clear/{id}", access::admin, queue, &handlers::clear);
  add(verb::post, "/api/queue/admin/threshold/{id}", access::admin, queue, &handlers::threshold);
  add(verb::get, "/internal/queue/{id}", access::internal, exempt, &handlers::count);
  add(verb::get, "/internal/queue/{id}/users/{user}", access::internal, exempt,
      &handlers::admitted);
}

} // namespace tiketi::net
