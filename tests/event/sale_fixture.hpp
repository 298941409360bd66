#pragma once

#include "actors/event/role.hpp"
#include "storage/memory/ticket_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <prometheus/registry.h>

namespace tiketi::ticket {

/// The ticket role on the memory store, in virtual time.
class sale_test : public test::actor_test {
protected:
  template <class T>
  using later = std::shared_ptr<std::optional<result<T>>>;

  /// What the payment role answers.
  struct payment_script {
    payment::payment_standing answer;
    bool silent = false;
    int asked = 0;
  };

  struct seen {
    int relay = 0;
    std::vector<queue::booking_done> done;
  };

  void SetUp() override {
    options.idle_after = std::chrono::hours{24};
    put_event();
    start();
  }

  void TearDown() override {
    check_store();
    stop();
    for (auto& a : others)
      self->send_exit(a, caf::exit_reason::user_shutdown);
    sched.run();
  }

  void put_event(bool cancelled = false) {
    event.id = id<event_id>(1);
    event.title = "Night";
    event.venue = "Hall";
    event.event_date = epoch + std::chrono::hours{24 * 30};
    event.sale_start = epoch - std::chrono::hours{1};
    event.sale_end = epoch + std::chrono::hours{24 * 7};
    event.cancelled = cancelled;
    change_catalog c;
    c.event = event;
    for (std::uint8_t i = 0; i < seat_count; ++i) {
      seat_row s;
      s.id = seat(i);
      s.section = "A";
      s.row = 1 + i / 10;
      s.number = 1 + i % 10;
      s.label = "A-" + std::to_string(s.row) + "-" + std::to_string(s.number);
      s.price = 100;
      c.seats.push_back(s);
    }
    ticket_type_view t;
    t.id = type;
    t.event = event.id;
    t.name = "Standing";
    t.price = 50;
    t.total = 12;
    t.available = 12;
    c.types.push_back(t);
    write(c);
  }

  void write(change_catalog c) {
    std::vector<ticket_write> batch;
    batch.push_back({std::move(c)});
    ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
  }

  void start(int readers = 1) {
    ticket_dependencies parts;
    parts.detached = false;
    // The role owns a view of its own; the state is in `store`.
    parts.writes = std::shared_ptr<ticket_writes>(&store, [](ticket_writes*) {});
    for (int i = 0; i < readers; ++i)
      parts.queries.push_back(store.queries());
    parts.memberships = store.memberships();
    parts.transfers = store.transfers();
    role = start_ticket(sys, *env, registry, options, std::move(parts));
    sched.run();
  }

  /// As a crash: everything in memory is gone at once.
  void stop() {
    for (const auto& a :
         {caf::actor_cast<caf::actor>(role.region), caf::actor_cast<caf::actor>(role.writer),
          caf::actor_cast<caf::actor>(role.consumer), caf::actor_cast<caf::actor>(role.members),
          caf::actor_cast<caf::actor>(role.points), caf::actor_cast<caf::actor>(role.transfers)})
      self->send_exit(a, caf::exit_reason::kill);
    for (auto& a : role.helpers)
      self->send_exit(a, caf::exit_reason::kill);
    role.links->set({}, {}, {});
    role = {};
    sched.run();
  }

  void connect_payment() {
    auto pay = sys.spawn(
        [s = script](payment::tickets_view::pointer me) -> payment::tickets_view::behavior_type {
          return {[me, s](const payment::get_standing&) -> caf::result<payment::payment_standing> {
            ++s->asked;
            if (!s->silent)
              return s->answer;
            return me->make_response_promise<payment::payment_standing>();
          }};
        });
    auto gate = sys.spawn([s = saw](queue::gate_view::pointer) -> queue::gate_view::behavior_type {
      return {[](const queue::check_admission&) { return queue::admission{}; },
              [s](const queue::booking_done& m) { s->done.push_back(m); }};
    });
    auto relay = sys.spawn([s = saw](relay_actor::pointer) -> relay_actor::behavior_type {
      return {[s](const outbox_grew&) { ++s->relay; }};
    });
    role.links->set(pay, gate, relay);
    others.push_back(caf::actor_cast<caf::actor>(pay));
    others.push_back(caf::actor_cast<caf::actor>(gate));
    others.push_back(caf::actor_cast<caf::actor>(relay));
  }

  /// Sends and does not wait; filled in by later steps of the scheduler.
  template <class Reply, class Handle, class Message>
  later<Reply> begin(const Handle& target, Message message) {
    auto box = std::make_shared<std::optional<result<Reply>>>();
    sys.spawn([=](caf::event_based_actor* a) {
      a->request(target, caf::infinite, message)
          .then([box](const Reply& r) { *box = r; },
                [box](const caf::error& e) { *box = to_failure(e); });
    });
    return box;
  }

  void pass(std::chrono::milliseconds total, std::chrono::milliseconds step = milliseconds{250}) {
    for (auto t = milliseconds{0}; t < total; t += step)
      advance(step);
  }

  template <class Id>
  static Id id(std::uint8_t n) {
    Id out;
    out.value.bytes[0] = n;
    return out;
  }

  static user_id user(int n) {
    user_id out;
    out.value.bytes[1] = static_cast<std::uint8_t>(n);
    out.value.bytes[2] = static_cast<std::uint8_t>(n >> 8);
    return out;
  }

  static seat_id seat(int n) {
    seat_id out;
    out.value.bytes[3] = static_cast<std::uint8_t>(n + 1);
    return out;
  }

  static uuid message(int n) {
    uuid out;
    out.bytes[4] = static_cast<std::uint8_t>(n);
    return out;
  }

  reserve_seats want(int who, std::vector<int> numbers, std::string key = {}) const {
    reserve_seats out;
    out.event = event.id;
    out.user = user(who);
    for (const auto n : numbers)
      out.seats.push_back(seat(n));
    out.idempotency_key = std::move(key);
    return out;
  }

  reserve_tickets order(int who, int quantity, std::string key = {}) const {
    reserve_tickets out;
    out.event = event.id;
    out.user = user(who);
    out.items = {{type, quantity}};
    out.idempotency_key = std::move(key);
    return out;
  }

  result<reservation_view> hold(int who, std::vector<int> numbers, std::string key = {}) {
    return ask<reservation_view>(role.region, want(who, std::move(numbers), std::move(key)));
  }

  result<reservation_view> cancel(const reservation_id& r, int who) {
    return ask<reservation_view>(role.region, cancel_reservation{r, user(who)});
  }

  apply_payment payment_for(const reservation_view& r, int msg, int pay = 1) const {
    return {message(msg), r.id,           id<payment_id>(static_cast<std::uint8_t>(pay)),
            r.user,       r.total_amount, "card"};
  }

  result<payment_outcome> pay(const reservation_view& r, int msg, int payment = 1) {
    return ask<payment_outcome>(role.region, payment_for(r, msg, payment));
  }

  const memory::ticket_state& state() const { return store.state(); }

  reservation_status status_of(const reservation_id& r) const {
    return state().reservations.at(r).view.status;
  }

  seat_status seat_state(int n) const { return state().seats.at(seat(n)).row.status; }

  std::vector<std::string> events_of(const reservation_id& r) const {
    std::vector<std::string> out;
    for (const auto& e : state().outbox)
      if (e.key == to_string(r))
        out.push_back(e.type);
    return out;
  }

  std::string shown(int n) {
    const auto view = ask<seat_map_view>(role.region, get_seat_map{event.id});
    EXPECT_TRUE(view.has_value());
    const auto json = nlohmann::json::parse(*view->body);
    for (const auto& s : json["seats"])
      if (s["id"] == to_string(seat(n)))
        return s["status"];
    return "missing";
  }

  double gauge(const std::string& kind) {
    for (const auto& family : registry.Collect())
      if (family.name == "ticket_active_actors")
        for (const auto& m : family.metric)
          if (m.label.front().value == kind)
            return m.gauge.value;
    return -1;
  }

  /// What must hold in the store between any two steps.
  void check_store() const {
    std::map<seat_id, reservation_id> held;
    std::map<ticket_type_id, std::int32_t> out;
    for (const auto& [rid, r] : state().reservations) {
      const bool live = r.view.status == reservation_status::pending
                        || r.view.status == reservation_status::confirmed;
      for (const auto& item : r.view.items) {
        if (!live)
          continue;
        if (item.seat.is_nil()) {
          out[item.ticket_type] += item.quantity;
          continue;
        }
        ASSERT_TRUE(held.emplace(item.seat, rid).second) << "two live reservations of one seat";
        const auto& row = state().seats.at(item.seat).row;
        EXPECT_EQ(row.holder, rid);
        EXPECT_EQ(row.token, item.token);
        EXPECT_EQ(row.status, r.view.status == reservation_status::pending ? seat_status::locked
                                                                           : seat_status::reserved);
      }
      std::map<std::string, int> ends;
      for (const auto& e : events_of(rid))
        ++ends[e];
      EXPECT_EQ(ends["RESERVATION_CREATED"], 1);
      EXPECT_LE(ends["RESERVATION_CONFIRMED"], 1);
      EXPECT_LE(ends["RESERVATION_EXPIRED"] + ends["RESERVATION_CANCELLED"], 1);
    }
    for (const auto& [sid, s] : state().seats)
      if (!held.contains(sid)) {
        EXPECT_EQ(s.row.status, seat_status::available) << to_string(sid);
        EXPECT_TRUE(s.row.holder.is_nil());
      }
    for (const auto& [tid, t] : state().types)
      EXPECT_EQ(t.available, t.total - out[tid]);
    std::set<uuid> ids;
    for (const auto& e : state().outbox)
      EXPECT_TRUE(ids.insert(e.id).second);
  }

  static constexpr std::uint8_t seat_count = 40;

  ticket_options options;
  memory::ticket_store store;
  prometheus::Registry registry;
  event_row event;
  ticket_type_id type = id<ticket_type_id>(9);
  std::shared_ptr<payment_script> script = std::make_shared<payment_script>();
  std::shared_ptr<seen> saw = std::make_shared<seen>();
  std::vector<caf::actor> others;
  ticket_role role;
};

} // namespace tiketi::ticket
