#include "actors/cluster/home.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/queue/messages.hpp"
#include "actors/queue/type_ids.hpp"
#include "tests/cluster/cluster_fixture.hpp"

#include <optional>

#include <caf/stateful_actor.hpp>

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;
using queue::admission;
using queue::booking_done;
using queue::check_admission;

// -- shard_knowledge
// -------------------------------------------------------------------------------

TEST(shard_knowledge_test, what_was_read_is_known_until_it_is_opened_again_or_closed) {
  shard_knowledge known{10};
  EXPECT_FALSE(known.knows(1));
  EXPECT_TRUE(known.opened(1));
  EXPECT_FALSE(known.opened(2)) << "the same reading will do";
  const auto reading = known.begin();
  EXPECT_EQ(reading, (std::set<shard_id>{1, 2}));
  EXPECT_FALSE(known.knows(1));
  known.finished(reading, false);
  EXPECT_TRUE(known.knows(1));
  EXPECT_TRUE(known.knows(2));
  EXPECT_FALSE(known.knows(3));
  EXPECT_FALSE(known.knows(std::nullopt));
  EXPECT_TRUE(known.opened(1)) << "somebody else may have had it meanwhile";
  EXPECT_FALSE(known.knows(1));
  EXPECT_TRUE(known.knows(2));
  known.closed(2);
  EXPECT_FALSE(known.knows(2));
}

TEST(shard_knowledge_test, what_is_opened_during_a_reading_is_read_again) {
  shard_knowledge known{10};
  known.opened(1);
  const auto first = known.begin();
  EXPECT_TRUE(known.opened(2)) << "another reading has to begin";
  EXPECT_FALSE(known.opened(3));
  known.finished(first, false);
  EXPECT_TRUE(known.knows(1));
  EXPECT_FALSE(known.knows(2));
  EXPECT_EQ(known.begin(), (std::set<shard_id>{2, 3}));
}

TEST(shard_knowledge_test, a_reading_that_failed_is_due_again) {
  shard_knowledge known{10};
  known.opened(1);
  const auto reading = known.begin();
  known.failed(reading);
  EXPECT_FALSE(known.knows(1));
  EXPECT_FALSE(known.opened(2)) << "whoever failed begins again";
  EXPECT_EQ(known.begin(), (std::set<shard_id>{1, 2}));
}

TEST(shard_knowledge_test, a_node_that_is_alone_knows_all_after_one_reading) {
  shard_knowledge known{10};
  known.finished(known.begin(), true);
  EXPECT_TRUE(known.knows(std::nullopt));
  EXPECT_TRUE(known.knows(77));
}

TEST(shard_knowledge_test, waits_look_again_at_each_change_and_are_bounded) {
  shard_knowledge known{2};
  known.opened(1);
  const auto reading = known.begin();
  int looked = 0;
  std::function<void()> look = [&] {
    ++looked;
    if (!known.knows(1)) {
      EXPECT_TRUE(known.wait(look)) << "whoever waited has a place";
    }
  };
  EXPECT_TRUE(known.wait(look));
  EXPECT_TRUE(known.wait([] {}));
  EXPECT_FALSE(known.wait([] { FAIL() << "it was refused"; }));
  known.closed(9);
  EXPECT_EQ(looked, 1);
  known.finished(reading, false);
  EXPECT_EQ(looked, 2);
  known.closed(9);
  EXPECT_EQ(looked, 2);
}

// -- shard_keeper
// ----------------------------------------------------------------------------------

using entity = caf::typed_actor<caf::replies_to<check_admission>::with<admission>,
                                caf::reacts_to<booking_done>>;

/// Holds its answers back until it hears of a booking.
struct entity_data {
  entity_data() = default;
  std::vector<caf::typed_response_promise<admission>> open;
};

entity::behavior_type slow_entity(entity::stateful_pointer<entity_data> self) {
  return {
      [self](const check_admission&) -> caf::result<admission> {
        auto promise = self->make_response_promise<admission>();
        self->state.open.push_back(promise);
        return promise;
      },
      [self](const booking_done&) {
        for (auto& promise : std::exchange(self->state.open, {}))
          promise.deliver(admission{true});
      },
  };
}

using region = shard_host::extend<caf::replies_to<check_admission>::with<admission>,
                                  caf::reacts_to<booking_done>>;
class keeping;
struct region_data {
  region_data() = default;
  std::shared_ptr<keeping> its;
};

/// As regions do it.
class keeping {
public:
  keeping(region::pointer self, shard_access access)
      : self_(self),
        table_([this](const event_id& id) { return spawn(id); }, 10),
        keeper_(
            self, std::move(access), table_, [](const event_id& id) { return route_of(id); },
            [this](const std::function<void()>& then) { behind.push_back(then); }) {
    self_->set_down_handler([this](const caf::down_msg& m) {
      const auto id = ids_.at(m.source);
      keeper_.ended(id);
    });
  }

  ~keeping() {
    table_.for_each(
        [](const event_id&, const entity& e) { caf::anon_send_exit(e, caf::exit_reason::kill); });
  }

  caf::typed_response_promise<admission> handle(const check_admission& m) {
    auto promise = self_->make_response_promise<admission>();
    if (!keeper_.here(route_of(m.event)))
      keeper_.forward(route_of(m.event), m, promise);
    else
      (void)table_.with(
          m.event, [this, m, promise](const entity& e) { keeper_.call(m.event, e, m, promise); });
    return promise;
  }

  void handle(const booking_done& m) {
    if (m.event.is_nil())
      for (auto& then : std::exchange(behind, {}))
        then();
    else if (!keeper_.here(route_of(m.event)))
      keeper_.notify(route_of(m.event), m);
    else if (const auto* e = table_.find(m.event))
      self_->send(*e, m);
  }

  caf::typed_response_promise<shard_closed> close(const close_shard& m) { return keeper_.close(m); }
  std::size_t size() const { return table_.size(); }
  bool begin_passivation(const event_id& id) { return table_.begin_passivation(id); }
  const entity* find(const event_id& id) const { return table_.find(id); }

private:
  entity spawn(const event_id& id) {
    auto e = self_->spawn(slow_entity);
    self_->monitor(e);
    ids_[e.address()] = id;
    return e;
  }

public:
  std::vector<std::function<void()>> behind; ///< what waits for what was written

private:
  region::pointer self_;
  std::map<caf::actor_addr, event_id> ids_;
  entity_table<event_id, entity> table_;
  shard_keeper<region::pointer, event_id, entity> keeper_;
};

class shard_keeper_test : public sharing_test {
protected:
  template <class T>
  using later = std::shared_ptr<std::optional<result<T>>>;

  void SetUp() override { start({state, courier()}); }

  void TearDown() override {
    self->send_exit(host, caf::exit_reason::user_shutdown);
    sched.run();
    its.reset();
  }

  void start(shard_access access) {
    routed_to("a");
    host = sys.spawn(
        [this](region::stateful_pointer<region_data> me,
               const shard_access& a) -> region::behavior_type {
          its = me->state.its = std::make_shared<keeping>(me, a);
          return {
              [](open_shard) {},
              [me](const close_shard& m) -> caf::result<shard_closed> {
                return me->state.its->close(m);
              },
              [me](const check_admission& m) -> caf::result<admission> {
                return me->state.its->handle(m);
              },
              [me](const booking_done& m) { me->state.its->handle(m); },
          };
        },
        access);
    sched.run();
  }

  caf::actor courier() {
    return keep(sys.spawn([this](caf::event_based_actor* me) -> caf::behavior {
      return {[this, me](const outgoing& m) -> caf::result<caf::message> {
        carried.push_back(m);
        auto answer = m.open(me->system(), encode(me->system(), admission{true}));
        return answer ? *answer : caf::message{};
      }};
    }));
  }

  template <class Reply, class Message>
  later<Reply> begin(Message m) {
    auto out = std::make_shared<std::optional<result<Reply>>>();
    keep(sys.spawn([this, out, m](caf::event_based_actor* me) {
      me->request(host, caf::infinite, m)
          .then([out](const Reply& r) { *out = r; },
                [out](const caf::error& e) { *out = to_failure(e); });
    }));
    sched.run();
    return out;
  }

  static check_admission about(const event_id& id) { return {id, {}}; }

  void answer(const event_id& id) {
    caf::anon_send(host, booking_done{id, {}});
    sched.run();
  }

  /// What was written before is committed.
  void written() {
    caf::anon_send(host, booking_done{});
    sched.run();
  }

  static event_id event(std::uint8_t n) {
    event_id out;
    out.value.bytes.back() = n;
    out.value.bytes[3] = n;
    return out;
  }

  static shard_id shard(const event_id& id) { return shard_of(route_of(id), shards); }

  /// Another event, of the same shard or not.
  static event_id other(const event_id& than, bool same_shard) {
    for (std::uint8_t n = 1; n < 255; ++n)
      if (event(n) != than && (shard(event(n)) == shard(than)) == same_shard)
        return event(n);
    return {};
  }

  region host;
  std::shared_ptr<keeping> its;
  std::vector<outgoing> carried;
};

TEST_F(shard_keeper_test, what_is_elsewhere_is_the_couriers) {
  routed_to("b");
  const auto answer = begin<admission>(about(event(1)));
  ASSERT_TRUE(*answer);
  EXPECT_TRUE((*answer)->value().active);
  ASSERT_EQ(carried.size(), 1u);
  EXPECT_EQ(carried[0].key, route_of(event(1)));
  EXPECT_EQ(carried[0].kind, kind_of<check_admission>());
  EXPECT_EQ(decode<check_admission>(sys, carried[0].payload)->event, event(1));
  caf::anon_send(host, booking_done{event(1), {}});
  sched.run();
  ASSERT_EQ(carried.size(), 2u);
  EXPECT_EQ(carried[1].kind, kind_of<booking_done>());
  EXPECT_EQ(its->size(), 0u);
  routed_to("a");
  state->set_serves_until({});
  begin<admission>(about(event(1)));
  EXPECT_EQ(carried.size(), 3u) << "without a lease nothing is here";
}

TEST_F(shard_keeper_test, what_another_node_sent_here_goes_back_to_it) {
  self->send_exit(host, caf::exit_reason::user_shutdown);
  const auto house =
      keep(sys.spawn(home, keep(sys.spawn([](caf::event_based_actor*) -> caf::behavior {
                       return {[](const watch_shards&) {}};
                     })),
                     milliseconds{3000}, metrics));
  start({state, courier(), {}, house});
  attach_regions order;
  order.offered.add<check_admission, admission>(host);
  caf::anon_send(house, std::move(order));
  routed_to("b");
  routed_command m;
  m.command.kind = kind_of<check_admission>();
  m.command.payload = encode(sys, about(event(1)));
  EXPECT_EQ(ask<command_reply>(house, m)->code, reply_code::moving) << "its courier tries again";
  EXPECT_TRUE(carried.empty()) << "not under another id";
  EXPECT_TRUE(*begin<admission>(about(event(1))));
  EXPECT_EQ(carried.size(), 1u) << "what came from nobody else goes on";
}

TEST_F(shard_keeper_test, a_drain_waits_for_what_is_under_way_and_for_its_writes) {
  const auto id = event(1);
  const auto idle = other(id, true);
  const auto elsewhere = other(id, false);
  begin<admission>(about(idle));
  answer(idle);
  const auto running = begin<admission>(about(id));
  begin<admission>(about(elsewhere));
  ASSERT_EQ(its->size(), 3u);
  set_state(shard(id), shard_state::draining);
  const auto closed = begin<shard_closed>(close_shard{shard(id), true});
  EXPECT_EQ(its->size(), 2u) << "who has nothing to do goes at once";
  EXPECT_FALSE(*closed);
  EXPECT_TRUE(its->behind.empty());
  const auto late = begin<admission>(about(id));
  EXPECT_EQ(carried.size(), 1u) << "what comes now is for the next owner";
  EXPECT_TRUE(*late);
  // The region is no more the way to it, but it still works.
  caf::anon_send(*its->find(id), booking_done{id, {}});
  sched.run();
  ASSERT_TRUE(*running);
  EXPECT_TRUE((*running)->has_value());
  EXPECT_EQ(its->size(), 1u) << "the other shard's stays";
  EXPECT_FALSE(*closed) << "its writes may be on their way";
  written();
  ASSERT_TRUE(*closed);
  EXPECT_TRUE((*closed)->has_value());
}

TEST_F(shard_keeper_test, without_a_drain_everything_ends_and_callers_are_told) {
  const auto id = event(1);
  const auto running = begin<admission>(about(id));
  set_state(shard(id), shard_state::elsewhere);
  const auto closed = begin<shard_closed>(close_shard{shard(id), false});
  ASSERT_TRUE(*running);
  EXPECT_EQ((*running)->error().code, errc::in_doubt);
  EXPECT_EQ(its->size(), 0u);
  EXPECT_FALSE(*closed);
  written();
  EXPECT_TRUE(*closed);
}

TEST_F(shard_keeper_test, an_overdue_drain_becomes_an_end) {
  const auto id = event(1);
  const auto running = begin<admission>(about(id));
  set_state(shard(id), shard_state::draining);
  const auto drained = begin<shard_closed>(close_shard{shard(id), true});
  EXPECT_FALSE(*running);
  const auto ended = begin<shard_closed>(close_shard{shard(id), false});
  ASSERT_TRUE(*running);
  EXPECT_EQ((*running)->error().code, errc::in_doubt);
  written();
  EXPECT_TRUE(*drained) << "both who asked";
  EXPECT_TRUE(*ended);
}

TEST_F(shard_keeper_test, an_empty_shard_waits_for_writes_only) {
  const auto closed = begin<shard_closed>(close_shard{2, true});
  EXPECT_FALSE(*closed);
  written();
  EXPECT_TRUE(*closed);
}

TEST_F(shard_keeper_test, an_entity_that_fails_fails_its_callers_and_nobody_else) {
  const auto id = event(1);
  const auto same = other(id, true);
  const auto first = begin<admission>(about(id));
  const auto second = begin<admission>(about(id));
  const auto another = begin<admission>(about(same));
  self->send_exit(*its->find(id), caf::exit_reason::kill);
  sched.run();
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->error().code, errc::in_doubt);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error().code, errc::in_doubt);
  EXPECT_FALSE(*another);
  answer(same);
  EXPECT_TRUE((*another)->has_value());
}

TEST_F(shard_keeper_test, what_waited_for_a_passivation_is_answered_by_the_next_entity) {
  const auto id = event(1);
  begin<admission>(about(id));
  answer(id);
  ASSERT_TRUE(its->begin_passivation(id));
  const auto waiting = begin<admission>(about(id));
  self->send_exit(*its->find(id), caf::exit_reason::user_shutdown);
  sched.run();
  EXPECT_FALSE(*waiting) << "the one before had never heard of it";
  answer(id);
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE((*waiting)->has_value());
}

TEST_F(shard_keeper_test, a_node_that_is_alone_has_everything) {
  self->send_exit(host, caf::exit_reason::user_shutdown);
  sched.run();
  start({});
  routed_to("b");
  const auto running = begin<admission>(about(event(1)));
  EXPECT_TRUE(carried.empty());
  answer(event(1));
  EXPECT_TRUE((*running)->has_value());
}

} // namespace
} // namespace tiketi::cluster
