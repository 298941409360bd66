#pragma once

#include "actors/auth/auth_actor.hpp"
#include "actors/bus/relay.hpp"
#include "actors/catalog/admin.hpp"
#include "actors/catalog/catalog_actor.hpp"
#include "actors/event/role.hpp"
#include "actors/payment/role.hpp"
#include "actors/stats/role.hpp"
#include "tests/stats/ledgers.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/test_database.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace tiketi::test {

/// How a random sale went, so that a test can see that it was no idle one.
struct shop_counts {
  std::int64_t holds = 0;
  std::int64_t refused = 0; ///< requests of any kind
  std::int64_t paid = 0;
  std::int64_t declined = 0;
  std::int64_t refunds = 0;
  std::int64_t offered = 0;
  std::int64_t repeated = 0; ///< deliveries to the statistics that were made again
};

/// A whole ticket shop on one thread and in virtual time: the roles auth, catalog with its
/// administration, ticket, payment and stats, each with a database of its own, and relays between
/// them that deliver late, twice, and after lost answers. The bank declines now and then. What
/// people do follows from the seed.
class shop_test : public actor_test {
protected:
  /// Before anything else.
  void open_shop(std::uint64_t seed);
  void TearDown() override;

  /// Somebody does something; then time passes.
  void step();
  /// Until everything that was said has arrived.
  void settle();

  ledgers books() {
    return read_books([this](const std::string& role) { return open(role); });
  }

  result<stats::report> report(const stats::get_report& query) {
    return ask<stats::report>(figures, query);
  }

  /// Events that a consumer gave up, over all roles.
  std::int64_t dead_events();

  std::uint64_t below(std::uint64_t n) { return chance_() % n; }

  shop_counts counts;

private:
  /// A reservation and who had it when it was put down here.
  struct ticket_of {
    user_id owner;
    reservation_id id;
  };

  sql::database open(const std::string& role);
  void start_auth();
  void start_stats();
  void start_ticket();
  void start_catalog();
  void start_payment();
  relay_actor relay_of(const std::string& role, std::vector<subscription> to);
  consumer_actor unreliable(const consumer_actor& to);
  payment::provider_actor bank();

  template <class Reply, class Handle, class Message>
  void tell(const Handle& target, Message message, std::function<void(const Reply&)> done);

  void open_event();
  void change_an_event();
  bool has_taken_seats(event_id event);
  void register_person();
  void hold(user_id who);
  void pay(const ticket_of& what);
  void cancel(const ticket_of& what);
  void take_back(const ticket_of& what);
  void offer(const ticket_of& what);
  void buy_offered(user_id who);
  void become_member(user_id who);
  const char* any_method();

  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[below(of.size())];
  }

  /// Mostly one of the last.
  template <class T>
  const T& recent(const std::vector<T>& of) {
    return of[of.size() - 1
              - below(below(3) == 0 ? of.size() : std::min<std::size_t>(of.size(), 3))];
  }

  test_databases stored_;
  std::mt19937_64 chance_;
  std::unique_ptr<environment> clock_; ///< of the fixture
  prometheus::Registry registry_;
  std::unique_ptr<auth::auth_metrics> auth_metrics_;
  session_tokens tokens_ = session_tokens::make("a-test-secret-that-is-long-enough-").value();
  std::unique_ptr<sql::database> seats_; ///< to choose seats from
  std::unique_ptr<sql::database> money_; ///< to choose payments from

  auth::auth_actor accounts_;
  catalog::catalog_actor catalog_;
  catalog::admin_role admin_;
  ticket::ticket_role tickets_;
  payment::payment_role payments_;
  relay_actor ticket_relay_;
  consumer_actor consumer_;        ///< of the statistics, as the relays know it
  std::vector<caf::actor> others_; ///< in the order in which they end

  std::vector<layout_id> halls_;
  std::vector<event_id> events_;
  std::vector<transfer_id> offers_;
  std::vector<user_id> people_;
  std::vector<ticket_of> held_;
  std::vector<ticket_of> bought_;
  std::map<payment_id, bool> captured_;
  int named_ = 0;

protected:
  stats::stats_actor figures;
};

} // namespace tiketi::test
