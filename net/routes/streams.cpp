#include "net/routes/streams.hpp"

#include "actors/queue/waiting_room.hpp"
#include "net/http/json_body.hpp"

#include <utility>

namespace tiketi::net {

namespace {

/// Ours are shorter; a longer one is not worth carrying around.
constexpr std::size_t last_id_max = 64;

std::string last_id(const request& req) {
  const auto id = req.header("last-event-id");
  return id && id->size() <= last_id_max ? std::string(*id) : std::string{};
}

response stream_response(std::shared_ptr<stream_source> source, const char* cache) {
  response r;
  r.content_type = "text/event-stream";
  // Proxies must neither keep nor gather what is sent.
  r.headers = {{"Cache-Control", cache}, {"X-Accel-Buffering", "no"}};
  r.stream = std::move(source);
  return r;
}

class handlers {
public:
  explicit handlers(stream_routes deps) : deps_(std::move(deps)) {}

  void seats(front& f, const exchange_ptr& x) const {
    const auto id = capture_id(x, 0);
    if (!id)
      return;
    const event_id event{*id};
    if (deps_.gate_seat_map)
      deps_.gate(f, x, event, [this, &f, x, event] { follow_seats(f, x, event); });
    else
      follow_seats(f, x, event);
  }

  void queue(front& f, const exchange_ptr& x) const {
    const auto id = capture_id(x, 0);
    if (!id)
      return;
    const event_id event{*id};
    const auto stream = open(x, event, deps_.queue_metrics);
    if (!stream.source)
      return;
    f.ask<listening>(x, deps_.queues,
                     watch_queue{event, x->req().who->user, last_id(x->req()), stream.sink},
                     [source = stream.source](const listening&) {
                       return stream_response(source, "no-cache, no-store");
                     });
  }

private:
  void follow_seats(front& f, const exchange_ptr& x, event_id event) const {
    const auto stream = open(x, event, deps_.seat_metrics);
    if (!stream.source)
      return;
    f.ask<listening>(
        x, deps_.seats, watch_seats{event, last_id(x->req()), stream.sink},
        [source = stream.source](const listening&) { return stream_response(source, "no-cache"); });
  }

  /// Empty after answering that there is no room.
  event_stream open(const exchange_ptr& x, const event_id& event,
                    const std::shared_ptr<stream_metrics>& metrics) const {
    auto ticket = deps_.limits->enter(event, x->req().peer, metrics);
    if (ticket)
      return make_event_stream(deps_.bounds, std::move(*ticket));
    x->reply(error_response(ticket.error()));
    return {};
  }

  stream_routes deps_;
};

} // namespace

void add_stream_routes(router& routes, stream_routes deps) {
  const auto seats = deps.gate_seat_map ? access::user : access::open;
  const auto h = std::make_shared<const handlers>(std::move(deps));
  const auto add = [&](std::string pattern, access who, rate_category limit,
                       void (handlers::*handle)(front&, const exchange_ptr&) const) {
    route r;
    r.pattern = std::move(pattern);
    r.who = who;
    r.limit = limit;
    r.handle = [h, handle](front& f, const exchange_ptr& x) { ((*h).*handle)(f, x); };
    routes.add(std::move(r));
  };
  add("/api/events/{id}/seats/stream", seats, rate_category::general, &handlers::seats);
  add("/api/queue/stream/{id}", access::user, rate_category::queue, &handlers::queue);
}

queue_painter make_queue_painter(entry_tokens tokens, seconds token_ttl) {
  return [tokens = std::move(tokens), token_ttl](event_id event, user_id user,
                                                 const queue::queue_place& p,
                                                 time_point now) -> queue_picture {
    if (static_cast<queue::place>(p.place) != queue::place::active)
      return {queue_status_body(p, {}), {}};
    const auto pass = sign_entry(tokens, event, user, p.expires_at, now, token_ttl);
    return {queue_status_body(p, pass.token), milliseconds{pass.valid} / 2};
  };
}

} // namespace tiketi::net
