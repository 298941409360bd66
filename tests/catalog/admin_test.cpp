// The administration between the roles: what it waits for, what it does without, and that a change
// of the catalog reaches the sale by messages only. Real databases, virtual time; the test itself
// carries the catalog's messages, so that it decides when they arrive.

#include "actors/catalog/admin.hpp"
#include "actors/catalog/catalog_actor.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/event/catalog_consumer.hpp"
#include "actors/event/role.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/ticket_admin_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/storage/temporary_folder.hpp"
#include "tests/support/actor_fixture.hpp"

#include <filesystem>
#include <optional>

#include <prometheus/registry.h>

namespace tiketi::catalog {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// Files that this process has open under this name.
std::size_t open_files(const std::string& name) {
  std::size_t out = 0;
  std::error_code ec;
  for (fs::directory_iterator at{"/proc/self/fd", ec}, end; !ec && at != end; at.increment(ec)) {
    std::error_code gone;
    const auto target = fs::read_symlink(at->path(), gone);
    out += !gone && target.filename().string().starts_with(name);
  }
  return out;
}

class catalog_admin_test : public test::actor_test {
protected:
  template <class T>
  using later = std::shared_ptr<std::optional<result<T>>>;

  void SetUp() override {
    {
      auto db = open("catalog");
      ASSERT_TRUE(sql::migrate(db, sql::migrations_of("catalog")));
      auto other = open("ticket");
      ASSERT_TRUE(sql::migrate(other, sql::migrations_of("ticket")));
    }
    start_ticket_role();
    start_catalog_role();
  }

  void TearDown() override {
    stop_catalog_role();
    stop_ticket_role();
  }

  sql::database open(const std::string& role) {
    sql::database_options options;
    options.target = folder.file(role + ".db");
    options.durable = sql::durability::normal;
    return sql::database::open(options).value();
  }

  void start_ticket_role() {
    ticket::ticket_dependencies parts;
    parts.detached = false;
    parts.writes = sql::make_ticket_writes(open("ticket"), *env);
    parts.queries.push_back(sql::make_ticket_queries(open("ticket")));
    tickets = ticket::start_ticket(sys, *env, registry, {}, std::move(parts));
    figures =
        ticket::start_admin_reader(sys, sql::make_ticket_admin_queries(open("ticket")), false);
    consumer = ticket::start_catalog_consumer(sys, tickets.writer, tickets.event_changed);
    sched.run();
  }

  void stop_ticket_role() {
    end(figures);
    end(consumer);
    end(tickets.consumer);
    end(tickets.region);
    end(tickets.writer);
    for (auto& helper : tickets.helpers)
      end(helper);
    tickets = {};
    sched.run();
  }

  void start_catalog_role() {
    auto target = sql::make_catalog_target(open("catalog"), *env);
    writer_of_catalog =
        sys.spawn(tiketi::writer<catalog_write, catalog_written>,
                  std::shared_ptr<commit_target<catalog_write, catalog_written>>(std::move(target)),
                  writer_options{}, batch_observer{});
    readers = {
        sys.spawn(reader, env.get(),
                  std::shared_ptr<catalog_queries>{sql::make_catalog_queries(open("catalog"))})};
    catalog_handle = sys.spawn(catalog, env.get(), std::make_shared<catalog_metrics>(registry),
                               catalog_options{}, writer_of_catalog, readers,
                               ticket::reader_actor{tickets.reader}, relay_actor{});
    directory = sys.spawn([](directory_view::pointer) -> directory_view::behavior_type {
      return {[](const auth::get_user& q) -> caf::result<auth::user_view> {
        if (q.id.value.bytes[0] != 1)
          return to_caf(errc::not_found);
        return auth::user_view{q.id, "anna@example.com", "Anna", "user", {}};
      }};
    });
    outbox = sql::make_outbox_store(open("catalog"));
    admin_neighbours others;
    others.catalog = catalog_handle;
    others.queries = sql::make_catalog_admin_queries(open("catalog"));
    others.stock = tickets.reader;
    others.reservations = figures;
    others.sale = tickets.region;
    others.directory = directory;
    others.event_changed = tickets.event_changed;
    admin = start_admin(sys, *env, {}, std::move(others), false);
    sched.run();
  }

  void stop_catalog_role() {
    if (!catalog_handle)
      return;
    stop(admin);
    end(catalog_handle);
    end(directory);
    end(writer_of_catalog);
    for (auto& r : readers)
      end(r);
    readers.clear();
    outbox.reset();
    sched.run();
  }

  template <class Handle>
  void end(Handle& actor) {
    if (actor)
      self->send_exit(actor, caf::exit_reason::user_shutdown);
    actor = nullptr;
  }

  /// What the relay does: every message once, in order.
  void deliver_all() {
    const auto events = outbox->read(delivered, 1000);
    for (const auto& event : *events) {
      ASSERT_TRUE(ask<applied>(consumer, deliver{event}));
      delivered = event.sequence;
    }
  }

  template <class Reply, class Message>
  later<Reply> begin(Message message) {
    auto box = std::make_shared<std::optional<result<Reply>>>();
    sys.spawn([=, target = admin.admin](caf::event_based_actor* a) {
      a->request(target, caf::infinite, message)
          .then([box](const Reply& r) { *box = r; },
                [box](const caf::error& e) { *box = to_failure(e); });
    });
    sched.run();
    return box;
  }

  /// As `begin`, with messages that arrive at once.
  template <class Reply, class Message>
  result<Reply> tell(Message message) {
    auto box = begin<Reply>(std::move(message));
    for (int i = 0; i < 10 && !*box; ++i) {
      deliver_all();
      advance(10ms);
    }
    if (*box)
      return **box;
    ADD_FAILURE() << "no answer";
    return failure{errc::timeout};
  }

  add_event an_event(std::string title, bool seated = true) {
    add_event m;
    m.by = {user_id{make_uuid(*env)}, "192.0.2.1"};
    auto& e = m.event.event;
    e.id.value = make_uuid(*env);
    e.title = std::move(title);
    e.venue = "Hall";
    e.event_date = epoch + 240h;
    e.sale_start = epoch - 1h;
    e.sale_end = epoch + 200h;
    if (seated)
      e.layout = hall();
    m.event.types.push_back({ticket_type_id{make_uuid(*env)}, "Floor", {}, 50, 10});
    return m;
  }

  layout_id hall() {
    save_layout m;
    m.layout.id = layout_id{name_based_uuid({}, "hall")};
    m.layout.name = "hall";
    m.layout.config = to_json({{"A", 1, 6, 500, 1}});
    EXPECT_TRUE(tell<layouts_answer>(m));
    return m.layout.id;
  }

  static user_id anna() {
    user_id out;
    out.value.bytes[0] = 1;
    return out;
  }

  ticket::reservation_view buy(event_id event, user_id user, int quantity) {
    ticket::reserve_tickets order;
    order.event = event;
    order.user = user;
    order.items = {{ask<ticket::ticket_type_list>(tickets.reader, ticket::get_ticket_types{event})
                        ->types.at(0)
                        .id,
                    quantity}};
    auto held = ask<ticket::reservation_view>(tickets.region, order);
    EXPECT_TRUE(held) << held.error().text;
    return held ? *held : ticket::reservation_view{};
  }

  test::temporary_folder folder;
  prometheus::Registry registry;
  ticket::ticket_role tickets;
  ticket::admin_reader figures;
  consumer_actor consumer;
  catalog_writer writer_of_catalog;
  std::vector<reader_actor> readers;
  catalog_actor catalog_handle;
  directory_view directory;
  std::unique_ptr<outbox_store> outbox;
  std::int64_t delivered = 0;
  admin_role admin;
};

TEST_F(catalog_admin_test, the_ticket_role_never_opens_the_catalogs_database) {
  const auto m = an_event("Night");
  ASSERT_TRUE(tell<event_saved>(m));
  // One more change, which the sale hears of only when the catalog is gone for good.
  auto pending = begin<event_saved>(
      change_event{m.by,
                   {m.event.event.id,
                    {"Renamed", {}, "Hall", {}, epoch + 240h, epoch - 1h, epoch + 200h, {}, {}, {}},
                    false}});
  const auto messages = *outbox->read(delivered, 10);
  ASSERT_EQ(messages.size(), 1u);
  pending.reset();
  stop_catalog_role();
  stop_ticket_role();
  for (const char* end : {"", "-wal", "-shm"})
    fs::remove(folder.file(std::string{"catalog.db"} + end));
  ASSERT_EQ(open_files("catalog.db"), 0u);
  ASSERT_EQ(open_files("ticket.db"), 0u);

  start_ticket_role();
  EXPECT_GT(open_files("ticket.db"), 0u);
  ASSERT_TRUE(ask<applied>(consumer, deliver{messages.front()}));
  const auto map =
      ask<ticket::seat_map_view>(tickets.region, ticket::get_seat_map{m.event.event.id});
  ASSERT_TRUE(map);
  EXPECT_NE(map->body->find("Renamed"), std::string::npos);
  const auto held = buy(m.event.event.id, anna(), 2);
  EXPECT_EQ(held.event_title, "Renamed");
  EXPECT_TRUE(
      ask<ticket::reservation_view>(tickets.region, ticket::end_reservation{held.id, "test"}));
  EXPECT_EQ(ask<ticket::event_stock>(figures, ticket::get_stock{m.event.event.id})->seats, 6);
  advance(1h);
  EXPECT_EQ(open_files("catalog.db"), 0u);
  EXPECT_FALSE(fs::exists(folder.file("catalog.db"))) << "nor did anybody make it";
}

TEST_F(catalog_admin_test, an_answer_waits_until_the_sale_has_the_event) {
  const auto m = an_event("Night");
  const auto box = begin<event_saved>(m);
  advance(1s);
  EXPECT_FALSE(*box) << "nothing has arrived at the sale";
  deliver_all();
  advance(20ms);
  ASSERT_TRUE(*box && **box);
  EXPECT_EQ((**box)->event.title, "Night");
  // The very next question finds it.
  EXPECT_TRUE(ask<ticket::seat_map_view>(tickets.region, ticket::get_seat_map{m.event.event.id}));
}

TEST_F(catalog_admin_test, a_sale_that_is_late_does_not_hold_the_answer_for_ever) {
  const auto m = an_event("Night");
  const auto box = begin<event_saved>(m);
  advance(2900ms);
  EXPECT_FALSE(*box);
  for (int i = 0; i < 20; ++i)
    advance(10ms);
  ASSERT_TRUE(*box && **box) << "it is durable in the catalog, and arrives some time";
  // Seats cannot be counted before they are there, so that is another matter.
  auto seats = begin<seats_changed>(change_seats{m.by, m.event.event.id, true, {}});
  for (int i = 0; i < 320; ++i)
    advance(10ms);
  ASSERT_TRUE(*seats);
  EXPECT_EQ((*seats)->error(), failure(errc::unavailable, "Seat generation service unavailable"));
  deliver_all();
  EXPECT_EQ(tell<seats_changed>(change_seats{m.by, m.event.event.id, true, {}}).error().text,
            "Seats already generated for this event");
}

TEST_F(catalog_admin_test, what_is_sold_bounds_the_quantity) {
  const auto m = an_event("Floor", false);
  ASSERT_TRUE(tell<event_saved>(m));
  const auto held = buy(m.event.event.id, anna(), 4);
  auto type = m.event.types.at(0);
  type.total = 3;
  EXPECT_EQ(tell<type_saved>(save_type{m.by, {{}, type, true}}).error(),
            failure(errc::invalid_request, "Cannot set quantity below sold amount"));
  type.total = 4;
  type.price = 900;
  const auto saved = tell<type_saved>(save_type{m.by, {{}, type, true}});
  ASSERT_TRUE(saved) << saved.error().text;
  EXPECT_EQ(saved->available, 0);
  // What was booked keeps its price.
  const auto row = ask<ticket::admin_reservation>(figures, ticket::get_admin_reservation{held.id});
  EXPECT_EQ(row->view.total_amount, 200);
}

TEST_F(catalog_admin_test, lists_have_names_where_they_are_known) {
  const auto m = an_event("Night");
  ASSERT_TRUE(tell<event_saved>(m));
  (void)buy(m.event.event.id, anna(), 1);
  advance(1s);
  (void)buy(m.event.event.id, user_id{name_based_uuid({}, "stranger")}, 1);
  const auto page = tell<reservation_page>(get_reservations{{}, 1, 20});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->total, 2);
  EXPECT_FALSE(page->reservations.at(0).user_name);
  EXPECT_EQ(page->reservations.at(1).user_email, "anna@example.com");
  end(directory);
  sched.run();
  const auto board = tell<dashboard>(get_dashboard{});
  ASSERT_TRUE(board);
  EXPECT_EQ(board->events, 1);
  EXPECT_EQ(board->totals->reservations, 2);
  EXPECT_EQ(board->recent.size(), 2u);
  EXPECT_FALSE(board->recent.at(1).user_name) << "auth is away, the list is not";
}

TEST_F(catalog_admin_test, a_dashboard_without_the_sale_says_so) {
  const auto m = an_event("Night");
  ASSERT_TRUE(tell<event_saved>(m));
  end(figures);
  sched.run();
  const auto board = tell<dashboard>(get_dashboard{});
  ASSERT_TRUE(board);
  EXPECT_EQ(board->events, 1);
  EXPECT_FALSE(board->totals) << "not known is not zero";
  EXPECT_TRUE(board->recent.empty());
  // What needs to know what is sold does not happen.
  EXPECT_FALSE(tell<event_ended>(end_event{m.by, m.event.event.id, false}));
  EXPECT_FALSE(
      (*sql::make_catalog_admin_queries(open("catalog"))->event(m.event.event.id))->cancelled);
}

TEST_F(catalog_admin_test, cancelling_counts_and_ends_what_is_live) {
  const auto m = an_event("Rain");
  ASSERT_TRUE(tell<event_saved>(m));
  const auto held = buy(m.event.event.id, anna(), 2);
  const auto ended = tell<event_ended>(end_event{m.by, m.event.event.id, false});
  ASSERT_TRUE(ended) << ended.error().text;
  EXPECT_EQ(ended->reservations, 1);
  EXPECT_TRUE(ended->event.cancelled);
  advance(1s);
  const auto row = ask<ticket::admin_reservation>(figures, ticket::get_admin_reservation{held.id});
  EXPECT_EQ(row->view.status, ticket::reservation_status::cancelled);
  EXPECT_EQ(ask<ticket::event_stock>(figures, ticket::get_stock{m.event.event.id})->live, 0);
  EXPECT_EQ(tell<event_ended>(end_event{m.by, m.event.event.id, false}).error().code,
            errc::not_found);
}

} // namespace
} // namespace tiketi::catalog
