#include "tests/sim/cluster_people.hpp"

#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <utility>

#include <caf/all.hpp>

namespace tiketi::sim {

namespace {

using namespace std::chrono_literals;
using ticket::reservation_status;

/// A courier gives up after 8 s of its node's clock, which may be slow; then a writer that is slow.
constexpr auto answered_within = 12s;

bool is_definite(errc code) {
  switch (code) {
  case errc::in_doubt:
  case errc::unavailable:
  case errc::overloaded:
  case errc::timeout:
  case errc::internal:
    return false;
  default:
    return true;
  }
}

} // namespace

void cluster_people::come(milliseconds until) {
  somebody();
  const auto next = world_.between(5, 70);
  if (world_.time.now() + next < until)
    world_.time.after(next, [this, until] { come(until); });
}

void cluster_people::somebody() {
  auto& w = world_;
  buyer b;
  b.user = user_id{make_uuid(*w.env)};
  b.event = w.events[w.random() % w.events.size()];
  b.key = to_string(make_uuid(*w.env));
  const auto& seats = w.seats.at(b.event);
  const auto wish = w.random() % 5;
  if (wish < 3)
    for (std::size_t i = 0; i < 1 + wish % 2; ++i)
      b.seats.push_back(seats[(w.random() % 2 + 2 * i) % seats.size()]);
  buyers_.push_back(std::move(b));
  if (wish == 4)
    stand_in_line(buyers_.size() - 1);
  else
    hold(buyers_.size() - 1);
}

// -- asking --------------------------------------------------------------------------------------

life* cluster_people::somewhere() {
  const auto all = world_.living();
  std::vector<life*> good;
  for (auto* l : all)
    if (world_.ready(*l))
      good.push_back(l);
  // What is not ready gets requests only as long as nobody has noticed.
  const bool careful = world_.plan.sky != weather::storm || world_.calm || !world_.dice(8);
  const auto& from = careful ? good : all;
  return from.empty() ? nullptr : from[world_.random() % from.size()];
}

template <class Reply, class Message>
std::size_t cluster_people::run(std::string what, bool queue, Message message,
                                std::function<void(const Reply&)> done,
                                std::function<void(const failure&)> refused) {
  const auto e = errands_.size();
  errand one;
  one.what = std::move(what);
  one.refused = std::move(refused);
  one.must_not_fail = last_round_;
  one.go = [this, queue, message = std::move(message),
            done = std::move(done)](life& l, std::size_t number, std::uint64_t attempt) {
    const auto ok = [this, number, attempt, done](const Reply& reply) {
      auto& mine = errands_[number];
      if (!mine.open || mine.attempt != attempt)
        return; // long given up
      mine.open = false;
      done(reply);
    };
    const auto no = [this, number, attempt](const caf::error& why) {
      failed(number, attempt, to_failure(why));
    };
    caf::anon_send(
        l.front, at_the_front{[&l, queue, message, ok, no](auto* self) {
          if constexpr (requires {
                          self->request(l.tickets.region, caf::infinite, message).then(ok, no);
                        }) {
            (void)queue;
            self->request(l.tickets.region, caf::infinite, message).then(ok, no);
          } else {
            self->request(l.queues.region, caf::infinite, message).then(ok, no);
          }
        }});
  };
  errands_.push_back(std::move(one));
  ++world_.result.asked;
  attempt(e);
  return e;
}

void cluster_people::attempt(std::size_t e) {
  auto& one = errands_[e];
  if (!one.open)
    return;
  auto* l = somewhere();
  ++one.attempt;
  one.asked = world_.time.now();
  one.at = l;
  if (l == nullptr)
    return repeat(e);
  world_.time.after(answered_within, [this, e, attempt = one.attempt] {
    auto& mine = errands_[e];
    if (!mine.open || mine.attempt != attempt || mine.at == nullptr)
      return;
    const auto& at = *mine.at;
    // A process that stood still may be late; its callers have gone elsewhere.
    world_.expect(at.dead || at.frozen || at.thawed >= mine.asked,
                  fmt::format("{} was not answered by {} within {} s", mine.what, at.name(),
                              answered_within.count()));
    repeat(e);
  });
  one.go(*l, e, one.attempt);
}

void cluster_people::repeat(std::size_t e) {
  auto& one = errands_[e];
  ++one.attempt; // whatever comes now is too late
  one.at = nullptr;
  ++world_.result.repeated;
  world_.time.after(world_.between(100, 600), [this, e] { attempt(e); });
}

void cluster_people::failed(std::size_t e, std::uint64_t attempt, const failure& why) {
  auto& one = errands_[e];
  if (!one.open || one.attempt != attempt)
    return;
  if (is_definite(why.code)) {
    one.open = false;
    one.refused(why);
    return;
  }
  const auto& at = *one.at;
  world_.note(fmt::format("{} at {}: {}", one.what, at.name(), to_string_view(why.code)));
  world_.expect(world_.plan.sky != weather::rolling_restart && !one.must_not_fail,
                fmt::format("P7: {} failed at {} although nothing was out of order: {}", one.what,
                            at.name(), to_string_view(why.code)));
  repeat(e);
}

void cluster_people::lost(const life& l) {
  for (std::size_t e = 0; e < errands_.size(); ++e)
    if (errands_[e].open && errands_[e].at == &l)
      repeat(e);
}

std::size_t cluster_people::waiting_at(const life& l) const {
  return static_cast<std::size_t>(std::count_if(
      errands_.begin(), errands_.end(), [&](const errand& e) { return e.open && e.at == &l; }));
}

bool cluster_people::all_answered() const {
  return std::none_of(errands_.begin(), errands_.end(), [](const errand& e) { return e.open; });
}

std::string cluster_people::oldest_unanswered() const {
  for (const auto& e : errands_)
    if (e.open)
      return fmt::format("{}, attempt {}", e.what, e.attempt);
  return {};
}

// -- seats and tickets ---------------------------------------------------------------------------

void cluster_people::hold(std::size_t b, bool last) {
  auto& me = buyers_[b];
  const std::function done = [this, b](const ticket::reservation_view& r) {
    auto& mine = buyers_[b];
    const auto& stored = world_.disk.state().reservations;
    world_.expect(stored.contains(r.id), "P2: a hold was acknowledged that is not durable");
    if (world_.failed())
      return;
    world_.expect(stored.at(r.id).view.user == mine.user, "a hold belongs to somebody else");
    mine.reservation = r.id;
    ++world_.result.holds;
    decide(b);
  };
  const std::function<void(const failure&)> refused = [this, b, last](const failure& why) {
    buyers_[b].refused = true;
    ++world_.result.refused;
    world_.expect(why.code == errc::seat_unavailable || why.code == errc::sold_out,
                  fmt::format("a hold was refused: {}", to_string_view(why.code)));
    world_.expect(!last, "P7: a seat that is free cannot be had");
  };
  const auto what = fmt::format("hold of {} by {}", brief(me.event.value), brief(me.user.value));
  if (me.seats.empty())
    run<ticket::reservation_view>(
        what, false,
        ticket::reserve_tickets{me.event, me.user, {{world_.types.at(me.event), 1}}, me.key}, done,
        refused);
  else
    run<ticket::reservation_view>(
        what, false, ticket::reserve_seats{me.event, me.user, me.seats, me.key}, done, refused);
}

void cluster_people::decide(std::size_t b) {
  if (last_round_)
    return;
  const auto roll = world_.random() % 10;
  if (roll < 4)
    world_.time.after(world_.between(10, 3'000), [this, b] { pay(b); });
  else if (roll < 7)
    world_.time.after(world_.between(10, 3'000), [this, b] { cancel(b); });
  // The others forget about it.
}

void cluster_people::pay(std::size_t b) {
  auto& me = buyers_[b];
  run<ticket::payable>(
      "may pay " + brief(me.reservation), false, ticket::check_payable{me.reservation, me.user},
      [this, b](const ticket::payable& p) {
        // Some take so long at the bank that it is too late.
        const auto at_the_bank = world_.dice(3) ? world_.between(0, 9'000) : milliseconds{0};
        world_.time.after(at_the_bank, [this, b, p] {
          const money m{payment_id{make_uuid(*world_.env)}, make_uuid(*world_.env), p.reservation,
                        p.user, p.amount};
          world_.payments[p.reservation].push_back(m);
          verdicts_[m.id];
          settle(b, m);
        });
      },
      [](const failure&) {});
}

void cluster_people::settle(std::size_t, const money& m) {
  run<ticket::payment_outcome>(
      "payment of " + brief(m.reservation), false,
      ticket::apply_payment{m.message, m.reservation, m.id, m.user, m.amount, "card"},
      [this, m](const ticket::payment_outcome& out) {
        auto& v = verdicts_[m.id];
        v.given = true;
        v.confirmed = out.verdict == ticket::payment_verdict::confirmed;
        const auto& stored = world_.disk.state().reservations.at(m.reservation).view;
        world_.expect(
            v.confirmed
                == (stored.status == reservation_status::confirmed && stored.paid_by == m.id),
            "P2: the answer to a payment is not what is stored");
      },
      [this](const failure& why) {
        world_.expect(false, fmt::format("a payment was refused: {}", to_string_view(why.code)));
      });
}

void cluster_people::cancel(std::size_t b) {
  auto& me = buyers_[b];
  me.cancel_asked = true;
  const auto mine = errands_.size();
  run<ticket::reservation_view>(
      "cancel " + brief(me.reservation), false, ticket::cancel_reservation{me.reservation, me.user},
      [this, b](const ticket::reservation_view& r) {
        buyers_[b].cancelled = true;
        world_.expect(world_.disk.state().reservations.at(r.id).view.status
                          == reservation_status::cancelled,
                      "P2: a cancellation was acknowledged that is not durable");
      },
      [this, b, mine](const failure& why) {
        world_.expect(why.code == errc::already_ended,
                      fmt::format("a cancellation was refused: {}", to_string_view(why.code)));
        // Only who asked again may be told that somebody, himself, was faster; and who asks a node
        // that forgets what it did.
        const bool forgets = world_.plan.bug == cluster_bug::commands_forgotten
                             || world_.plan.bug == cluster_bug::commands_forgotten_unkeyed;
        world_.expect(forgets || errands_[mine].attempt > 1
                          || world_.disk.state().reservations.at(buyers_[b].reservation).view.status
                                 == reservation_status::expired,
                      "a cancellation was told that it came too late: for itself");
      });
}

// -- the line ------------------------------------------------------------------------------------

void cluster_people::stand_in_line(std::size_t b) {
  auto& me = buyers_[b];
  run<queue::queue_place>(
      "queue of " + brief(me.event.value), true, queue::enter_queue{me.event, me.user},
      [this, b](const queue::queue_place& p) {
        auto& mine = buyers_[b];
        const bool active = p.place == static_cast<std::uint8_t>(queue::place::active);
        world_.expect(p.place != static_cast<std::uint8_t>(queue::place::none),
                      "P4: nobody has heard of somebody who has just joined");
        world_.expect(active ? world_.lines.entered(mine.user) : world_.lines.joined(mine.user),
                      "P2: told of a place that was never journaled");
        mine.queued = true;
        ++world_.result.queued;
        look_at_line(b, 3);
      },
      [this](const failure& why) {
        world_.expect(false, fmt::format("a queue was closed: {}", to_string_view(why.code)));
      });
}

void cluster_people::look_at_line(std::size_t b, int times) {
  world_.time.after(world_.between(500, 4'000), [this, b, times] {
    auto& me = buyers_[b];
    if (times == 0 && world_.dice(3))
      return leave_line(b);
    run<queue::queue_place>(
        "poll of " + brief(me.event.value), true, queue::poll_queue{me.event, me.user},
        [this, b, times](const queue::queue_place& p) {
          world_.expect(p.place != static_cast<std::uint8_t>(queue::place::none),
                        "P4: a place in the line is lost: " + brief(buyers_[b].user.value));
          if (times > 0)
            look_at_line(b, times - 1);
        },
        [this](const failure& why) {
          world_.expect(false, fmt::format("a poll was refused: {}", to_string_view(why.code)));
        });
  });
}

void cluster_people::leave_line(std::size_t b) {
  auto& me = buyers_[b];
  me.left = true;
  run<queue::queue_left>(
      "leaving " + brief(me.event.value), true, queue::leave_queue{me.event, me.user},
      [](const queue::queue_left&) {}, [](const failure&) {});
}

// -- the end -------------------------------------------------------------------------------------

void cluster_people::want_what_came_late() {
  for (const auto& late : world_.late_holds) {
    const auto& r = world_.disk.state().reservations.at(late).view;
    if (r.status != reservation_status::pending)
      continue;
    buyer b;
    b.user = user_id{make_uuid(*world_.env)};
    b.event = r.event;
    b.key = to_string(make_uuid(*world_.env));
    for (const auto& item : r.items)
      if (!item.seat.is_nil())
        b.seats.push_back(item.seat);
    buyers_.push_back(std::move(b));
    hold(buyers_.size() - 1);
  }
}

void cluster_people::buy_the_rest() {
  last_round_ = true;
  for (const auto& [id, seat] : world_.disk.state().seats) {
    if (seat.row.status != ticket::seat_status::available)
      continue;
    buyer b;
    b.user = user_id{make_uuid(*world_.env)};
    b.event = seat.event;
    b.key = to_string(make_uuid(*world_.env));
    b.seats = {id};
    buyers_.push_back(std::move(b));
    hold(buyers_.size() - 1, true);
  }
}

void cluster_people::check() const {
  const auto& stored = world_.disk.state().reservations;
  std::map<user_id, std::size_t> of;
  std::set<user_id> known;
  std::set<user_id> late;
  for (const auto& [id, r] : stored) {
    ++of[r.view.user];
    if (world_.late_holds.contains(id))
      late.insert(r.view.user);
    require(r.view.status != reservation_status::pending, "P3: " + brief(id) + " never ended");
    switch (r.view.status) {
    case reservation_status::confirmed:
      ++world_.result.confirmed;
      break;
    case reservation_status::cancelled:
      ++world_.result.cancelled;
      break;
    default:
      ++world_.result.expired;
    }
  }
  for (const auto& b : buyers_) {
    known.insert(b.user);
    require(of[b.user] <= 1, "a command was applied twice: " + brief(b.user.value) + " has "
                                 + std::to_string(of[b.user]) + " reservations");
    // A hold that its owner writes late may have been refused by the next one: for other reasons
    // than itself, because what it locked in Redis is not in its own user's way.
    require(!b.refused || of[b.user] == 0 || late.contains(b.user),
            "a hold was refused and made all the same: " + brief(b.user.value));
    if (!b.reservation.is_nil()) {
      require(stored.contains(b.reservation), "P2: an acknowledged hold is gone");
      const auto& v = stored.at(b.reservation).view;
      if (b.cancelled)
        require(v.status == reservation_status::cancelled, "P2: a cancelled reservation is back");
      if (!b.cancel_asked && !world_.payments.contains(b.reservation))
        require(v.status == reservation_status::expired, "P3: expiry did not fire");
    }
    if (b.queued && !b.left) {
      const auto rows = world_.journal->rows(b.event);
      require(rows.active.contains(b.user)
                  || std::any_of(rows.waiting.begin(), rows.waiting.end(),
                                 [&](const auto& row) { return row.second == b.user; }),
              "P4: a place in the line is lost: " + brief(b.user.value));
    }
  }
  for (const auto& [user, count] : of)
    require(known.contains(user), "a reservation of nobody");
  for (const auto& [reservation, all] : world_.payments)
    for (const auto& m : all) {
      const auto& v = stored.at(reservation).view;
      const auto& answer = verdicts_.at(m.id);
      require(answer.given, "P3: a payment never came to an end");
      require(answer.confirmed == (v.status == reservation_status::confirmed && v.paid_by == m.id),
              "P3: money was taken and the reservation is " + to_string(v.status));
      world_.result.refunded += !answer.confirmed;
    }
}

} // namespace tiketi::sim
