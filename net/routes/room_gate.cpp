#include "net/routes/room_gate.hpp"

#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "actors/token/verified_cache.hpp"
#include "actors/vwr/type_ids.hpp"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

using room_cache = verified_cache<room_claims>;

bool has_token(room_cache& tokens, const request& req, const event_id& event, time_point now) {
  const auto opens = [&](std::string_view token) {
    const auto claims = tokens.find(token, now);
    return claims && claims->event == event;
  };
  if (const auto header = req.header("x-vwr-token"); header && opens(*header))
    return true;
  const auto cookie = req.cookie("urr-vwr-token");
  return cookie && opens(*cookie);
}

response refusal(const event_id& event) {
  constexpr const char* text = "A number of the waiting room is required first";
  return json_response(403, {{"error", text},
                             {"message", text},
                             {"code", "vwr_token_required"},
                             {"redirectTo", "/vwr/" + to_string(event)}});
}

} // namespace

room_gate make_room_gate(room_gate_options options, room_tokens tokens, vwr::rooms rooms,
                         queue::queues queues) {
  auto cache = std::make_shared<room_cache>(
      [tokens = std::move(tokens)](std::string_view token, time_point now) {
        return tokens.verify(token, now);
      },
      options.tokens_cached_max);
  return [cache = std::move(cache), rooms = std::move(rooms), queues = std::move(queues)](
             front& f, exchange_ptr x, event_id event, std::function<void()> admitted) {
    if (has_token(*cache, x->req(), event, f.env().now()))
      return admitted();
    const auto has_no_room = [x, admitted](const failure& why) {
      if (why.code == errc::not_found)
        admitted();
      else
        x->reply(error_response(why));
    };
    f.ask_or<vwr::room_counters>(
        x, rooms, vwr::show_room{event},
        [&f, x, event, queues, admitted](const vwr::room_counters& room) {
          if (!room.active)
            return admitted();
          if (!x->req().who)
            return x->reply(refusal(event));
          f.ask<queue::queue_place>(x, queues, queue::poll_queue{event, x->req().who->user},
                                    [x, event, admitted](const queue::queue_place& seen) {
                                      if (static_cast<queue::place>(seen.place)
                                          == queue::place::none)
                                        x->reply(refusal(event));
                                      else
                                        admitted();
                                    });
        },
        has_no_room);
  };
}

} // namespace tiketi::net
