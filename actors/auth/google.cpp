#include "actors/auth/google.hpp"

#include <utility>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::auth {
namespace {

struct google_state {
  google_state() = default;

  struct waiting {
    unverified_token token;
    caf::typed_response_promise<google_identity> promise;
  };

  environment* env = nullptr;
  remote::client_actor calls;
  google_options options;
  std::unique_ptr<key_set> keys;
  std::vector<waiting> waits; ///< for the keys that are being fetched
  bool fetching = false;
};

using google_self = google_actor::stateful_pointer<google_state>;
using advice = key_set::advice;

result<google_identity> judge(google_self self, const unverified_token& token,
                              const key_set::choice& choice) {
  auto& state = self->state;
  switch (choice.what) {
  case advice::use:
    return check_id_token(token, choice.key, state.options.client_ids, state.env->now());
  case advice::unknown_key:
    return failure{errc::invalid_request, "Invalid Google token"};
  case advice::fetch:
  case advice::unavailable:
    break;
  }
  return failure{errc::unavailable, "Google cannot be reached to check this login. Please retry."};
}

void fetch_ended(google_self self) {
  auto& state = self->state;
  state.fetching = false;
  for (auto& w : std::exchange(state.waits, {})) {
    auto who = judge(self, w.token, state.keys->find(w.token.key_id, state.env->now()));
    if (who)
      w.promise.deliver(std::move(*who));
    else
      w.promise.deliver(to_caf(who.error()));
  }
}

void take(google_self self, const remote::http_answer& a) {
  auto& state = self->state;
  if (a.error != remote::http_failure::none || a.status != 200) {
    spdlog::warn("Google's keys were not fetched: {}", a.error == remote::http_failure::none
                                                           ? "status " + std::to_string(a.status)
                                                           : std::string(to_string_view(a.error)));
    state.keys->failed();
  } else if (auto keys = parse_key_set(a.body); !keys) {
    spdlog::warn("Google's keys were not fetched: {}", keys.error().text);
    state.keys->failed();
  } else {
    state.keys->fetched(std::move(*keys),
                        freshness(remote::find_header(a.headers, "Cache-Control"),
                                  remote::find_header(a.headers, "Age")),
                        state.env->now());
  }
  fetch_ended(self);
}

/// `trace`: of the first who needs the keys.
void fetch(google_self self, const std::string& trace) {
  auto& state = self->state;
  state.fetching = true;
  state.keys->fetching(state.env->now());
  remote::http_call x;
  x.target = "google";
  x.request.url = state.options.keys_url;
  x.repeatable = true;
  x.timeout = state.options.fetch_timeout;
  x.trace = trace;
  self->request(state.calls, caf::infinite, std::move(x))
      .then([self](const remote::http_answer& a) { take(self, a); },
            [self](const caf::error&) {
              self->state.keys->failed();
              fetch_ended(self);
            });
}

caf::result<google_identity> verify(google_self self, const verify_google& x) {
  auto& state = self->state;
  auto token = parse_id_token(x.credential);
  if (!token)
    return to_caf(token.error());
  const auto choice = state.keys->find(token->key_id, state.env->now());
  // While keys are on their way, whoever has no key waits for them too.
  if (choice.what != advice::fetch && !(state.fetching && choice.what != advice::use)) {
    auto who = judge(self, *token, choice);
    if (!who)
      return to_caf(who.error());
    return std::move(*who);
  }
  if (state.waits.size() >= state.options.waiting_max)
    return to_caf(errc::overloaded);
  auto promise = self->make_response_promise<google_identity>();
  state.waits.push_back({std::move(*token), promise});
  if (!state.fetching)
    fetch(self, x.trace);
  return promise;
}

google_actor::behavior_type google(google_self self, environment* env, remote::client_actor calls,
                                   google_options options) {
  auto& state = self->state;
  state.env = env;
  state.calls = std::move(calls);
  state.keys = std::make_unique<key_set>(options.keys);
  state.options = std::move(options);
  return {[self](const verify_google& x) { return verify(self, x); }};
}

} // namespace

google_actor start_google(caf::actor_system& sys, environment& env, remote::client_actor calls,
                          google_options options) {
  return sys.spawn(google, &env, std::move(calls), std::move(options));
}

} // namespace tiketi::auth
