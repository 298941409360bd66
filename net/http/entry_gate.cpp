#include "net/http/entry_gate.hpp"

#include "actors/queue/type_ids.hpp"
#include "actors/token/verified_cache.hpp"

#include <memory>
#include <utility>

#include <caf/typed_actor.hpp>

namespace tiketi::net {

namespace {

using entry_cache = verified_cache<entry_claims>;

bool opens(entry_cache& tokens, std::string_view token, const event_id& event, const user_id& user,
           time_point now) {
  const auto claims = tokens.find(token, now);
  return claims && claims->event == event && claims->user == user;
}

bool has_token(entry_cache& tokens, const request& req, const event_id& event, const user_id& user,
               time_point now) {
  if (const auto header = req.header("x-queue-entry-token"))
    if (opens(tokens, *header, event, user, now))
      return true;
  for (const auto* name : {"urr-entry-token", "tiketi-entry-token"})
    if (const auto cookie = req.cookie(name))
      if (opens(tokens, *cookie, event, user, now))
        return true;
  return false;
}

} // namespace

entry_gate make_entry_gate(entry_gate_options options, entry_tokens tokens,
                           queue::gate_view queues) {
  auto cache = std::make_shared<entry_cache>(
      [tokens = std::move(tokens)](std::string_view token, time_point now) {
        return tokens.verify(token, now);
      },
      options.tokens_cached_max);
  return [enabled = options.enabled, cache = std::move(cache), queues = std::move(queues)](
             front& f, exchange_ptr x, event_id event, std::function<void()> admitted) {
    if (!enabled)
      return admitted();
    const auto& who = x->req().who;
    if (!who)
      return x->reply(error_response(errc::entry_token_required));
    if (has_token(*cache, x->req(), event, who->user, f.env().now()))
      return admitted();
    f.ask<queue::admission>(x, queues, queue::check_admission{event, who->user},
                            [x, admitted = std::move(admitted)](const queue::admission& seen) {
                              if (seen.active)
                                admitted();
                              else
                                x->reply(error_response(errc::entry_token_required));
                            });
  };
}

} // namespace tiketi::net
