#pragma once

#include "net/http/front.hpp"
#include "net/http/message.hpp"
#include "net/http/router.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <nlohmann/json.hpp>

namespace tiketi::test {

/// Records the first answer of a handler; keeps every later one out, as the real one does.
class fake_exchange final : public net::exchange {
public:
  explicit fake_exchange(net::request r) : request_(std::move(r)) {}

  const net::request& req() const noexcept override { return request_; }

  void reply(net::response r) override {
    const std::lock_guard lock{mutex_};
    ++replies_;
    if (!answer_)
      answer_ = std::move(r);
  }

  /// How often the handler answered: anything but 1 is a bug in the handler.
  std::size_t replies() const {
    const std::lock_guard lock{mutex_};
    return replies_;
  }

  bool answered() const { return replies() != 0; }

  net::response answer() const {
    const std::lock_guard lock{mutex_};
    if (!answer_)
      throw std::logic_error("no answer yet");
    return *answer_;
  }

  int status() const { return answer().status; }

  nlohmann::json json() const {
    const auto r = answer();
    return nlohmann::json::parse(r.shared_body ? *r.shared_body : r.body);
  }

  /// Values of every header with this name, in order; case matters.
  std::vector<std::string> headers(std::string_view name) const {
    std::vector<std::string> out;
    for (const auto& [key, value] : answer().headers)
      if (key == name)
        out.push_back(value);
    return out;
  }

private:
  net::request request_;
  mutable std::mutex mutex_;
  std::optional<net::response> answer_;
  std::size_t replies_ = 0;
};

using fake_exchange_ptr = std::shared_ptr<fake_exchange>;

/// What a test's front actor runs.
using front_job = std::function<void(net::front&)>;

} // namespace tiketi::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::test::front_job)

namespace tiketi::test {

struct front_state {
  front_state() = default;

  std::unique_ptr<net::front> context;
};

/// A front actor that runs the jobs sent to it.
inline caf::behavior test_front(caf::stateful_actor<front_state>* self, environment* env) {
  self->state.context = std::make_unique<net::front>(self, *env);
  return {[self](const front_job& job) { job(*self->state.context); }};
}

/// Calls a route the way the server does after its filters: finds it, checks who may call, fills
/// the captures, runs the handler in a front actor. `run` lets the actors work, for example
/// `[&] { sched.run(); }`. Body rules, limits and the entry gate are the server's and not done.
class route_caller {
public:
  route_caller(caf::actor_system& sys, environment& env, const net::router& routes,
               std::function<void()> run)
      : routes_(routes), run_(std::move(run)), front_(sys.spawn(test_front, &env)) {}

  ~route_caller() {
    caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
    run_();
  }

  route_caller(const route_caller&) = delete;
  route_caller& operator=(const route_caller&) = delete;

  fake_exchange_ptr call(net::request r) {
    const auto found = routes_.find(r.method, r.path);
    if (found.found == nullptr) {
      auto x = std::make_shared<fake_exchange>(std::move(r));
      x->reply(
          net::error_response(found.allow.empty() ? errc::not_found : errc::method_not_allowed));
      return x;
    }
    r.captures = found.captures;
    auto x = std::make_shared<fake_exchange>(std::move(r));
    const auto who = found.found->who;
    const auto& caller = x->req().who;
    if (who == net::access::user || who == net::access::admin) {
      if (!caller) {
        x->reply(net::error_response(errc::unauthenticated));
        return x;
      }
      if (who == net::access::admin && !caller->is_admin()) {
        x->reply(net::error_response(errc::admin_required));
        return x;
      }
    }
    caf::anon_send(front_,
                   front_job{[route = found.found, x](net::front& f) { route->handle(f, x); }});
    run_();
    return x;
  }

  fake_exchange_ptr call(net::verb method, std::string path, std::string body = {},
                         std::optional<net::identity> who = std::nullopt) {
    net::request r;
    r.method = method;
    r.path = std::move(path);
    r.body = std::move(body);
    r.peer = "192.0.2.1";
    r.who = std::move(who);
    return call(std::move(r));
  }

private:
  const net::router& routes_;
  std::function<void()> run_;
  caf::actor front_;
};

} // namespace tiketi::test
