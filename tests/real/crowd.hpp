#pragma once

#include "tests/sale/sale_client.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace tiketi::test {

/// People who hold a few seats over and over and mostly give them back, so that each seat gets many
/// tokens, until told to stop. Runs on a thread of its own; the counters are for all.
class crowd {
public:
  /// Their names begin with `name`, which no other crowd has.
  crowd(std::uint16_t port, std::string name, std::string event, std::vector<std::string> seats)
      : port_(port),
        name_(std::move(name)),
        event_(std::move(event)),
        seats_(std::move(seats)),
        chance_(test_seed()),
        thread_([this] {
          for (int i = 0; i < people; ++i)
            boost::asio::co_spawn(io_, live(i), [](std::exception_ptr e) {
              if (e)
                std::rethrow_exception(e);
            });
          io_.run();
        }) {}

  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;
  ~crowd() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  std::atomic<std::size_t> held{0};
  std::atomic<std::size_t> paid{0};
  std::atomic<std::size_t> refused{0};   ///< the seat was taken
  std::atomic<std::size_t> surprises{0}; ///< any other answer
  std::atomic<std::int64_t> slowest_ms{0};

private:
  static constexpr int people = 16;

  boost::asio::awaitable<void> live(int number) {
    sale_client client{io_.get_executor(), port_};
    const bool signed_up = co_await client.sign_up(name_ + std::to_string(number) + "@example.com");
    const bool entered = signed_up && co_await client.enter(event_);
    if (!entered) {
      surprise("sign-up", {});
      co_return;
    }
    while (!stopping_) {
      std::vector<std::string> wanted{seats_[chance_() % seats_.size()]};
      if (chance_() % 2 == 0 && seats_[chance_() % seats_.size()] != wanted[0])
        wanted.push_back(seats_[chance_() % seats_.size()]);
      if (wanted.size() == 2 && wanted[0] == wanted[1])
        wanted.pop_back();
      const auto begin = std::chrono::steady_clock::now();
      const auto reply = co_await client.reserve(event_, wanted);
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::steady_clock::now() - begin)
                            .count();
      if (took > slowest_ms)
        slowest_ms = took;
      if (reply.status == 409) {
        ++refused;
        continue;
      }
      if (reply.status != 201 && reply.status != 200) {
        surprise("reserve", reply);
        continue;
      }
      ++held;
      const auto answer = reply.json();
      const auto id = answer["reservation"]["id"].get<std::string>();
      if (chance_() % 64 == 0) {
        const auto bought = co_await client.pay(id);
        bought.ok() ? ++paid : surprise("pay", bought);
      }
      const auto given_back = co_await client.cancel(id);
      if (!given_back.ok())
        surprise("cancel", given_back);
    }
  }

  std::size_t surprise(const char* what, const http_reply& reply) {
    std::cout << "  " << what << ": " << reply.status << " " << reply.body << std::endl;
    return ++surprises;
  }

  std::uint16_t port_;
  std::string name_;
  std::string event_;
  std::vector<std::string> seats_;
  std::mt19937_64 chance_; // of the thread
  boost::asio::io_context io_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace tiketi::test
