#include "actors/membership/membership_actor.hpp"

#include "actors/base/trace.hpp"
#include "actors/membership/membership.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <caf/all.hpp>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi::membership {
namespace {

struct membership_tick {};

} // namespace
} // namespace tiketi::membership

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::membership_tick)

namespace tiketi::membership {
namespace {

using ticket::payment_outcome;
using ticket::payment_verdict;
using ticket::ticket_write;
using ticket::ticket_written;

constexpr int attempts_max = 4; ///< of a write that lost a race
constexpr std::size_t memberships_max = 500;
constexpr std::size_t history_max = 50;
constexpr std::size_t over_max = 100; ///< ended per tick

template <class T>
using promise_of = caf::typed_response_promise<T>;

using membership_impl = membership_actor::extend<caf::reacts_to<membership_tick>>;

prometheus::Counter* counter(prometheus::Registry& registry, const char* name, const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

struct membership_metrics {
  explicit membership_metrics(prometheus::Registry& registry)
      : activated(counter(registry, "business_membership_activated_total",
                          "Memberships that were paid and came into force")),
        expired(counter(registry, "business_membership_expired_total", "Memberships that ended")),
        awards(counter(registry, "business_membership_awards_total",
                       "Times a membership was given points")),
        revocations(counter(registry, "business_membership_revocations_total",
                            "Times points were taken back from a membership")),
        mailbox(&mailbox_depth(registry, "membership")) {}

  prometheus::Counter* activated;
  prometheus::Counter* expired;
  prometheus::Counter* awards;
  prometheus::Counter* revocations;
  prometheus::Histogram* mailbox;
};

struct membership_state {
  membership_state() = default;

  environment* env = nullptr;
  membership_parts parts;
  std::unique_ptr<membership_metrics> metrics;
  std::size_t ending = 0; ///< memberships whose end is being written
};

using self_pointer = membership_impl::stateful_pointer<membership_state>;

time_point now(self_pointer self) {
  return self->state.env->now();
}

/// What a write came to; `lost`: somebody else was first, read again.
enum class written { done, duplicate, lost };

template <class Command>
void write(self_pointer self, Command command, std::function<void(result<written>)> done) {
  self->request(self->state.parts.writer, caf::infinite, ticket_write{std::move(command)})
      .then(
          [done](const ticket_written& w) {
            switch (w.status) {
            case commit_status::committed:
              done(w.duplicate ? written::duplicate : written::done);
              return;
            case commit_status::rejected:
              done(written::lost);
              return;
            case commit_status::failed:
              done(failure{errc::unavailable});
              return;
            case commit_status::unknown:
              done(failure{errc::in_doubt});
              return;
            }
          },
          [done](const caf::error& err) { done(to_failure(err)); });
}

std::optional<membership_row> row_of(const std::optional<membership_view>& view) {
  return view ? std::optional(view->row) : std::nullopt;
}

void run_subscribe(self_pointer self, subscribe m, promise_of<membership_view> promise,
                   int attempt = 1) {
  auto& queries = *self->state.parts.queries;
  const auto artist = queries.artist(m.artist);
  const auto known = queries.find_of(m.user, m.artist);
  if (!artist || !known) {
    promise.deliver(to_caf(errc::unavailable));
    return;
  }
  if (!*artist) {
    promise.deliver(to_caf({errc::not_found, "Artist not found"}));
    return;
  }
  auto decided = decide_subscription(row_of(*known), **artist, m.user,
                                     membership_id{make_uuid(*self->state.env)}, now(self));
  if (!decided) {
    promise.deliver(to_caf(decided.error()));
    return;
  }
  membership_view answer{decided->next, **artist};
  if (decided->next.version == 0) {
    promise.deliver(std::move(answer));
    return;
  }
  write(self, std::move(*decided),
        [self, m, promise, attempt, answer](const result<written>& w) mutable {
          if (!w)
            promise.deliver(to_caf(w.error()));
          else if (*w != written::lost)
            promise.deliver(std::move(answer));
          else if (attempt < attempts_max)
            run_subscribe(self, m, promise, attempt + 1);
          else
            promise.deliver(to_caf(errc::unavailable));
        });
}

/// The message was applied before: as an activation, or as a refusal?
/// Without knowing there is no answer: a wrong one would give money back for a membership that goes
/// on.
void tell_earlier_outcome(self_pointer self, const apply_membership_payment& m,
                          promise_of<payment_outcome>& promise) {
  const auto paid = self->state.parts.queries->has_points_for(m.membership, m.payment.value);
  if (!paid)
    promise.deliver(to_caf(paid.error()));
  else if (*paid)
    promise.deliver(payment_outcome{payment_verdict::confirmed, {}, true});
  else
    promise.deliver(payment_outcome{payment_verdict::refund_due, "refused_before", true});
}

void run_payment(self_pointer self, apply_membership_payment m, promise_of<payment_outcome> promise,
                 int attempt = 1) {
  const auto known = self->state.parts.queries->find(m.membership);
  if (!known) {
    promise.deliver(to_caf(known.error()));
    return;
  }
  if (m.message.is_nil()) {
    promise.deliver(to_caf({errc::invalid_request, "A payment needs the id of its message"}));
    return;
  }
  auto decided = decide_activation(row_of(*known), m, *self->state.env);
  if (auto* outcome = std::get_if<payment_outcome>(&decided)) {
    promise.deliver(std::move(*outcome));
    return;
  }
  auto& step = std::get<activation>(decided);
  const bool activates = step.change.next.version > 0;
  for (auto& event : step.change.events)
    event.trace = traceparent_or_empty(m.trace);
  write(self, std::move(step.change),
        [self, m, promise, attempt, activates,
         outcome = std::move(step.outcome)](const result<written>& w) mutable {
          if (!w) {
            promise.deliver(to_caf(w.error()));
            return;
          }
          switch (*w) {
          case written::done:
            if (activates)
              self->state.metrics->activated->Increment();
            promise.deliver(std::move(outcome));
            return;
          case written::duplicate:
            tell_earlier_outcome(self, m, promise);
            return;
          case written::lost:
            if (attempt < attempts_max)
              run_payment(self, m, promise, attempt + 1);
            else
              promise.deliver(to_caf(errc::unavailable));
            return;
          }
        });
}

/// `done`: how many memberships it changed, and whether the message was applied before.
void post(self_pointer self, post_points command,
          std::function<void(result<ticket_written>)> done) {
  const bool revoke = command.revoke;
  self->request(self->state.parts.writer, caf::infinite, ticket_write{std::move(command)})
      .then(
          [self, revoke, done](const ticket_written& w) {
            auto& metrics = *self->state.metrics;
            switch (w.status) {
            case commit_status::committed:
              (revoke ? metrics.revocations : metrics.awards)->Increment(w.memberships);
              done(w);
              return;
            case commit_status::rejected:
            case commit_status::failed:
              done(failure{errc::unavailable});
              return;
            case commit_status::unknown:
              done(failure{errc::in_doubt});
              return;
            }
          },
          [done](const caf::error& err) { done(to_failure(err)); });
}

caf::result<awarded> run_award(self_pointer self, const award& m) {
  if (auto ok = check_award(m); !ok)
    return to_caf(ok.error());
  post_points command;
  command.user = m.user;
  command.artist = m.artist;
  command.entry = {{}, m.action, m.points, m.description, m.reference, now(self)};
  auto promise = self->make_response_promise<awarded>();
  post(self, std::move(command), [promise](const result<ticket_written>& w) mutable {
    if (w)
      promise.deliver(awarded{w->memberships});
    else
      promise.deliver(to_caf(w.error()));
  });
  return promise;
}

/// What an event of another role changes in the accounts of points; nothing: nothing.
result<std::optional<post_points>> due(self_pointer self, const domain_event& event) {
  const auto booking = booking_of(event);
  if (!booking)
    return booking.error();
  if (!*booking)
    return points_of(event, now(self));
  const auto artist = self->state.parts.queries->artist_of((*booking)->event);
  if (!artist)
    return artist.error();
  if (artist->is_nil())
    return std::optional<post_points>{};
  post_points command;
  command.message = event.id;
  command.user = (*booking)->user;
  command.artist = *artist;
  command.entry = {{},
                   "TICKET_PURCHASE",
                   purchase_points,
                   "Points for ticket purchase",
                   (*booking)->reservation.value,
                   now(self)};
  return std::optional(std::move(command));
}

caf::result<applied> run_delivery(self_pointer self, const domain_event& event) {
  auto command = due(self, event);
  if (!command)
    return to_caf(command.error());
  if (!*command)
    return applied{event.id, false};
  auto promise = self->make_response_promise<applied>();
  post(self, std::move(**command),
       [promise, id = event.id](const result<ticket_written>& w) mutable {
         if (w)
           promise.deliver(applied{id, w->duplicate});
         else
           promise.deliver(to_caf(w.error()));
       });
  return promise;
}

/// One by one, so that a store that is slow is not asked twice.
void end_those_over(self_pointer self) {
  if (self->state.ending > 0)
    return;
  const auto rows = self->state.parts.queries->over(now(self), over_max);
  if (!rows) {
    spdlog::warn("memberships that are over cannot be read: {}", rows.error().text);
    return;
  }
  for (const auto& row : *rows) {
    auto change = decide_expiry(row, *self->state.env);
    if (!change)
      continue;
    ++self->state.ending;
    write(self, std::move(*change), [self](const result<written>& w) {
      --self->state.ending;
      if (w && *w == written::done)
        self->state.metrics->expired->Increment();
    });
  }
}

membership_impl::behavior_type memberships(self_pointer self, environment* env,
                                           prometheus::Registry* registry, membership_parts parts) {
  self->state.env = env;
  self->state.parts = std::move(parts);
  self->state.metrics = std::make_unique<membership_metrics>(*registry);
  self->delayed_send(self, self->state.parts.tick, membership_tick{});
  return {
      [self](const subscribe& m) -> caf::result<membership_view> {
        auto promise = self->make_response_promise<membership_view>();
        run_subscribe(self, m, promise);
        return promise;
      },
      [self](const list_memberships& m) -> caf::result<membership_list> {
        auto rows = self->state.parts.queries->memberships_of(m.user, memberships_max);
        if (!rows)
          return to_caf(rows.error());
        return membership_list{std::move(*rows)};
      },
      [self](const get_membership& m) -> caf::result<membership_detail> {
        auto& queries = *self->state.parts.queries;
        membership_detail out;
        auto artist = queries.artist(m.artist);
        auto found = queries.find_of(m.user, m.artist);
        if (!artist || !found)
          return to_caf(errc::unavailable);
        if (*artist)
          out.artist.push_back(std::move(**artist));
        if (*found) {
          auto history = queries.points_of((*found)->row.id, history_max);
          if (!history)
            return to_caf(history.error());
          out.history = std::move(*history);
          out.found.push_back(std::move(**found));
        }
        return out;
      },
      [self](const find_membership& m) -> caf::result<membership_view> {
        auto found = self->state.parts.queries->find(m.membership);
        if (!found)
          return to_caf(found.error());
        if (!*found)
          return to_caf({errc::not_found, "Membership not found"});
        return std::move(**found);
      },
      [self](const get_tier& m) -> caf::result<member_tier> {
        const auto found = self->state.parts.queries->find_of(m.user, m.artist);
        if (!found)
          return to_caf(found.error());
        return member_tier{*found ? effective_tier((*found)->row, now(self)) : tier::bronze};
      },
      [self](const award& m) { return run_award(self, m); },
      [self](const check_membership& m) -> caf::result<ticket::payable> {
        const auto found = self->state.parts.queries->find(m.membership);
        if (!found)
          return to_caf(found.error());
        if (*found && (*found)->artist.name.empty())
          return to_caf({errc::not_found, "Artist not found"}); // removed since
        auto answer = decide_payable(row_of(*found), m, now(self));
        if (!answer)
          return to_caf(answer.error());
        return std::move(*answer);
      },
      [self](const apply_membership_payment& m) -> caf::result<payment_outcome> {
        auto promise = self->make_response_promise<payment_outcome>();
        run_payment(self, m, promise);
        return promise;
      },
      [self](const deliver& m) { return run_delivery(self, m.event); },
      [self](membership_tick) {
        observe_mailbox(*self->state.metrics->mailbox, self);
        end_those_over(self);
        self->delayed_send(self, self->state.parts.tick, membership_tick{});
      },
  };
}

} // namespace

namespace {

struct consumer_state {
  consumer_state() = default;

  membership_actor members;
};

consumer_actor::behavior_type points_consumer(consumer_actor::stateful_pointer<consumer_state> self,
                                              membership_actor members) {
  self->state.members = std::move(members);
  return {
      [self](deliver& m) -> caf::result<applied> {
        const auto& types = events_of_points();
        if (std::find(types.begin(), types.end(), m.event.type) == types.end())
          return applied{m.event.id, false};
        auto promise = self->make_response_promise<applied>();
        promise.delegate(self->state.members, std::move(m));
        return promise;
      },
  };
}

} // namespace

const std::vector<std::string>& events_of_points() {
  static const std::vector<std::string> all{"RESERVATION_CONFIRMED", "POINTS_EARNED",
                                            "POINTS_REVOKED"};
  return all;
}

consumer_actor spawn_points_consumer(caf::actor_system& sys, membership_actor members) {
  return sys.spawn(points_consumer, std::move(members));
}

membership_actor spawn_memberships(caf::actor_system& sys, environment& env,
                                   prometheus::Registry& registry, bool detached,
                                   membership_parts parts) {
  return detached ? sys.spawn<caf::detached>(memberships, &env, &registry, std::move(parts))
                  : sys.spawn(memberships, &env, &registry, std::move(parts));
}

} // namespace tiketi::membership
