#pragma once

#include "actors/base/environment.hpp"
#include "tests/support/test_database.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::test {

/// Runs `f(0)` to `f(n - 1)` on a thread each, all at once. A test fails where one of them throws.
inline void race(std::size_t n, const std::function<void(std::size_t)>& f) {
  std::latch start{static_cast<std::ptrdiff_t>(n)};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      try {
        f(i);
      } catch (const std::exception& e) {
        ADD_FAILURE() << "thread " << i << ": " << e.what();
      }
    });
  for (auto& t : threads)
    t.join();
}

/// The stores of several nodes on one database. With SQLite there is one node only.
class shared_database : public testing::Test {
protected:
  static constexpr std::size_t nodes = 4;

  void SetUp() override {
    if (tested_dialect() != sql::dialect::postgresql)
      GTEST_SKIP() << "SQLite has one process";
  }

  /// `make(connection)` once per node.
  template <class Make>
  auto on_each_node(test_database& data, Make make) {
    std::vector<decltype(make(data.open()))> out;
    for (std::size_t i = 0; i < nodes; ++i)
      out.push_back(make(data.open()));
    return out;
  }

  template <class Writes, class Write>
  static auto commit(Writes& to, Write write) {
    std::vector<Write> batch;
    batch.push_back(std::move(write));
    return to->commit(batch)[0];
  }

  /// Of any thread.
  static uuid fresh() {
    thread_local const auto env = make_system_environment();
    return make_uuid(*env);
  }
};

} // namespace tiketi::test
