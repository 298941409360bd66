#pragma once

#include "net/redis/client.hpp"
#include "tests/support/redis_server.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

namespace tiketi::test {

/// Calls to real servers, and their answers.
class redis_calls : public ::testing::Test {
protected:
  static constexpr std::chrono::seconds patience{20};

  /// Of a client that is quick to come back.
  static net::redis_options options_for(const redis_server& server) {
    net::redis_options o;
    o.port = server.port();
    o.password = server.password();
    o.connect_timeout = milliseconds{500};
    o.silence_max = milliseconds{400};
    o.reconnect = {milliseconds{5}, milliseconds{50}};
    return o;
  }

  static redis::call command(std::vector<std::string> words,
                             milliseconds deadline = milliseconds{5'000}) {
    redis::call c;
    c.words = std::move(words);
    c.deadline = deadline;
    return c;
  }

  static redis::call script(const redis::script& s, std::vector<std::string> keys,
                            const std::vector<std::string>& arguments) {
    auto c = command(std::move(keys));
    c.keys = c.words.size();
    c.words.insert(c.words.end(), arguments.begin(), arguments.end());
    c.run = &s;
    return c;
  }

  static redis::outcome run(redis::client& client, redis::call c) {
    auto promise = std::make_shared<std::promise<redis::outcome>>();
    auto future = promise->get_future();
    client.start(std::move(c), [promise](redis::outcome o) { promise->set_value(std::move(o)); });
    if (future.wait_for(patience) != std::future_status::ready) {
      ADD_FAILURE() << "no answer at all";
      return {redis::call_error::lost, {}, "no answer at all"};
    }
    return future.get();
  }

  /// Until `n` connections are ready; the state changes on the client's thread without a notice.
  static bool await_ready(const redis::client& client, std::size_t n) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (client.status().ready != n) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::yield();
    }
    return true;
  }

  std::unique_ptr<environment> env = make_system_environment();
  prometheus::Registry registry;
};

/// A client of a real server, quick to come back.
class redis_test : public redis_calls {
protected:
  net::redis_options options() const { return options_for(server); }

  std::shared_ptr<redis::client> connect(const net::redis_options& o) {
    auto out = net::make_redis_client(*env, registry, o);
    EXPECT_TRUE(await_ready(*out, o.connections)) << out->status().last_error;
    return out;
  }

  redis_server server;
};

} // namespace tiketi::test
