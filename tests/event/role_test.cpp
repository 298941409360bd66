#include "actors/event/role.hpp"
#include "actors/system/actor_config.hpp"
#include "storage/memory/ticket_store.hpp"

#include <stdexcept>

#include <caf/all.hpp>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

namespace tiketi::ticket {
namespace {

// Real threads, detached readers and writer: what the deterministic tests leave out.
TEST(ticket_role, sells_and_ends_in_order) {
  auto env = make_system_environment();
  auto store = std::make_shared<memory::ticket_store>();
  prometheus::Registry registry;
  change_catalog c;
  c.event.id.value.bytes[0] = 1;
  for (std::uint8_t i = 1; i <= 200; ++i) {
    seat_row s;
    s.id.value.bytes[0] = i;
    s.section = "A";
    s.row = 1;
    s.number = i;
    s.label = "A-1-" + std::to_string(i);
    c.seats.push_back(s);
  }
  std::vector<ticket_write> batch;
  batch.push_back({c});
  ASSERT_EQ(store->commit(batch).front().status, commit_status::committed);

  std::size_t sold = 0;
  std::size_t refused = 0;
  {
    actor_config config;
    caf::actor_system sys(config);
    ticket_dependencies parts;
    parts.writes = store;
    parts.queries.push_back(store->queries());
    parts.queries.push_back(store->queries());
    auto role = start_ticket(sys, *env, registry, {}, std::move(parts));
    {
      caf::scoped_actor self(sys);
      for (std::uint8_t i = 1; i <= 200; ++i)
        for (std::uint8_t user : {std::uint8_t{1}, std::uint8_t{2}}) {
          reserve_seats m;
          m.event = c.event.id;
          m.user.value.bytes = {user, i};
          m.seats.push_back(c.seats[i - 1U].id);
          self->send(role.region, m);
        }
      for (int i = 0; i < 400; ++i)
        self->receive([&](const reservation_view&) { ++sold; },
                      [&](const caf::error&) { ++refused; },
                      caf::after(std::chrono::seconds{30}) >> [] { FAIL() << "no answer"; });
    }
    stop_ticket(sys, role);
  } // hangs if anything was left running
  EXPECT_EQ(sold, 200U);
  EXPECT_EQ(refused, 200U);
  EXPECT_EQ(store->state().reservations.size(), 200U);
}

TEST(ticket_role, needs_a_store) {
  auto env = make_system_environment();
  prometheus::Registry registry;
  actor_config config;
  caf::actor_system sys(config);
  EXPECT_THROW((void)start_ticket(sys, *env, registry, {}, {}), std::invalid_argument);
}

} // namespace
} // namespace tiketi::ticket
