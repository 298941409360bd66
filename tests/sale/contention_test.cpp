#include "tests/sale/sale_client.hpp"
#include "tests/support/stored_rows.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

namespace asio = boost::asio;

struct win {
  std::string reservation;
  std::string user;
  std::set<std::string> seats;
  long long amount = 0;
};

/// Everybody wants the same hall. What the clients were told is the only thing the test believes.
class race {
public:
  race(std::uint16_t port, std::string event, std::size_t users)
      : port_(port), event_(std::move(event)), users_(users), chance_(test_seed()) {}

  void run(std::size_t at_once) {
    asio::co_spawn(io_, watch_map(), asio::detached);
    for (std::size_t i = 0; i < at_once; ++i)
      asio::co_spawn(io_, work(), rethrow);
    running_ = at_once;
    io_.run();
  }

  /// Sells what the race left over. Nobody competes any more, so every free seat must be had at
  /// once: one that is not is stuck in somebody's failed hold.
  void sell_the_rest() {
    asio::co_spawn(io_, latecomers(), rethrow);
    io_.restart();
    io_.run();
  }

  std::vector<win> wins;
  std::set<std::string> losers; ///< users that were refused until the end
  std::size_t conflicts = 0;
  std::size_t surprises = 0; ///< answers that are neither success nor conflict

private:
  static void rethrow(std::exception_ptr e) {
    if (e)
      std::rethrow_exception(e);
  }

  /// One reader keeps everybody's picture of the hall a little out of date, as real ones are.
  asio::awaitable<void> watch_map() {
    http_connection http{io_.get_executor(), port_};
    while (running_ > 0) {
      const auto reply = co_await http.get("/api/v1/seats/events/" + event_);
      if (reply.status == 200)
        seats_ = seats_of(reply.json());
      co_await pause(std::chrono::milliseconds{100});
    }
  }

  asio::awaitable<void> latecomers() {
    http_connection http{io_.get_executor(), port_};
    const auto reply = co_await http.get("/api/v1/seats/events/" + event_);
    seats_ = seats_of(reply.json());
    std::erase_if(seats_, [](const seat_on_map& s) { return s.status != "available"; });
    for (std::size_t number = users_; !seats_.empty(); ++number) {
      const auto before = wins.size();
      co_await one_user(number);
      if (wins.size() == before) {
        std::cout << "a free seat could not be had\n";
        ++surprises;
        break;
      }
      std::erase_if(seats_, [&](const seat_on_map& s) { return wins.back().seats.contains(s.id); });
    }
  }

  asio::awaitable<void> work() {
    while (seats_.empty())
      co_await pause(std::chrono::milliseconds{10});
    while (next_user_ < users_) {
      const auto number = next_user_++;
      if (number % 1000 == 999)
        std::cout << "  " << number + 1 << " of " << users_ << " users, " << wins.size()
                  << " won\n";
      co_await one_user(number);
    }
    --running_;
  }

  asio::awaitable<void> one_user(std::size_t number) {
    sale_client client{io_.get_executor(), port_};
    const bool signed_up =
        co_await client.sign_up("racer" + std::to_string(number) + "@example.com");
    const bool entered = signed_up && co_await client.enter(event_);
    if (!entered) {
      ++surprises;
      co_return;
    }
    const auto wanted = 1 + chance_() % 4;
    bool won = false;
    // A few attempts each: who finds nothing free tries once more on any seats and must be refused.
    for (int attempt = 0; attempt < 6 && !won; ++attempt) {
      const auto choice = choose(wanted);
      const auto reply = co_await client.reserve(event_, choice, random_uuid(chance_));
      if (reply.status == 200) {
        won = true;
        win w;
        const auto answer = reply.json();
        w.reservation = answer["reservation"]["id"].get<std::string>();
        w.amount = answer["reservation"]["totalAmount"].get<long long>();
        w.user = client.user_id;
        w.seats.insert(choice.begin(), choice.end());
        const auto paid = co_await client.pay(w.reservation);
        if (paid.status != 200) {
          std::cout << "payment " << paid.status << ' ' << paid.body << '\n';
          ++surprises;
        }
        wins.push_back(std::move(w));
      } else if (reply.status == 409) {
        ++conflicts;
      } else {
        std::cout << "reserve " << reply.status << ' ' << reply.body << '\n';
        ++surprises;
      }
    }
    if (!won)
      losers.insert(client.user_id);
    co_await client.leave(event_);
  }

  std::vector<std::string> choose(std::size_t wanted) {
    std::vector<const seat_on_map*> free;
    for (const auto& seat : seats_)
      if (seat.status == "available")
        free.push_back(&seat);
    std::set<std::string> chosen;
    const auto want = std::min(wanted, free.empty() ? seats_.size() : free.size());
    while (chosen.size() < want) {
      const auto& seat =
          free.empty() ? seats_[chance_() % seats_.size()] : *free[chance_() % free.size()];
      chosen.insert(seat.id);
    }
    return {chosen.begin(), chosen.end()};
  }

  asio::io_context io_;
  std::uint16_t port_;
  std::string event_;
  std::size_t users_;
  std::mt19937_64 chance_;
  std::vector<seat_on_map> seats_;
  std::size_t next_user_ = 0;
  std::size_t running_ = 0;
};

TEST(contention_test, every_seat_is_sold_once_and_losers_hold_nothing) {
  temp_dir data;
  server_process::options o;
  o.data = data.path();
  o.arguments = load_arguments();
  server_process server{o};
  ASSERT_TRUE(server.start()) << server.log_tail();

  // The smallest seated hall on sale: 500 seats.
  http_client browser{server.port()};
  std::string event;
  std::size_t hall = 0;
  const auto events = browser.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
  for (const auto& e : events.at("events")) {
    const std::string id = e.at("id");
    const auto map = browser.get("/api/v1/seats/events/" + id);
    if (map.status != 200)
      continue;
    const auto seats = seats_of(map.json());
    if (!seats.empty() && (event.empty() || seats.size() < hall)) {
      event = id;
      hall = seats.size();
    }
  }
  ASSERT_EQ(hall, 500u);

  const std::size_t users = full_run() ? 10'000 : 1'500;
  race r{server.port(), event, users};
  r.run(200);
  EXPECT_GT(r.conflicts, 0u) << "nobody raced";
  EXPECT_EQ(r.wins.size() + r.losers.size(), users);
  r.sell_the_rest();
  EXPECT_EQ(r.surprises, 0u);

  // What the public sees; a new visitor, because the race may outlast an idle connection.
  http_client visitor{server.port()};
  const auto map = seats_of(visitor.get("/api/v1/seats/events/" + event).json());
  std::size_t sold = 0;
  for (const auto& seat : map) {
    EXPECT_NE(seat.status, "locked") << seat.id;
    sold += seat.status == "reserved";
  }
  EXPECT_EQ(sold, hall) << "every seat found its buyer";

  // What the winners were told, seat by seat.
  std::set<std::string> told;
  std::size_t told_count = 0;
  for (const auto& w : r.wins) {
    told.insert(w.seats.begin(), w.seats.end());
    told_count += w.seats.size();
  }
  EXPECT_EQ(told.size(), told_count) << "a seat was promised twice";
  EXPECT_EQ(told.size(), sold);

  ASSERT_EQ(server.stop(), 0) << server.log_tail();

  // What the auditor finds in the databases.
  const auto tickets = data.path() / "ticket.db";
  const auto rows = stored_rows(
      tickets, "select r.id, r.user_id, r.status, r.total_amount, i.seat_id from reservations r "
               "join reservation_items i on i.reservation_id = r.id where r.event_id = '"
                   + event + "' and r.status in ('pending', 'confirmed')");
  std::map<std::string, win> stored;
  for (const auto& row : rows) {
    EXPECT_EQ(row[2], "confirmed");
    auto& w = stored[row[0]];
    w.user = row[1];
    w.amount = std::stoll(row[3]);
    EXPECT_TRUE(w.seats.insert(row[4]).second);
  }
  EXPECT_EQ(stored.size(), r.wins.size());
  for (const auto& w : r.wins) {
    const auto found = stored.find(w.reservation);
    ASSERT_NE(found, stored.end()) << "acknowledged, but not in the database: " << w.reservation;
    EXPECT_EQ(found->second.user, w.user);
    EXPECT_EQ(found->second.seats, w.seats);
    EXPECT_EQ(found->second.amount, w.amount);
  }
  for (const auto& [id, w] : stored)
    EXPECT_FALSE(r.losers.contains(w.user)) << "a loser holds " << id;
  EXPECT_EQ(stored_number(tickets, "select count(*) from seats where event_id = '" + event
                                       + "' and status = 'reserved'"),
            static_cast<long long>(hall));
  EXPECT_EQ(stored_number(tickets, "select count(*) from seats where event_id = '" + event
                                       + "' and status = 'locked'"),
            0);
  EXPECT_EQ(stored_number(data.path() / "payment.db",
                          "select count(*) from payments where status = 'captured'"),
            static_cast<long long>(r.wins.size()));
  std::cout << r.wins.size() << " winners, " << r.losers.size() << " losers, " << r.conflicts
            << " conflicts\n";
}

} // namespace
} // namespace tiketi::test
