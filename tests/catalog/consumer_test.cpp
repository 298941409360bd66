#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/demo_data.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/event/catalog_consumer.hpp"
#include "storage/memory/ticket_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include <unistd.h>

namespace tiketi::ticket {
namespace {

using catalog::name_based_uuid;

template <class Id>
Id id_of(std::string_view name) {
  return Id{name_based_uuid({}, name)};
}

domain_event changed(std::string_view title, std::string_view config, std::int64_t n = 1) {
  catalog::event_changed change;
  change.event.id = id_of<event_id>("event");
  change.event.title = title;
  change.event.venue = "Venue";
  change.event.event_date = from_millis(10'000);
  change.event.sale_start = from_millis(1'000);
  if (!config.empty())
    change.layout =
        catalog::layout_row{id_of<layout_id>("layout"), "hall", {}, 0, std::string(config)};
  change.types.push_back({id_of<ticket_type_id>("type"), "Standing", {}, 500, 40});
  domain_event out;
  out.id = name_based_uuid({}, "message " + std::to_string(n));
  out.topic = catalog::catalog_topic;
  out.type = catalog::event_changed_type;
  out.key = to_string(change.event.id);
  out.payload = to_json(change);
  return out;
}

constexpr std::string_view hall =
    R"({"sections":[{"name":"VIP","rows":2,"seatsPerRow":3,"price":900,"startRow":4},
                    {"name":"S","rows":1,"seatsPerRow":2,"price":100}]})";

class catalog_consumer_test : public test::actor_test {
protected:
  void SetUp() override {
    out = sys.spawn(writer<ticket_write, ticket_written>,
                    std::shared_ptr<commit_target<ticket_write, ticket_written>>(store),
                    writer_options{}, batch_observer{});
    consumer = start_catalog_consumer(sys, out, [this](event_id id) { told.push_back(id); });
    sched.run();
  }

  void TearDown() override {
    self->send_exit(consumer, caf::exit_reason::user_shutdown);
    self->send_exit(out, caf::exit_reason::user_shutdown);
    sched.run();
  }

  std::shared_ptr<memory::ticket_store> store = std::make_shared<memory::ticket_store>();
  std::vector<event_id> told;
  ticket_writer out;
  consumer_actor consumer;
};

TEST_F(catalog_consumer_test, an_event_arrives_with_its_seats_and_types) {
  const auto event = changed("Night", hall);
  const auto done = ask<applied>(consumer, deliver{event});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->event, event.id);
  EXPECT_FALSE(done->duplicate);
  EXPECT_EQ(told, std::vector<event_id>{id_of<event_id>("event")});
  const auto loaded = store->queries()->load_event(id_of<event_id>("event"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->event.title, "Night");
  EXPECT_EQ(loaded->event.sale_start, from_millis(1'000));
  EXPECT_EQ(loaded->event.sale_end, time_point{});
  EXPECT_EQ(loaded->event.layout, id_of<layout_id>("layout"));
  ASSERT_EQ(loaded->seats.size(), 8u);
  std::set<std::string> labels;
  for (const auto& seat : loaded->seats) {
    labels.insert(seat.label);
    EXPECT_EQ(seat.price, seat.section == "VIP" ? 900 : 100);
    EXPECT_EQ(seat.status, seat_status::available);
  }
  EXPECT_EQ(labels, (std::set<std::string>{"VIP-4-1", "VIP-4-2", "VIP-4-3", "VIP-5-1", "VIP-5-2",
                                           "VIP-5-3", "S-1-1", "S-1-2"}));
  ASSERT_EQ(loaded->types.size(), 1u);
  EXPECT_EQ(loaded->types[0].available, 40);
  const auto layouts = store->queries()->layouts();
  ASSERT_EQ(layouts->size(), 1u);
  EXPECT_EQ(layouts->at(0).total_seats, 8);
}

TEST_F(catalog_consumer_test, the_same_message_twice_is_applied_once) {
  const auto event = changed("Night", hall);
  ASSERT_TRUE(ask<applied>(consumer, deliver{event}));
  const auto again = ask<applied>(consumer, deliver{event});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(store->state().seats.size(), 8u);
}

TEST_F(catalog_consumer_test, a_later_message_changes_the_event_and_keeps_the_seats) {
  ASSERT_TRUE(ask<applied>(consumer, deliver{changed("Night", hall, 1)}));
  std::set<seat_id> before;
  for (const auto& [id, seat] : store->state().seats)
    before.insert(id);
  ASSERT_TRUE(ask<applied>(consumer, deliver{changed("Day", hall, 2)}));
  std::set<seat_id> after;
  for (const auto& [id, seat] : store->state().seats)
    after.insert(id);
  EXPECT_EQ(before, after);
  EXPECT_EQ(store->queries()->load_event(id_of<event_id>("event"))->event.title, "Day");
}

TEST_F(catalog_consumer_test, a_payload_that_cannot_be_is_refused_for_good) {
  auto event = changed("Night", R"({"sections":[{"name":"A","rows":0}]})");
  EXPECT_EQ(ask<applied>(consumer, deliver{event}).error().code, errc::invalid_request);
  event.payload = "{";
  EXPECT_EQ(ask<applied>(consumer, deliver{event}).error().code, errc::invalid_request);
  EXPECT_TRUE(store->state().events.empty());
  EXPECT_TRUE(told.empty());
}

TEST_F(catalog_consumer_test, artists_are_known_by_name_picture_and_price) {
  catalog::artist_row artist;
  artist.id = id_of<artist_id>("artist");
  artist.name = "Some \"Artist\"";
  artist.image_url = "https://img/a.png";
  artist.membership_price = 12'345;
  domain_event event;
  event.id = name_based_uuid({}, "artist message");
  event.topic = catalog::catalog_topic;
  event.type = catalog::artist_changed_type;
  event.key = to_string(artist.id);
  event.payload = to_json(artist);
  EXPECT_FALSE(ask<applied>(consumer, deliver{event})->duplicate);
  EXPECT_TRUE(ask<applied>(consumer, deliver{event})->duplicate);
  const auto& known = store->state().artists.at(artist.id);
  EXPECT_EQ(known.name, artist.name);
  EXPECT_EQ(known.image_url, *artist.image_url);
  EXPECT_EQ(known.membership_price, 12'345);
  event.id = name_based_uuid({}, "removal");
  event.type = catalog::artist_removed_type;
  event.payload = catalog::removed_artist(artist.id);
  EXPECT_FALSE(ask<applied>(consumer, deliver{event})->duplicate);
  EXPECT_TRUE(ask<applied>(consumer, deliver{event})->duplicate);
  EXPECT_FALSE(store->state().artists.contains(artist.id));
  event.type = catalog::artist_changed_type;
  for (const char* bad : {"", "{}", R"({"artist":{}})", R"({"artist":{"id":"x","name":"y"}})",
                          R"({"artist":{"id":"0b0e5f2e-0000-4000-8000-000000000001","name":"y",
                              "imageUrl":null,"membershipPrice":-1}})"}) {
    event.payload = bad;
    EXPECT_EQ(ask<applied>(consumer, deliver{event}).error().code, errc::invalid_request) << bad;
  }
}

TEST_F(catalog_consumer_test, other_events_are_none_of_its_business) {
  auto event = changed("Night", hall);
  event.type = "SOMETHING_NEW";
  EXPECT_TRUE(ask<applied>(consumer, deliver{event}));
  EXPECT_TRUE(store->state().events.empty());
}

TEST_F(catalog_consumer_test, nothing_is_confirmed_that_is_not_stored) {
  const auto event = changed("Night", hall);
  store->set_away(true);
  EXPECT_EQ(ask<applied>(consumer, deliver{event}).error().code, errc::unavailable);
  EXPECT_TRUE(told.empty());
  store->set_away(false);
  bool lose = true;
  store->on_batch([&](const auto&) {
    return std::exchange(lose, false) ? memory::commit_fault::answer_lost
                                      : memory::commit_fault::none;
  });
  EXPECT_EQ(ask<applied>(consumer, deliver{event}).error().code, errc::in_doubt);
  const auto again = ask<applied>(consumer, deliver{event});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(told.size(), 1u) << "told although the first answer was lost";
}

TEST(generate_seats_test, ids_follow_from_event_section_row_and_number) {
  catalog::seat_plan plan;
  // Labels of the two sections would collide; ids must not.
  plan.sections = {{"A", 12, 12, 1, 1}, {"A-1", 12, 12, 1, 1}};
  plan.total_seats = 288;
  const auto one = generate_seats(id_of<event_id>("one"), plan);
  const auto again = generate_seats(id_of<event_id>("one"), plan);
  const auto two = generate_seats(id_of<event_id>("two"), plan);
  ASSERT_EQ(one.size(), 288u);
  std::set<seat_id> ids;
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].id, again[i].id);
    ids.insert(one[i].id);
    ids.insert(two[i].id);
  }
  EXPECT_EQ(ids.size(), 576u);
}

/// From an empty catalog to a sale that can begin: both databases on disk.
TEST(demo_seeding_test, takes_seconds) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("tiketi_seeding_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  auto env = make_system_environment();
  auto open = [&](const char* name) {
    sql::database_options options;
    options.target = (folder / (std::string(name) + ".db")).string();
    auto db = sql::database::open(options);
    EXPECT_TRUE(db);
    EXPECT_TRUE(sql::migrate(*db, sql::migrations_of(name)));
    return std::move(*db);
  };
  const auto start = std::chrono::steady_clock::now();
  std::size_t seats = 0;
  std::size_t events = 0;
  {
    auto catalog = sql::make_catalog_target(open("catalog"), *env);
    std::vector<catalog::catalog_write> seed{{catalog::make_demo_data(env->now())}};
    const auto written = catalog->commit(seed)[0];
    ASSERT_EQ(written.status, commit_status::committed) << written.why.text;
    const auto outbox = sql::make_outbox_store(open("catalog"))->read(0, 1000);
    ASSERT_TRUE(outbox);
    auto tickets = sql::make_ticket_writes(open("ticket"), *env);
    for (const auto& event : *outbox) {
      if (event.type != catalog::event_changed_type)
        continue;
      auto change = to_change(event);
      ASSERT_TRUE(change) << change.error().text;
      seats += change->seats.size();
      ++events;
      std::vector<ticket_write> batch{{std::move(*change)}};
      ASSERT_EQ(tickets->commit(batch)[0].status, commit_status::committed);
    }
    auto queries = sql::make_ticket_queries(open("ticket"));
    std::size_t stored = 0;
    for (const auto& id : *queries->event_ids())
      stored += queries->load_event(id)->seats.size();
    EXPECT_EQ(stored, seats);
  }
  const auto took = std::chrono::steady_clock::now() - start;
  std::cout << events << " events, " << seats << " seats, "
            << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
  std::filesystem::remove_all(folder);
}

} // namespace
} // namespace tiketi::ticket
