#include "actors/payment/toss.hpp"
#include "actors/payment/type_ids.hpp"

#include <functional>
#include <utility>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::payment {
namespace {

struct toss_state {
  toss_state() = default;

  environment* env = nullptr;
  remote::client_actor calls;
  toss_options options;
};

using toss_self = provider_actor::stateful_pointer<toss_state>;
using promise_type = caf::typed_response_promise<provider_answer>;
using then_fn = std::function<void(const remote::http_answer&)>;

time_point now(toss_self self) {
  return self->state.env->now();
}

/// One command: the calls it takes, one after the other, all before `until`.
struct work {
  payment_view payment;
  promise_type promise;
  time_point until;
  std::string trace;
};

void answer(work w, provider_answer a) {
  w.promise.deliver(std::move(a));
}

void call(toss_self self, const work& w, remote::http_request request, then_fn then) {
  remote::http_call x;
  x.target = "toss";
  x.request = std::move(request);
  x.repeatable = true; // reads, and writes that carry an idempotency key
  x.timeout = w.until - now(self);
  x.trace = w.trace;
  self->request(self->state.calls, caf::infinite, std::move(x))
      .then(
          [then](const remote::http_answer& a) {
            if (a.status == 401)
              spdlog::error("Toss Payments does not accept the secret key");
            then(a);
          },
          [then](const caf::error& err) {
            remote::http_answer a;
            a.error = remote::http_failure::lost;
            a.text = to_failure(err).text;
            then(a);
          });
}

/// Money that fits no order of ours goes back; only then is the payment declined.
void give_back(toss_self self, const work& w, const toss_verdict& verdict) {
  const auto key = verdict.payment_key;
  spdlog::error("Toss Payments took money for order {} that does not fit it: giving it back",
                w.payment.order_id);
  call(self, w,
       toss_cancel(self->state.options, key, "the payment does not fit the order",
                   to_string(w.payment.id) + "-void"),
       [self, w, key, otherwise = verdict.answer](const remote::http_answer& a) {
         const auto given = read_cancelled(key, a, now(self));
         // Otherwise the next look-up finds it again.
         answer(w, given.outcome == provider_outcome::approved ? otherwise : given);
       });
}

/// `otherwise`: the answer if the provider has taken nothing. Empty: say that.
void look_up(toss_self self, const work& w, std::optional<provider_answer> otherwise) {
  call(self, w, toss_find_order(self->state.options, w.payment),
       [self, w, otherwise = std::move(otherwise)](const remote::http_answer& a) mutable {
         auto verdict = read_found(w.payment, a, now(self));
         if (verdict.what == toss_verdict::next::give_back)
           return give_back(self, w, verdict);
         if (verdict.answer.outcome == provider_outcome::not_found && otherwise)
           verdict.answer = std::move(*otherwise);
         answer(w, std::move(verdict.answer));
       });
}

void capture(toss_self self, const work& w) {
  call(self, w, toss_confirm(self->state.options, w.payment),
       [self, w](const remote::http_answer& a) mutable {
         auto verdict = read_confirmed(w.payment, a, now(self));
         switch (verdict.what) {
         case toss_verdict::next::answer:
           return answer(w, std::move(verdict.answer));
         case toss_verdict::next::look_up:
           return look_up(self, w, std::move(verdict.answer));
         case toss_verdict::next::give_back:
           return give_back(self, w, verdict);
         }
       });
}

void refund(toss_self self, const work& w) {
  const auto& p = w.payment;
  call(
      self, w,
      toss_cancel(self->state.options, p.payment_key, p.refund_reason, to_string(p.refund_message)),
      [self, w](const remote::http_answer& a) mutable {
        auto given = read_cancelled(w.payment.payment_key, a, now(self));
        if (given.outcome == provider_outcome::approved || a.error != remote::http_failure::none)
          return answer(w, std::move(given));
        // Refused: perhaps because it went back before.
        call(self, w, toss_find_key(self->state.options, w.payment.payment_key),
             [self, w, given](const remote::http_answer& found) mutable {
               auto state = read_cancelled(w.payment.payment_key, found, now(self));
               answer(w, state.outcome == provider_outcome::approved ? state : given);
             });
      });
}

template <class Command, class F>
caf::result<provider_answer> begin(toss_self self, const Command& x, F steps) {
  auto promise = self->make_response_promise<provider_answer>();
  steps(self, work{x.payment, promise, now(self) + self->state.options.timeout, x.trace});
  return promise;
}

provider_actor::behavior_type toss_provider(toss_self self, environment* env,
                                            remote::client_actor calls, toss_options options) {
  self->state.env = env;
  self->state.calls = std::move(calls);
  self->state.options = std::move(options);
  return {
      [self](const capture_money& x) { return begin(self, x, capture); },
      [self](const look_up_capture& x) {
        return begin(self, x, [](toss_self s, const work& w) { look_up(s, w, std::nullopt); });
      },
      [self](const refund_money& x) { return begin(self, x, refund); },
  };
}

} // namespace

provider start_toss_provider(caf::actor_system& sys, environment& env, remote::client_actor calls,
                             toss_options options) {
  return {sys.spawn(toss_provider, &env, std::move(calls), std::move(options)), "toss", false,
          false};
}

} // namespace tiketi::payment
