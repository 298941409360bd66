#include "actors/cluster/home.hpp"
#include "actors/queue/messages.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/vwr/messages.hpp"
#include "actors/vwr/type_ids.hpp"
#include "tests/cluster/cluster_fixture.hpp"

#include <optional>

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;
using queue::admission;
using queue::booking_done;
using queue::check_admission;

/// What a region was told, and its answers, which a test gives.
struct region_log {
  std::vector<shard_id> opened;
  std::vector<close_shard> closed;
  std::vector<caf::typed_response_promise<shard_closed>> promises;
  std::vector<event_id> notices;
};

class home_test : public sharing_test {
protected:
  using region = shard_host::extend<caf::replies_to<check_admission>::with<admission>,
                                    caf::reacts_to<booking_done>>;

  void SetUp() override {
    membership = keep(sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
          [this](const watch_shards& m) { watched.push_back(m.role); },
          [this](const shard_drained& m) { drained.push_back(m); },
      };
    }));
    house = keep(sys.spawn(home, membership, milliseconds{3000}, metrics));
    for (auto& log : logs)
      regions.push_back(keep(sys.spawn(
          [](region::pointer me, region_log* mine) -> region::behavior_type {
            return {
                [mine](open_shard m) { mine->opened.push_back(m.shard); },
                [me, mine](close_shard m) -> caf::result<shard_closed> {
                  mine->closed.push_back(m);
                  auto promise = me->make_response_promise<shard_closed>();
                  mine->promises.push_back(promise);
                  return promise;
                },
                [](const check_admission& m) -> caf::result<admission> {
                  if (m.user.is_nil())
                    return to_caf({errc::not_found, "nobody"});
                  return admission{true};
                },
                [mine](const booking_done& m) {
                  if (!m.event.is_nil()) {
                    mine->notices.push_back(m.event);
                    return;
                  }
                  auto promise = mine->promises.front();
                  mine->promises.erase(mine->promises.begin());
                  promise.deliver(shard_closed{});
                },
            };
          },
          &log)));
  }

  void TearDown() override {
    for (auto& log : logs)
      log.promises.clear();
  }

  void attach() {
    services offered;
    offered.add<check_admission, admission>(regions.front());
    offered.add_notice<booking_done>(regions.front());
    attach_regions order;
    for (const auto& one : regions)
      order.hosts.push_back(one);
    order.offered = std::move(offered);
    caf::anon_send(house, std::move(order));
    sched.run();
  }

  void happens(shard_event::kind what, shard_id shard, std::uint64_t lease) {
    caf::send_as(membership, house, shard_event{what, std::string{sale_role}, shard, lease});
    sched.run();
  }

  /// A region's oldest unanswered `close_shard` is done.
  void let_go(std::size_t which) {
    ASSERT_FALSE(logs[which].promises.empty());
    caf::anon_send(regions[which], booking_done{});
    sched.run();
  }

  command_reply routed(std::uint32_t kind, const std::string& payload) {
    routed_command m;
    m.command.kind = kind;
    m.command.epoch = 5;
    m.command.payload = payload;
    const auto out = ask<command_reply>(house, m);
    return out ? *out : command_reply{reply_code::lost, 0, {}};
  }

  caf::actor membership;
  caf::actor house;
  region_log logs[2];
  std::vector<region> regions;
  std::vector<std::string> watched;
  std::vector<shard_drained> drained;
};

TEST_F(home_test, is_no_owner_before_its_regions_run) {
  check_admission m;
  EXPECT_EQ(routed(kind_of<check_admission>(), encode(sys, m)).code, reply_code::moving);
  EXPECT_TRUE(watched.empty()) << "nor does it want to hear of shards";
  attach();
  EXPECT_EQ(watched, std::vector<std::string>{std::string{sale_role}});
}

TEST_F(home_test, hands_commands_to_the_region_they_are_for) {
  attach();
  check_admission m;
  m.user.value.bytes[0] = 1;
  const auto yes = routed(kind_of<check_admission>(), encode(sys, m));
  EXPECT_EQ(yes.code, reply_code::done);
  EXPECT_EQ(yes.epoch, 5u);
  EXPECT_TRUE(decode<admission>(sys, yes.payload)->active);
  const auto no = routed(kind_of<check_admission>(), encode(sys, check_admission{}));
  EXPECT_EQ(no.code, reply_code::failed);
  EXPECT_EQ(decode_failure(no.payload).code, errc::not_found);
  EXPECT_EQ(decode_failure(no.payload).text, "nobody");
  const auto junk = routed(kind_of<check_admission>(), "");
  EXPECT_EQ(junk.code, reply_code::failed);
  EXPECT_EQ(decode_failure(junk.payload).code, errc::invalid_request);
  EXPECT_EQ(routed(4711, "").code, reply_code::no_region);
}

TEST_F(home_test, tells_a_message_that_wants_to_know_of_an_earlier_attempt) {
  std::vector<bool> heard;
  using room = caf::typed_actor<caf::replies_to<vwr::advance_room>::with<vwr::room_advanced>>;
  attach_regions order;
  order.offered.add<vwr::advance_room, vwr::room_advanced>(
      keep(sys.spawn([&heard](room::pointer) -> room::behavior_type {
        return {[&heard](const vwr::advance_room& m) {
          heard.push_back(m.repeated);
          return vwr::room_advanced{};
        }};
      })));
  caf::anon_send(house, std::move(order));
  for (const bool repeated : {false, true}) {
    routed_command m;
    m.command.kind = kind_of<vwr::advance_room>();
    m.command.payload = encode(sys, vwr::advance_room{{}, 1});
    m.repeated = repeated;
    EXPECT_EQ(ask<command_reply>(house, m)->code, reply_code::done);
  }
  EXPECT_EQ(heard, (std::vector{false, true}));
}

TEST_F(home_test, a_notice_is_answered_when_its_region_has_it) {
  attach();
  booking_done m;
  m.event.value.bytes[0] = 9;
  EXPECT_EQ(routed(kind_of<booking_done>(), encode(sys, m)).code, reply_code::done);
  EXPECT_EQ(logs[0].notices, std::vector<event_id>{m.event});
}

TEST_F(home_test, tells_all_regions_of_a_shard) {
  attach();
  happens(shard_event::kind::opened, 3, 1);
  happens(shard_event::kind::resumed, 4, 1);
  for (const auto& log : logs)
    EXPECT_EQ(log.opened, (std::vector<shard_id>{3, 4}));
}

TEST_F(home_test, a_shard_is_drained_when_the_last_region_has_let_it_go) {
  attach();
  happens(shard_event::kind::draining, 3, 8);
  for (const auto& log : logs) {
    ASSERT_EQ(log.closed.size(), 1u);
    EXPECT_EQ(log.closed[0].shard, 3u);
    EXPECT_TRUE(log.closed[0].drain);
  }
  let_go(0);
  EXPECT_TRUE(drained.empty());
  let_go(1);
  ASSERT_EQ(drained.size(), 1u);
  EXPECT_EQ(drained[0].shard, 3u);
  EXPECT_EQ(drained[0].epoch, 8u);
  pass(4s);
  EXPECT_EQ(logs[0].closed.size(), 1u) << "nothing was overdue";
}

TEST_F(home_test, an_overdue_drain_ends_what_there_is) {
  attach();
  happens(shard_event::kind::draining, 3, 8);
  let_go(0);
  pass(2900ms);
  EXPECT_EQ(logs[1].closed.size(), 1u);
  pass(200ms);
  ASSERT_EQ(logs[1].closed.size(), 2u);
  EXPECT_FALSE(logs[1].closed[1].drain);
  EXPECT_TRUE(drained.empty()) << "it is not given up before nobody can write";
  let_go(1);
  ASSERT_EQ(drained.size(), 1u);
  EXPECT_EQ(drained[0].epoch, 8u);
}

TEST_F(home_test, a_drain_that_ended_with_the_lease_is_nobodys) {
  attach();
  happens(shard_event::kind::draining, 3, 8);
  happens(shard_event::kind::closed, 3, 8);
  for (const auto& log : logs) {
    ASSERT_EQ(log.closed.size(), 2u);
    EXPECT_FALSE(log.closed[1].drain);
  }
  for (const std::size_t which : {0U, 1U, 0U, 1U})
    let_go(which);
  EXPECT_TRUE(drained.empty());
  pass(4s);
  EXPECT_EQ(logs[0].closed.size(), 2u);
}

TEST_F(home_test, answers_the_end_of_a_lease_when_every_region_has_ended_what_it_had) {
  attach();
  bool gone = false;
  keep(sys.spawn([this, &gone](caf::event_based_actor* me) {
    me->request(house, caf::infinite,
                shard_event{shard_event::kind::closed, std::string{sale_role}, 2, 1})
        .then([&gone](shard_let_go) { gone = true; }, [](const caf::error&) {});
  }));
  sched.run();
  let_go(0);
  EXPECT_FALSE(gone);
  let_go(1);
  EXPECT_TRUE(gone);
}

TEST_F(home_test, without_regions_nothing_is_waited_for) {
  caf::anon_send(house, attach_regions{});
  sched.run();
  happens(shard_event::kind::draining, 3, 8);
  EXPECT_EQ(drained.size(), 1u);
  EXPECT_TRUE(ask<shard_let_go>(
      house, shard_event{shard_event::kind::closed, std::string{sale_role}, 2, 1}));
}

} // namespace
} // namespace tiketi::cluster
