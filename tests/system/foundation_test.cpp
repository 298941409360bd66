#include "actors/bus/type_ids.hpp"
#include "actors/catalog/messages.hpp"
#include "actors/event/handle.hpp"
#include "actors/payment/messages.hpp"
#include "actors/queue/messages.hpp"
#include "actors/region/region.hpp"
#include "actors/store/group_commit.hpp"
#include "actors/store/store_metrics.hpp"
#include "tests/support/actor_fixture.hpp"

namespace tiketi::test_commit {

struct command {
  int value = 0;
};

struct outcome {
  commit_status status = commit_status::failed;
  std::size_t batch = 0;
};

class recording_target final : public commit_target<command, outcome> {
public:
  std::vector<outcome> commit(std::vector<command>& batch) override {
    sizes.push_back(batch.size());
    return std::vector<outcome>(batch.size(), outcome{commit_status::committed, batch.size()});
  }

  std::vector<std::size_t> sizes;
};

} // namespace tiketi::test_commit

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::test_commit::command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::test_commit::outcome)

namespace tiketi {
namespace {

using namespace test_commit;

class group_commit_test : public test::actor_test {
protected:
  std::shared_ptr<recording_target> target = std::make_shared<recording_target>();

  auto spawn_writer(writer_options options, batch_observer observe = {}) {
    return sys.spawn(writer<command, outcome>, target, options, std::move(observe));
  }
};

TEST_F(group_commit_test, all_that_waits_is_one_transaction) {
  auto w = spawn_writer({});
  for (int i = 0; i < 10; ++i)
    self->send(w, command{i});
  sched.run();
  EXPECT_EQ(target->sizes, std::vector<std::size_t>{10});
  self->send_exit(w, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(group_commit_test, a_batch_has_a_bound) {
  auto w = spawn_writer({.batch_max = 4, .waiting_max = 100});
  for (int i = 0; i < 10; ++i)
    self->send(w, command{i});
  sched.run();
  EXPECT_EQ(target->sizes, (std::vector<std::size_t>{4, 4, 2}));
  self->send_exit(w, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(group_commit_test, transactions_and_what_waits_behind_them_are_counted) {
  prometheus::Registry registry;
  auto w = spawn_writer({.batch_max = 4, .waiting_max = 100}, count_commits(registry, "a"));
  (void)count_commits(registry, "b"); // another store beside it
  for (int i = 0; i < 10; ++i)
    self->send(w, command{i});
  std::map<std::string, double> seen;
  const auto look = [&] {
    for (const auto& family : registry.Collect())
      for (const auto& m : family.metric)
        if (m.label.at(0).value == "a")
          seen[family.name] = family.type == prometheus::MetricType::Histogram
                                  ? m.histogram.sample_sum
                                  : m.gauge.value;
  };
  for (int i = 0; i < 4; ++i)
    sched.run_once();
  look();
  EXPECT_EQ(seen["tiketi_store_batch_commands"], 4);
  EXPECT_EQ(seen["tiketi_store_waiting"], 7) << "six commands and the end of the batch";
  EXPECT_EQ(seen.count("tiketi_store_commit_seconds"), 1u);
  sched.run();
  look();
  EXPECT_EQ(seen["tiketi_store_batch_commands"], 10);
  EXPECT_EQ(seen["tiketi_store_waiting"], 0);
  self->send_exit(w, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(group_commit_test, over_the_bound_a_command_is_refused_not_queued) {
  auto w = spawn_writer({.batch_max = 4, .waiting_max = 5});
  for (int i = 0; i < 20; ++i)
    self->send(w, command{i});
  const auto last = ask<outcome>(w, command{20});
  ASSERT_TRUE(last);
  std::size_t written = 0;
  for (auto n : target->sizes)
    written += n;
  EXPECT_LT(written, 21u);
  self->send_exit(w, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(group_commit_test, an_exit_comes_after_what_was_sent_before_it) {
  auto w = spawn_writer({.batch_max = 4, .waiting_max = 100});
  for (int i = 0; i < 10; ++i)
    self->send(w, command{i});
  self->send_exit(w, caf::exit_reason::user_shutdown);
  sched.run();
  EXPECT_EQ(target->sizes, (std::vector<std::size_t>{4, 4, 2}));
}

TEST(entity_table_test, passivation_buffers_and_replays) {
  int spawned = 0;
  entity_table<int, int> table{[&](int) { return ++spawned; }, 2};
  std::vector<int> seen;
  auto use = [&](int handle) { seen.push_back(handle); };
  EXPECT_TRUE(table.with(7, use));
  EXPECT_TRUE(table.begin_passivation(7));
  EXPECT_FALSE(table.begin_passivation(7));
  EXPECT_TRUE(table.with(7, use));
  EXPECT_TRUE(table.with(7, use));
  EXPECT_FALSE(table.with(7, use)) << "the buffer has a bound";
  EXPECT_EQ(seen, std::vector<int>{1});
  table.ended(7);
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 2})) << "a new actor got what waited";
  EXPECT_TRUE(table.begin_passivation(7));
  EXPECT_TRUE(table.with(7, use));
  table.stayed(7);
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 2, 2}));
  table.ended(7);
  EXPECT_EQ(table.size(), 0u);
}

TEST(caf_error_test, code_and_text_survive) {
  const failure f{errc::sold_out, "Standing quantity is not enough"};
  EXPECT_EQ(to_failure(to_caf(f)), f);
  EXPECT_EQ(to_failure(caf::make_error(caf::sec::request_timeout)).code, errc::timeout);
}

} // namespace
} // namespace tiketi
