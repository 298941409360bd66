#include "tests/stats/shop.hpp"

#include "actors/event/catalog_consumer.hpp"
#include "actors/stats/consumer.hpp"
#include "storage/sql/auth_store.hpp"
#include "storage/sql/built_query.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/membership_store.hpp"
#include "storage/sql/payment_store.hpp"
#include "storage/sql/stats_store.hpp"
#include "storage/sql/ticket_admin_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "storage/sql/transfer_store.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::test {

using namespace std::chrono_literals;

namespace {

constexpr const char* roles[] = {"auth", "catalog", "ticket", "payment", "stats"};

relay_options quick() {
  relay_options out;
  out.back_off_min = 10ms;
  out.back_off_max = 100ms;
  out.tick = 50ms;
  return out;
}

} // namespace

sql::database shop_test::open(const std::string& role) {
  return stored_.open(role);
}

void shop_test::open_shop(std::uint64_t seed) {
  chance_.seed(seed);
  clock_ = std::move(env);
  env = make_seeded_environment(seed, [this] { return clock_->now(); });
  for (const std::string role : roles)
    open(role);
  seats_ = std::make_unique<sql::database>(open("ticket"));
  money_ = std::make_unique<sql::database>(open("payment"));
  start_stats();
  start_auth();
  start_ticket();
  start_catalog();
  start_payment();
  sched.run();

  for (int i = 0; i < 3; ++i) {
    auto sections = nlohmann::json::array();
    for (int s = 0; s <= i; ++s)
      sections.push_back({{"name", std::string{"ABC"}.substr(static_cast<std::size_t>(s), 1)},
                          {"rows", 2 + i},
                          {"seatsPerRow", 3 + s},
                          {"price", 30'000 + 45'000 * s + 20'000 * i},
                          {"startRow", 1 + 10 * s}});
    catalog::save_layout hall;
    hall.layout.id = layout_id{make_uuid(*env)};
    hall.layout.name = fmt::format("hall {}", i);
    hall.layout.config = nlohmann::json{{"sections", sections}}.dump();
    halls_.push_back(hall.layout.id);
    tell<catalog::layouts_answer>(admin_.admin, hall, {});
  }
  sched.run();
  for (int i = 0; i < 6; ++i)
    open_event();
  for (int i = 0; i < 5; ++i)
    register_person();
}

void shop_test::TearDown() {
  const auto end = [this](auto& handle) {
    if (handle)
      self->send_exit(handle, caf::exit_reason::user_shutdown);
    handle = nullptr;
  };
  payment::stop_payment(payments_);
  payments_ = {};
  end(ticket_relay_);
  sched.run();
  catalog::stop(admin_);
  end(catalog_);
  end(accounts_);
  end(figures);
  end(tickets_.consumer);
  end(tickets_.points);
  end(tickets_.transfers);
  end(tickets_.members);
  end(tickets_.region);
  end(tickets_.writer);
  for (auto& helper : tickets_.helpers)
    end(helper);
  tickets_ = {};
  for (auto& actor : others_)
    end(actor);
  others_.clear();
  sched.run();
}

// -- roles ---------------------------------------------------------------------------------------

relay_actor shop_test::relay_of(const std::string& role, std::vector<subscription> to) {
  return spawn_relay(sys, *env, spawn_outbox(sys, *env, sql::make_outbox_store(open(role)), false),
                     std::move(to), quick());
}

/// Loses messages before and after they are applied; the relay has to repeat them.
consumer_actor shop_test::unreliable(const consumer_actor& to) {
  auto out = sys.spawn([this, to](consumer_actor::pointer me) -> consumer_actor::behavior_type {
    return {[this, to, me](const deliver& message) -> caf::result<applied> {
      if (below(10) == 0)
        return to_caf(errc::unavailable);
      const bool lose = below(10) == 0;
      auto promise = me->make_response_promise<applied>();
      me->request(to, caf::infinite, message)
          .then(
              [this, promise, lose](const applied& done) mutable {
                counts.repeated += done.duplicate ? 1 : 0;
                if (lose)
                  promise.deliver(to_caf(errc::in_doubt));
                else
                  promise.deliver(done);
              },
              [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
      return promise;
    }};
  });
  others_.push_back(caf::actor_cast<caf::actor>(out));
  return out;
}

void shop_test::start_stats() {
  auto metrics = std::make_shared<stats::stats_metrics>(registry_);
  auto writer =
      sys.spawn(tiketi::writer<stats::stats_write, stats::stats_written>,
                sql::make_stats_writes(open("stats")), writer_options{}, batch_observer{});
  auto reader =
      sys.spawn(stats::reader, env.get(),
                std::shared_ptr<stats::stats_queries>{sql::make_stats_queries(open("stats"))},
                stats::size_source{}, std::size_t{100});
  auto consumer = stats::spawn_consumer(sys, *env, writer, metrics);
  figures = stats::spawn_stats(sys, *env, metrics, {}, writer, {reader}, {});
  consumer_ = unreliable(consumer);
  others_.push_back(caf::actor_cast<caf::actor>(consumer));
}

void shop_test::start_auth() {
  auth_metrics_ = std::make_unique<auth::auth_metrics>(registry_);
  auto writer = sys.spawn(tiketi::writer<auth::auth_write, auth::auth_written>,
                          sql::make_auth_writes(open("auth")), writer_options{}, batch_observer{});
  auto reader = sys.spawn(auth::reader,
                          std::shared_ptr<auth::auth_queries>{sql::make_auth_queries(open("auth"))},
                          std::size_t{100});
  auto hasher = sys.spawn(auth::hasher, env.get(), auth::argon2_options{64, 1, 1});
  accounts_ =
      sys.spawn(auth::auth, env.get(), auth_metrics_.get(), tokens_, auth::auth_actor_options{},
                auth::auth_neighbours{writer, reader, {hasher}});
  others_.push_back(
      caf::actor_cast<caf::actor>(relay_of("auth", {{"user-events", "stats", consumer_}})));
  others_.push_back(caf::actor_cast<caf::actor>(hasher));
  others_.push_back(caf::actor_cast<caf::actor>(reader));
  others_.push_back(caf::actor_cast<caf::actor>(writer));
}

void shop_test::start_ticket() {
  ticket::ticket_options options;
  options.limits.seats_per_user_and_event = 8;
  options.limits.tickets_per_user_and_event = 20;
  ticket::ticket_dependencies parts;
  parts.detached = false;
  parts.writes = sql::make_ticket_writes(open("ticket"), *env);
  parts.queries.push_back(sql::make_ticket_queries(open("ticket")));
  parts.memberships = sql::make_membership_queries(open("ticket"));
  parts.transfers = sql::make_transfer_queries(open("ticket"));
  tickets_ = ticket::start_ticket(sys, *env, registry_, options, std::move(parts));
}

void shop_test::start_catalog() {
  auto taker = ticket::start_catalog_consumer(sys, tickets_.writer, tickets_.event_changed);
  auto relay = relay_of(
      "catalog", {{"catalog-events", "ticket", taker}, {"catalog-events", "stats", consumer_}});
  auto writer =
      sys.spawn(tiketi::writer<catalog::catalog_write, catalog::catalog_written>,
                std::shared_ptr<commit_target<catalog::catalog_write, catalog::catalog_written>>(
                    sql::make_catalog_target(open("catalog"), *env)),
                writer_options{}, batch_observer{});
  std::vector<catalog::reader_actor> readers = {sys.spawn(
      catalog::reader, env.get(),
      std::shared_ptr<catalog::catalog_queries>{sql::make_catalog_queries(open("catalog"))})};
  catalog_ = sys.spawn(
      catalog::catalog, env.get(), std::make_shared<catalog::catalog_metrics>(registry_),
      catalog::catalog_options{}, writer, readers, ticket::reader_actor{tickets_.reader}, relay);
  auto stock =
      ticket::start_admin_reader(sys, sql::make_ticket_admin_queries(open("ticket")), false);
  catalog::admin_neighbours others;
  others.catalog = catalog_;
  others.queries = sql::make_catalog_admin_queries(open("catalog"));
  others.stock = tickets_.reader;
  others.reservations = stock;
  others.sale = tickets_.region;
  others.event_changed = tickets_.event_changed;
  admin_ = catalog::start_admin(sys, *env, {}, std::move(others), false);
  for (const auto& actor :
       {caf::actor_cast<caf::actor>(relay), caf::actor_cast<caf::actor>(taker),
        caf::actor_cast<caf::actor>(stock), caf::actor_cast<caf::actor>(readers.front()),
        caf::actor_cast<caf::actor>(writer)})
    others_.push_back(actor);
}

payment::provider_actor shop_test::bank() {
  using namespace payment;
  const auto answer = [this](provider_outcome outcome) {
    provider_answer out;
    out.outcome = outcome;
    out.at = env->now();
    out.status = "DONE";
    return out;
  };
  return sys.spawn([this, answer]() -> provider_actor::behavior_type {
    return {
        [this, answer](const capture_money& c) {
          auto& captured = captured_[c.payment.id];
          if (!captured && below(8) == 0) {
            ++counts.declined;
            return answer(provider_outcome::declined);
          }
          captured = true;
          return answer(provider_outcome::approved);
        },
        [this, answer](const look_up_capture& l) {
          return answer(captured_[l.payment.id] ? provider_outcome::approved
                                                : provider_outcome::not_found);
        },
        [this, answer](const refund_money&) {
          ++counts.refunds;
          return answer(provider_outcome::approved);
        },
    };
  });
}

void shop_test::start_payment() {
  payment::payment_options options;
  options.detached = false;
  options.relay = quick();
  payment::payment_dependencies parts;
  parts.writes = sql::make_payment_writes(open("payment"));
  parts.region_queries = sql::make_payment_queries(open("payment"));
  parts.front_queries = sql::make_payment_queries(open("payment"));
  parts.outbox = sql::make_outbox_store(open("payment"));
  parts.money = {bank(), "bank", false, true};
  others_.push_back(caf::actor_cast<caf::actor>(parts.money.handle));
  parts.tickets = tickets_.region;
  parts.transfers = tickets_.transfers;
  parts.memberships = tickets_.members;
  parts.subscriptions = {{"payment-events", "ticket", tickets_.consumer},
                         {"payment-events", "stats", consumer_}};
  payments_ = payment::start_payment(sys, *env, registry_, options, std::move(parts));
  ticket_relay_ = relay_of("ticket", {payments_.consumer(), {"*", "stats", consumer_}});
  tickets_.links->set(payments_.region, {}, ticket_relay_);
}

// -- what happens --------------------------------------------------------------------------------

/// The answer comes when it comes; meanwhile others act.
template <class Reply, class Handle, class Message>
void shop_test::tell(const Handle& target, Message message,
                     std::function<void(const Reply&)> done) {
  sys.spawn([this, target, message = std::move(message),
             done = std::move(done)](caf::event_based_actor* me) {
    me->request(target, caf::infinite, message)
        .then(
            [done](const Reply& reply) {
              if (done)
                done(reply);
            },
            [this](const caf::error&) { ++counts.refused; });
  });
}

void shop_test::open_event() {
  catalog::add_event m;
  auto& e = m.event.event;
  e.id = event_id{make_uuid(*env)};
  e.title = fmt::format("Event {}", ++named_);
  e.venue = fmt::format("Hall {}", below(3));
  e.event_date = env->now() + std::chrono::hours{24 * (5 + below(20))};
  e.sale_start = env->now() - 1h;
  if (below(3) != 0)
    e.sale_end = e.event_date - 12h;
  if (below(2) == 0)
    e.artist_name = fmt::format("Artist {}", below(3));
  const bool seated = below(3) != 0;
  if (seated)
    e.layout = any(halls_);
  if (!seated || below(3) == 0)
    for (std::uint64_t i = 0; i <= below(2); ++i)
      m.event.types.push_back({ticket_type_id{make_uuid(*env)},
                               fmt::format("type {}", i),
                               {},
                               static_cast<std::int64_t>(20'000 + 35'000 * i),
                               static_cast<std::int32_t>(20 + below(60))});
  events_.push_back(e.id);
  tell<catalog::event_saved>(admin_.admin, std::move(m), {});
  sched.run();
}

void shop_test::change_an_event() {
  const auto event = any(events_);
  switch (below(12)) {
  case 0:
  case 1:
  case 2:
  case 3:
    open_event();
    break;
  case 4: {
    catalog::end_event m;
    m.event = event;
    m.remove = below(2) == 0;
    tell<catalog::event_ended>(admin_.admin, m, {});
    break;
  }
  case 5:
  case 6: {
    catalog::change_seats m;
    m.event = event;
    m.offered = below(2) == 0;
    tell<catalog::seats_changed>(admin_.admin, m, {});
    break;
  }
  case 7: {
    catalog::save_type m;
    m.what.event = event;
    m.what.type = {ticket_type_id{make_uuid(*env)}, "late type", {}, 44'000, 15};
    tell<catalog::type_saved>(admin_.admin, m, {});
    break;
  }
  default: {
    catalog::change_event m;
    m.edit.event = event;
    auto& to = m.edit.to;
    to.title = fmt::format("Event {} again", ++named_);
    to.venue = "Hall 9";
    to.event_date = env->now() + std::chrono::hours{24 * (3 + below(20))};
    to.sale_start = env->now() - 2h;
    if (below(2) == 0)
      to.artist_name = fmt::format("Artist {}", below(3));
    // A seat that is held or sold while its row goes away stays for now in the sale, and
    // statistics count the hall as it is meant to be: no figure to compare.
    bool other_hall = below(3) == 0;
    if (other_hall) {
      settle(); // what is being held now is held then
      other_hall = !has_taken_seats(event);
    }
    if (other_hall)
      to.layout = any(halls_);
    tell<catalog::event_saved>(admin_.admin, m, {});
    if (other_hall)
      settle();
  }
  }
}

bool shop_test::has_taken_seats(event_id event) {
  long long held = 0;
  sql::built_query q{*seats_};
  q << "SELECT count(*) FROM seats WHERE status <> 'available' AND event_id = ";
  q.value(event);
  q.into(held);
  q.run();
  return held != 0;
}

void shop_test::register_person() {
  const auto email = fmt::format("person{}@example.com", ++named_);
  if (below(10) == 0) {
    auth::ensure_user m{email, "password1", "Root", "admin"};
    tell<auth::ensured>(accounts_, m, [this](const auth::ensured& x) { people_.push_back(x.id); });
  } else {
    auth::register_account m{email, "password1", "Ada", "010"};
    tell<auth::session>(accounts_, m,
                        [this](const auth::session& x) { people_.push_back(x.user.id); });
  }
  sched.run();
}

void shop_test::hold(user_id who) {
  const auto event = any(events_);
  const auto done = [this, who](const ticket::reservation_view& r) {
    ++counts.holds;
    held_.push_back({who, r.id});
  };
  const auto ids_of = [&](const std::string& query) {
    std::vector<std::string> out;
    std::string id;
    sql::built_query q{*seats_};
    q << query;
    q.value(event) << " ORDER BY id";
    q.into(id);
    for (bool more = q.run(); more; more = q.next())
      out.push_back(id);
    return out;
  };
  auto types = ids_of("SELECT id FROM ticket_types WHERE event_id = ");
  auto seats = ids_of("SELECT id FROM seats WHERE retired = 0 AND event_id = ");
  if (!types.empty() && (seats.empty() || below(3) == 0)) {
    ticket::reserve_tickets m{event, who, {}, {}};
    m.items.push_back(
        {*parse_id<ticket_type_id>(any(types)), static_cast<std::int32_t>(1 + below(3))});
    tell<ticket::reservation_view>(tickets_.region, m, done);
    return;
  }
  if (seats.empty())
    return;
  ticket::reserve_seats m{event, who, {}, {}};
  // Neighbours; whether they are free is for the shop to say.
  const auto first = below(seats.size());
  for (auto i = first; i < seats.size() && i <= first + below(3); ++i)
    m.seats.push_back(*parse_id<seat_id>(seats[i]));
  tell<ticket::reservation_view>(tickets_.region, m, done);
}

const char* shop_test::any_method() {
  constexpr const char* methods[] = {"naver_pay", "kakao_pay", "bank_transfer", "card", "toss"};
  return methods[below(5)];
}

void shop_test::pay(const ticket_of& what) {
  payment::process_payment m{what.id, what.owner, any_method()};
  tell<payment::payment_done>(payments_.region, m, [this, what](const payment::payment_done&) {
    ++counts.paid;
    bought_.push_back(what);
  });
}

void shop_test::cancel(const ticket_of& what) {
  if (below(6) == 0) {
    tell<ticket::reservation_view>(tickets_.region,
                                   ticket::end_reservation{what.id, "by the house"}, {});
    return;
  }
  ticket::cancel_reservation m;
  m.reservation = what.id;
  m.user = what.owner;
  tell<ticket::reservation_view>(tickets_.region, m, {});
}

void shop_test::take_back(const ticket_of& what) {
  std::string id;
  sql::built_query q{*money_};
  q << "SELECT id FROM payments WHERE status = 'captured' AND reservation_id = ";
  q.value(what.id).into(id);
  if (q.run())
    tell<payment::payment_done>(payments_.region,
                                payment::cancel_payment{id, what.owner, "changed my mind"}, {});
}

void shop_test::offer(const ticket_of& what) {
  if (!offers_.empty() && below(8) == 0) {
    tell<ticket::listing_cancelled>(tickets_.transfers,
                                    ticket::cancel_listing{offers_.back(), what.owner}, {});
    return;
  }
  tell<ticket::transfer_view>(tickets_.transfers, ticket::create_listing{what.id, what.owner},
                              [this](const ticket::transfer_view& t) {
                                ++counts.offered;
                                offers_.push_back(t.terms.id);
                              });
}

void shop_test::buy_offered(user_id who) {
  if (offers_.empty())
    return;
  const auto what = recent(offers_);
  payment::process_payment m{{payment::subject_kind::transfer, what.value}, who, any_method()};
  tell<payment::payment_done>(payments_.region, m, [this, who, what](const auto&) {
    ++counts.paid;
    std::string id;
    sql::built_query q{*seats_};
    q << "SELECT reservation_id FROM ticket_transfers WHERE id = ";
    q.value(what).into(id);
    if (q.run())
      bought_.push_back({who, *parse_id<reservation_id>(id)});
  });
}

void shop_test::become_member(user_id who) {
  std::vector<std::string> artists;
  std::string id;
  sql::built_query q{*seats_};
  q << "SELECT id FROM artists ORDER BY id";
  q.into(id);
  for (bool more = q.run(); more; more = q.next())
    artists.push_back(id);
  if (artists.empty())
    return;
  const membership::subscribe m{who, *parse_id<artist_id>(any(artists))};
  tell<membership::membership_view>(
      tickets_.members, m, [this, who](const membership::membership_view& v) {
        tell<payment::payment_done>(
            payments_.region,
            payment::process_payment{
                {payment::subject_kind::membership, v.row.id.value}, who, any_method()},
            {});
      });
}

void shop_test::step() {
  const auto dice = below(100);
  const auto who = any(people_);
  if (dice < 5)
    register_person();
  else if (dice < 7)
    change_an_event();
  else if (dice < 11)
    become_member(who);
  else if (dice < 18)
    buy_offered(who);
  else if (dice < 45 || held_.empty())
    hold(who);
  else if (dice < 78) {
    // Some pay with one hand and cancel with the other.
    const auto what = recent(held_);
    if (dice < 74)
      pay(what);
    if (dice >= 72)
      cancel(what);
  } else if (!bought_.empty()) {
    const auto what = recent(bought_);
    if (dice < 83)
      cancel(what);
    else if (dice < 88)
      take_back(what);
    else
      offer(what);
  }
  // The next one may come at the same time. No ticket is resold twice at the same time, though:
  // its second sale needs an offer that follows the first one.
  if (below(5) == 0 && dice < 88)
    return;
  sched.run();
  // Holds live for five minutes, so most steps are closer together than that.
  const auto pause = below(40);
  const std::uint64_t most = pause == 0 ? 21'600'000 : pause < 5 ? 600'000 : 30'000;
  advance(std::chrono::milliseconds{1 + below(most)});
}

void shop_test::settle() {
  sched.run();
  for (int i = 0; i < 20; ++i)
    advance(500ms);
}

std::int64_t shop_test::dead_events() {
  std::int64_t out = 0;
  for (const std::string role : roles) {
    auto db = open(role);
    long long n = 0;
    sql::built_query q{db};
    q << "SELECT count(*) FROM dead_events";
    q.into(n).run();
    out += n;
  }
  return out;
}

} // namespace tiketi::test
