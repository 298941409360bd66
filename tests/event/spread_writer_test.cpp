#include "actors/event/role.hpp"
#include "actors/store/spread_writer.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <set>

namespace tiketi::ticket {
namespace {

struct recording_writes final : ticket_writes {
  std::vector<ticket_written> commit(std::vector<ticket_write>& batch) override {
    std::vector<ticket_written> out(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      seen.push_back(std::get<look_up>(batch[i].command).reservation);
      out[i].status = commit_status::committed;
    }
    return out;
  }

  std::vector<reservation_id> seen;
};

class spread_writer_test : public test::actor_test {
protected:
  void start(std::size_t count) {
    std::vector<ticket_writer> writers;
    for (std::size_t i = 0; i < count; ++i) {
      stores.push_back(std::make_shared<recording_writes>());
      writers.push_back(sys.spawn(writer<ticket_write, ticket_written>,
                                  std::shared_ptr<ticket_writes>{stores.back()}, writer_options{},
                                  batch_observer{}));
    }
    spread = sys.spawn(spread_writer<ticket_write, ticket_written>, std::move(writers),
                       writer_choice<ticket_write>{writer_of});
  }

  std::vector<std::shared_ptr<recording_writes>> stores;
  ticket_writer spread;
};

TEST_F(spread_writer_test, one_event_has_one_writer_and_keeps_its_order) {
  start(3);
  std::map<event_id, std::vector<reservation_id>> sent;
  std::vector<event_id> events;
  for (int i = 0; i < 12; ++i)
    events.push_back(event_id{make_uuid(*env)});
  for (int round = 0; round < 5; ++round)
    for (const auto& e : events) {
      const auto id = make_reservation_id(e, *env);
      sent[e].push_back(id);
      caf::anon_send(spread, ticket_write{look_up{id}});
    }
  sched.run();
  std::size_t used = 0;
  for (const auto& s : stores)
    used += s->seen.empty() ? 0 : 1;
  EXPECT_GT(used, 1u);
  for (const auto& [event, ids] : sent) {
    std::size_t homes = 0;
    for (const auto& s : stores) {
      std::vector<reservation_id> own;
      for (const auto& id : s->seen)
        if (route_of(id) == route_of(event))
          own.push_back(id);
      if (own.empty())
        continue;
      ++homes;
      EXPECT_EQ(own, ids);
    }
    EXPECT_EQ(homes, 1u);
  }
  caf::anon_send_exit(spread, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(spread_writer_test, every_command_of_an_event_has_the_writer_of_its_reservations) {
  for (int i = 0; i < 100; ++i) {
    const event_id event{make_uuid(*env)};
    const auto id = make_reservation_id(event, *env);
    create_reservation made;
    made.reservation.id = id;
    made.reservation.event = event;
    change_reservation changed;
    changed.reservation = id;
    change_catalog catalog;
    catalog.event.id = event;
    std::set<std::size_t> homes{writer_of({made}, 4), writer_of({changed}, 4),
                                writer_of({catalog}, 4), writer_of({look_up{id}}, 4)};
    EXPECT_EQ(homes.size(), 1u);
    EXPECT_LT(*homes.begin(), 4u);
  }
}

TEST_F(spread_writer_test, what_was_sent_before_the_end_is_written) {
  start(2);
  auto watched = caf::actor_cast<caf::actor>(spread);
  self->monitor(watched);
  for (int i = 0; i < 20; ++i)
    caf::anon_send(spread,
                   ticket_write{look_up{make_reservation_id(event_id{make_uuid(*env)}, *env)}});
  caf::anon_send_exit(spread, caf::exit_reason::user_shutdown);
  spread = nullptr;
  sched.run();
  EXPECT_EQ(stores[0]->seen.size() + stores[1]->seen.size(), 20u);
  bool ended = false;
  self->receive([&](const caf::down_msg&) { ended = true; });
  EXPECT_TRUE(ended);
}

} // namespace
} // namespace tiketi::ticket
