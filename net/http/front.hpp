#pragma once

#include "actors/base/environment.hpp"
#include "actors/system/caf_error.hpp"
#include "net/http/message.hpp"

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>

namespace tiketi::net {

/// What a handler runs in: one front actor of the pool. Handlers translate between HTTP and
/// messages and hold no business rule. They must not block.
class front {
public:
  front(caf::event_based_actor* self, environment& env) : self_(self), env_(env) {}

  caf::event_based_actor* self() const noexcept { return self_; }
  environment& env() const noexcept { return env_; }

  /// Asks an actor for a `Reply`. On success `done(reply)` runs in the front actor and either
  /// returns a `response` or returns void and answers (or asks on) itself. Failures are answered
  /// with `error_response`. Deadlines are the front's sweep, not one CAF timer per request: an
  /// exchange over its deadline has been answered by then, and a late reply goes nowhere.
  template <class Reply, class Handle, class Message, class Done>
  void ask(exchange_ptr x, const Handle& target, Message&& message, Done done) {
    auto fail = [x](const failure& f) { x->reply(error_response(f)); };
    ask_or<Reply>(x, target, std::forward<Message>(message), std::move(done), std::move(fail));
  }

  /// The same with an own answer to failures: `fail(const failure&)`.
  template <class Reply, class Handle, class Message, class Done, class Fail>
  void ask_or(exchange_ptr x, const Handle& target, Message&& message, Done done, Fail fail) {
    self_->request(target, caf::infinite, std::forward<Message>(message))
        .then(
            [x, done](Reply& reply) mutable {
              guarded(x, [&] {
                if constexpr (std::is_void_v<std::invoke_result_t<Done&, Reply&>>)
                  done(reply);
                else
                  x->reply(done(reply));
              });
            },
            [x, fail](caf::error& err) mutable { guarded(x, [&] { fail(to_failure(err)); }); });
  }

  /// Runs what a handler wrote. An exception would end the front actor and with it every request
  /// that it carries, so it is logged and answered 500.
  template <class Work>
  static void guarded(const exchange_ptr& x, Work&& work) {
    try {
      work();
    } catch (const std::exception& e) {
      answer_exception(x, e.what());
    } catch (...) {
      answer_exception(x, "unknown exception");
    }
  }

private:
  static void answer_exception(const exchange_ptr& x, const char* what);

  caf::event_based_actor* self_;
  environment& env_;
};

struct route;

/// To a front actor: run the route's handler. Stays in the process.
struct dispatch {
  exchange_ptr x;
  const route* to = nullptr; ///< outlives the fronts
};

/// One actor of the pool. Quits on an exit message.
caf::behavior front_actor(caf::event_based_actor* self, environment& env);

} // namespace tiketi::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::dispatch)
