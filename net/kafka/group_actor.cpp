#include "net/kafka/group_actor.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::kafka {

void progress_board::set(const partition& p, progress x) {
  const std::lock_guard lock{mutex_};
  entries_[p] = x;
}

std::optional<std::int64_t> progress_board::next_offset(const partition& p,
                                                        std::uint64_t epoch) const {
  const std::lock_guard lock{mutex_};
  const auto found = entries_.find(p);
  if (found == entries_.end() || found->second.epoch != epoch)
    return std::nullopt;
  return found->second.next_offset;
}

namespace {

/// Partitions that leave, and who waits for that.
struct departure {
  std::vector<partition> partitions;
  std::shared_ptr<std::promise<void>> done;
  time_point deadline;
};

struct group_state {
  group_state() = default;

  environment* env = nullptr;
  group what;
  consumer_options options;
  producer_actor dead_letters;
  std::shared_ptr<progress_board> board;
  std::shared_ptr<group_metrics> metrics;
  std::map<partition, lane> lanes;
  std::vector<departure> departures;
};

using group_impl = group_actor::extend<caf::reacts_to<group_tick>>;
using group_self = group_impl::stateful_pointer<group_state>;

void pump(group_self self, const partition& at);
void settle_departures(group_self self);

/// The lane of this assignment; null when the partition went away meanwhile.
lane* find_lane(group_state& state, const partition& at, std::uint64_t epoch) {
  const auto found = state.lanes.find(at);
  return found != state.lanes.end() && found->second.epoch() == epoch ? &found->second : nullptr;
}

void publish(group_state& state, const partition& at, const lane& x) {
  state.board->set(at, {x.epoch(), x.next_offset()});
}

void on_applied(group_self self, const partition& at, std::uint64_t epoch, std::int64_t offset) {
  auto& state = self->state;
  auto* x = find_lane(state, at, epoch);
  if (x == nullptr)
    return;
  x->applied(offset);
  publish(state, at, *x);
  if (x->closed())
    settle_departures(self);
  else
    pump(self, at);
}

void retry_later(group_self self, const partition& at, std::uint64_t epoch, std::int64_t offset,
                 std::uint32_t attempt) {
  auto& state = self->state;
  auto* x = find_lane(state, at, epoch);
  if (x == nullptr)
    return;
  state.metrics->retries.Increment();
  const auto wait = back_off(attempt, state.options.back_off_min, state.options.back_off_max);
  x->failed(offset, attempt, state.env->now() + wait);
  if (x->closed())
    settle_departures(self);
  else
    pump(self, at);
}

void set_aside(group_self self, const partition& at, std::uint64_t epoch,
               const std::shared_ptr<const lane::delivery>& d, const std::string& why) {
  auto& state = self->state;
  auto from = d->unreadable ? *d->unreadable : to_record(d->event);
  from.topic = at.first;
  from.partition = at.second;
  from.offset = d->offset;
  spdlog::error("event {} ({} {}, {} {}/{}) cannot be applied by {} after {} attempts: {}",
                to_string(d->event.id), d->event.type, from.key, at.first, at.second, d->offset,
                state.what.consumer, d->attempt, why);
  self->request(
          state.dead_letters, caf::infinite,
          send_record{dead_letter(from, state.what.consumer, why, d->attempt, state.env->now())})
      .then(
          [self, at, epoch, d](const record_sent&) {
            self->state.metrics->dead_letters.Increment();
            on_applied(self, at, epoch, d->offset);
          },
          [self, at, epoch, d](const caf::error& err) {
            spdlog::error("{} {}/{} cannot be set aside: {}", at.first, at.second, d->offset,
                          to_failure(err).text);
            retry_later(self, at, epoch, d->offset, d->attempt);
          });
}

void start(group_self self, const partition& at, std::uint64_t epoch, lane::delivery fresh) {
  auto& state = self->state;
  const auto d = std::make_shared<const lane::delivery>(std::move(fresh));
  if (d->unreadable)
    return set_aside(self, at, epoch, d, d->why);
  // No CAF timer per delivery: the tick looks for overdue ones.
  self->request(state.what.topics.at(at.first).actor, caf::infinite, deliver{d->event})
      .then(
          [self, at, epoch, offset = d->offset](const applied&) {
            self->state.metrics->applied.Increment();
            on_applied(self, at, epoch, offset);
          },
          [self, at, epoch, d](const caf::error& err) {
            const auto why = to_failure(err);
            if (why.code == errc::invalid_request
                && d->attempt >= self->state.options.poison_after) {
              if (find_lane(self->state, at, epoch) != nullptr)
                set_aside(self, at, epoch, d, why.text);
              return;
            }
            spdlog::debug("event {} ({}) not applied by {}: {}", to_string(d->event.id),
                          d->event.type, self->state.what.consumer, why.text);
            retry_later(self, at, epoch, d->offset, d->attempt);
          });
}

void pump(group_self self, const partition& at) {
  auto& state = self->state;
  const auto found = state.lanes.find(at);
  if (found == state.lanes.end())
    return;
  const auto epoch = found->second.epoch();
  for (auto& d : found->second.take(state.env->now(), state.options.patience))
    start(self, at, epoch, std::move(d));
}

bool has_left(const group_state& state, const departure& d) {
  return std::all_of(d.partitions.begin(), d.partitions.end(), [&state](const auto& p) {
    const auto found = state.lanes.find(p);
    // A lane that is open belongs to a later assignment.
    return found == state.lanes.end() || !found->second.closed() || found->second.in_flight() == 0;
  });
}

void settle_departures(group_self self) {
  auto& state = self->state;
  const auto now = state.env->now();
  std::erase_if(state.departures, [&](departure& d) {
    if (!has_left(state, d) && now < d.deadline)
      return false;
    for (const auto& p : d.partitions)
      if (const auto found = state.lanes.find(p);
          found != state.lanes.end() && found->second.closed())
        state.lanes.erase(found);
    d.done->set_value();
    return true;
  });
}

void on_arrivals(group_self self, arrivals& x) {
  auto& state = self->state;
  if (x.records.empty())
    return;
  auto found = state.lanes.find(x.from);
  if (found != state.lanes.end() && found->second.epoch() != x.epoch) {
    if (found->second.epoch() > x.epoch)
      return; // of an assignment that is over
    state.lanes.erase(found);
    found = state.lanes.end();
  }
  if (found == state.lanes.end())
    found = state.lanes
                .emplace(x.from, lane{x.epoch, x.records.front().raw.offset, state.options,
                                      state.what.topics.at(x.from.first).orders_itself})
                .first;
  for (auto& r : x.records)
    found->second.add(std::move(r));
  publish(state, x.from, found->second);
  pump(self, x.from);
}

void on_tick(group_self self) {
  auto& state = self->state;
  const auto now = state.env->now();
  std::size_t held = 0;
  std::vector<partition> all;
  for (auto& [at, x] : state.lanes) {
    all.push_back(at);
    held += x.held();
    for (const auto& [offset, attempt] : x.overdue(now)) {
      const auto wait = back_off(attempt, state.options.back_off_min, state.options.back_off_max);
      state.metrics->retries.Increment();
      x.failed(offset, attempt, now + wait);
    }
  }
  state.metrics->held.Set(static_cast<double>(held));
  for (const auto& at : all)
    pump(self, at);
  settle_departures(self);
}

group_impl::behavior_type behave(group_self self, environment* env, group what,
                                 consumer_options options, producer_actor dead_letters,
                                 std::shared_ptr<progress_board> board,
                                 std::shared_ptr<group_metrics> metrics) {
  auto& state = self->state;
  state.env = env;
  state.what = std::move(what);
  state.options = options;
  state.dead_letters = std::move(dead_letters);
  state.board = std::move(board);
  state.metrics = std::move(metrics);
  self->set_exit_handler([self](caf::exit_msg& x) {
    for (auto& d : std::exchange(self->state.departures, {}))
      d.done->set_value();
    self->quit(x.reason);
  });
  self->delayed_send(self, options.tick, group_tick{});
  return {
      [self](arrivals& x) { on_arrivals(self, x); },
      [self](give_up& x) {
        auto& s = self->state;
        for (const auto& p : x.partitions)
          if (const auto found = s.lanes.find(p); found != s.lanes.end())
            found->second.close();
        s.departures.push_back(
            {std::move(x.partitions), std::move(x.done), s.env->now() + s.options.revoke_patience});
        settle_departures(self);
      },
      [self](const group_tick&) {
        on_tick(self);
        self->delayed_send(self, self->state.options.tick, group_tick{});
      },
  };
}

} // namespace

group_actor spawn_group(caf::actor_system& sys, environment& env, group what,
                        consumer_options options, producer_actor dead_letters,
                        std::shared_ptr<progress_board> board,
                        std::shared_ptr<group_metrics> metrics) {
  return sys.spawn(behave, &env, std::move(what), options, std::move(dead_letters),
                   std::move(board), std::move(metrics));
}

} // namespace tiketi::kafka
