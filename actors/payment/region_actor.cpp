#include "actors/cluster/home.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/payment/payment_actor.hpp"
#include "actors/payment/shards.hpp"
#include "actors/region/region.hpp"
#include "actors/store/mailbox_depth.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include <caf/all.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::payment {
namespace {

struct region_tick {};

} // namespace
} // namespace tiketi::payment

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::region_tick)

namespace tiketi::payment {
namespace {

constexpr std::size_t buffer_max = 32; ///< messages for an actor that is being given up
constexpr seconds restart_after{1};    ///< an actor that failed is started again

using region_impl =
    region_actor::extend<caf::reacts_to<wake_later>, caf::reacts_to<payment_stays>,
                         caf::reacts_to<region_tick>, caf::reacts_to<cluster::open_shard>,
                         caf::replies_to<cluster::close_shard>::with<cluster::shard_closed>>;

/// Payments for a reservation are where its event is.
std::uint64_t shard_key(const payment_subject& subject) {
  if (subject.kind == subject_kind::reservation)
    return route_of(reservation_id{subject.id});
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < sizeof key; ++i)
    key = key << 8 | subject.id.bytes[i];
  return key;
}

struct region_state {
  region_state() = default;

  using table = entity_table<payment_subject, payment_actor>;

  struct use {
    time_point at;
    payment_subject key;
  };

  using shard_keeper = cluster::shard_keeper<region_impl::pointer, payment_subject, payment_actor>;

  payment_context_ptr context;
  std::unique_ptr<table> actors;
  std::unique_ptr<shard_keeper> shards;
  std::unordered_map<caf::actor_addr, payment_subject> keys;
  std::unordered_map<payment_subject, time_point> used;
  std::deque<use> uses; ///< by time; an entry that is not the key's last use is void
  std::multimap<time_point, payment_subject> wakes;
  bool resuming = true; ///< unfinished payments are still being found
  bool reading = false;
  bool again = false; ///< shards have come since the page was asked for
  payment_id resumed_to;
};

using region_self = region_impl::stateful_pointer<region_state>;

bool route(region_self self, const payment_subject& key, region_state::table::use_fn use) {
  auto& state = self->state;
  const auto now = state.context->env->now();
  if (auto [at, fresh] = state.used.try_emplace(key, now); fresh || at->second != now) {
    at->second = now;
    state.uses.push_back({now, key});
  }
  return state.actors->with(key, std::move(use));
}

template <class Reply, class Message>
caf::result<Reply> forward(region_self self, const payment_subject& key, Message message) {
  auto promise = self->make_response_promise<Reply>();
  if (auto& shards = *self->state.shards; !shards.here(shard_key(key))) {
    shards.forward(shard_key(key), message, promise);
    return promise;
  }
  const auto taken = route(self, key, [self, key, promise, message](const payment_actor& to) {
    self->state.shards->call(key, to, message, promise);
  });
  if (!taken)
    promise.deliver(to_caf(errc::overloaded));
  return promise;
}

void wake(region_self self, const payment_subject& key) {
  if (!self->state.shards->here(shard_key(key)))
    return; // whoever has it now finds it in the store
  const auto taken =
      route(self, key, [](const payment_actor& to) { caf::anon_send(to, wake_payment{}); });
  if (!taken)
    self->state.wakes.emplace(self->state.context->env->now() + restart_after, key);
}

/// Payments that a crash interrupted, page by page.
void resume(region_self self) {
  auto& state = self->state;
  if (!state.resuming || state.reading)
    return;
  state.reading = true;
  const auto limit = state.context->options.resume_page;
  self->request(state.context->reader, caf::infinite, list_unfinished{state.resumed_to, limit})
      .then(
          [self, limit](const payment_list& list) {
            auto& s = self->state;
            s.reading = false;
            s.resuming = list.payments.size() >= limit;
            for (const auto& p : list.payments) {
              s.resumed_to = p.id;
              if (!s.shards->here(shard_key(subject_of(p))))
                continue;
              spdlog::info("payment {} was interrupted while {}: going on", to_string(p.id),
                           to_string(p.status));
              wake(self, subject_of(p));
            }
            if (std::exchange(s.again, false)) {
              s.resuming = true;
              s.resumed_to = {};
            }
          },
          [self](const caf::error& err) {
            self->state.reading = false;
            spdlog::warn("unfinished payments cannot be read: {}", to_failure(err).text);
          });
}

void give_up_idle(region_self self, time_point now) {
  auto& state = self->state;
  const auto& options = state.context->options;
  auto over = state.actors->size() > options.actors_max ? state.actors->size() - options.actors_max
                                                        : std::size_t{0};
  while (!state.uses.empty() && (over > 0 || state.uses.front().at + options.idle_after <= now)) {
    const auto [at, key] = state.uses.front();
    state.uses.pop_front();
    const auto last = state.used.find(key);
    if (last == state.used.end() || last->second != at)
      continue;
    if (over > 0)
      --over;
    state.used.erase(last);
    if (state.actors->begin_passivation(key))
      self->send(*state.actors->find(key), stop_idle{});
  }
}

void on_tick(region_self self) {
  auto& state = self->state;
  const auto now = state.context->env->now();
  observe_mailbox(*state.context->metrics.region_mailbox, self);
  resume(self);
  while (!state.wakes.empty() && state.wakes.begin()->first <= now) {
    const auto key = state.wakes.begin()->second;
    state.wakes.erase(state.wakes.begin());
    wake(self, key);
  }
  give_up_idle(self, now);
}

/// A command that names the payment, not the reservation.
template <class Message, class Find, class Use>
caf::result<payment_done> find_first(region_self self, const Message& message, Find find,
                                     user_id user, Use use) {
  auto promise = self->make_response_promise<payment_done>();
  self->request(self->state.context->reader, caf::infinite, std::move(find))
      .then(
          [self, message, promise, user, use](const payment_list& list) mutable {
            // Somebody else's payment is not told apart from none.
            if (list.payments.empty() || list.payments.front().user != user) {
              promise.deliver(to_caf({errc::not_found, "Payment not found"}));
              return;
            }
            const auto& p = list.payments.front();
            const auto key = subject_of(p);
            if (auto& shards = *self->state.shards; !shards.here(shard_key(key))) {
              shards.forward(shard_key(key), message, promise);
              return;
            }
            const auto taken =
                route(self, key, [self, key, promise, found = use(p)](const payment_actor& to) {
                  self->state.shards->call(key, to, found, promise);
                });
            if (!taken)
              promise.deliver(to_caf(errc::overloaded));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

bool concerns_payments(const std::string& type) {
  const auto& all = events_of_payments();
  return std::find(all.begin(), all.end(), type) != all.end();
}

/// Whose payment it is about. A ticket that was resold is paid for by the payment of the resale,
/// and the event says so; otherwise it is the reservation's own.
result<payment_subject> subject_of(const domain_event& event) {
  const auto payload = nlohmann::json::parse(event.payload, nullptr, false);
  if (payload.is_object()) {
    const auto kind = payload.find("paymentType");
    const auto id = payload.find("referenceId");
    if (kind != payload.end() && id != payload.end() && kind->is_string() && id->is_string()) {
      const auto reference = parse_uuid(id->get_ref<const std::string&>());
      for (const auto k : {subject_kind::transfer, subject_kind::membership})
        if (reference && *kind == to_string(k))
          return payment_subject{k, *reference};
      return failure{errc::invalid_request, event.type + ": paymentType or referenceId is wrong"};
    }
  }
  const auto key = parse_id<reservation_id>(event.key);
  if (!key)
    return failure{errc::invalid_request, event.type + ": the key is no reservation id"};
  return payment_subject{*key};
}

bool is_known(region_self self, const payment_subject& subject) {
  const auto& context = *self->state.context;
  switch (subject.kind) {
  case subject_kind::reservation:
    return true;
  case subject_kind::transfer:
    return static_cast<bool>(context.transfers);
  case subject_kind::membership:
    return static_cast<bool>(context.memberships);
  }
  return false;
}

template <class Message>
caf::result<payment_done> pay(region_self self, const Message& x) {
  if (!is_known(self, x.subject))
    return to_caf({errc::invalid_request,
                   "paymentType " + to_string(x.subject.kind) + " is not available here"});
  return forward<payment_done>(self, x.subject, x);
}

region_impl::behavior_type region(region_self self, payment_context_ptr context,
                                  cluster::shard_access access) {
  auto& state = self->state;
  state.context = std::move(context);
  state.actors = std::make_unique<region_state::table>(
      [self](const payment_subject& key) {
        auto& s = self->state;
        auto entity = spawn_payment_actor(self->home_system(), s.context,
                                          caf::actor_cast<payment_parent>(self), key);
        s.keys.emplace(entity.address(), key);
        self->monitor(entity);
        return entity;
      },
      buffer_max);
  state.shards = std::make_unique<region_state::shard_keeper>(
      self, std::move(access), *state.actors, shard_key,
      cluster::behind_writes<payment_written>(self, state.context->writer,
                                              payment_write{look_up_payment{}}));
  self->set_down_handler([self](const caf::down_msg& down) {
    auto& s = self->state;
    const auto found = s.keys.find(down.source);
    if (found == s.keys.end())
      return;
    const auto key = found->second;
    s.keys.erase(found);
    s.shards->ended(key);
    if (down.reason && s.shards->here(shard_key(key)) && down.reason != caf::exit_reason::normal) {
      spdlog::error("the payment actor of {} failed", to_string(key));
      s.wakes.emplace(s.context->env->now() + restart_after, key);
    }
  });
  self->set_exit_handler([self](const caf::exit_msg& x) {
    self->state.actors->for_each([self](const payment_subject&, const payment_actor& a) {
      self->send_exit(a, caf::exit_reason::user_shutdown);
    });
    self->state.actors->clear();
    self->quit(x.reason);
  });
  resume(self);
  self->delayed_send(self, state.context->options.tick, region_tick{});
  return {
      [self](const get_standing& x) { return forward<payment_standing>(self, x.reservation, x); },
      [self](const prepare_payment& x) { return pay(self, x); },
      [self](const confirm_payment& x) {
        return find_first(self, x, find_order{x.order_id}, x.user,
                          [x](const payment_view&) { return x; });
      },
      [self](const process_payment& x) { return pay(self, x); },
      [self](const cancel_payment& x) {
        return find_first(self, x, find_key_or_id{x.key_or_id}, x.user, [x](const payment_view& p) {
          return cancel_found{p.id, x.user, x.reason, x.trace, x.repeated};
        });
      },
      [self](const deliver& x) -> caf::result<applied> {
        if (!concerns_payments(x.event.type))
          return applied{x.event.id};
        const auto subject = subject_of(x.event);
        if (!subject)
          return to_caf(subject.error());
        return forward<applied>(self, *subject, x);
      },
      [self](const wake_later& x) { self->state.wakes.emplace(x.at, x.subject); },
      [self](const payment_stays& x) {
        // As if it had been used now, so that it is asked again later.
        auto& s = self->state;
        const auto now = s.context->env->now();
        s.used[x.subject] = now;
        s.uses.push_back({now, x.subject});
        s.actors->stayed(x.subject);
      },
      [self](const region_tick&) {
        on_tick(self);
        self->delayed_send(self, self->state.context->options.tick, region_tick{});
      },
      [self](cluster::open_shard) {
        // What its owner before had begun is looked for with the next tick.
        auto& s = self->state;
        s.again = s.reading;
        s.resuming = true;
        if (!s.reading)
          s.resumed_to = {};
      },
      [self](const cluster::close_shard& x) -> caf::result<cluster::shard_closed> {
        return self->state.shards->close(x);
      },
  };
}

} // namespace

const std::vector<std::string>& events_of_payments() {
  static const std::vector<std::string> all{"RESERVATION_CONFIRMED", "RESERVATION_CANCELLED",
                                            "RESERVATION_EXPIRED",   "PAYMENT_REJECTED",
                                            "TRANSFER_COMPLETED",    "MEMBERSHIP_ACTIVATED"};
  return all;
}

payment_shards spawn_payment_region(caf::actor_system& sys, payment_context_ptr context,
                                    cluster::shard_access access) {
  return sys.spawn(region, std::move(context), std::move(access));
}

void offer(cluster::services& to, const region_actor& region) {
  to.add<get_standing, payment_standing>(region);
  to.add<prepare_payment, payment_done>(region);
  to.add<confirm_payment, payment_done>(region);
  to.add<process_payment, payment_done>(region);
  to.add<cancel_payment, payment_done>(region);
  to.add<deliver, applied>(region);
}

} // namespace tiketi::payment
