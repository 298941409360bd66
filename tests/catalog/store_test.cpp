#include "actors/base/environment.hpp"
#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/demo_data.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/member_consumer.hpp"
#include "actors/catalog/name_id.hpp"
#include "storage/sql/catalog_store.hpp"
#include "tests/support/test_database.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::catalog {
namespace {

using namespace std::chrono_literals;

template <class Id>
Id id_of(std::string_view name) {
  return Id{name_based_uuid({}, name)};
}

class catalog_store_test : public ::testing::Test {
protected:
  void SetUp() override {
    target = sql::make_catalog_target(open(), *env);
    queries = sql::make_catalog_queries(open());
    outbox = sql::make_outbox_store(open());
  }

  void TearDown() override {
    target.reset();
    queries.reset();
    outbox.reset();
  }

  sql::database open() { return stored.open(); }

  template <class Command>
  catalog_written put(Command command) {
    std::vector<catalog_write> batch;
    batch.push_back({std::move(command)});
    return target->commit(batch)[0];
  }

  static put_event an_event(std::string_view name) {
    put_event out;
    out.event.id = id_of<event_id>(name);
    out.event.title = name;
    out.event.venue = "Venue";
    out.event.event_date = from_millis(1'000'000);
    return out;
  }

  static ticket_type_row a_type(std::string_view name, std::int64_t price) {
    return {id_of<ticket_type_id>(name), std::string(name), {}, price, 10};
  }

  std::vector<std::string> titles(event_filter filter) {
    const auto page = queries->events(filter, now);
    EXPECT_TRUE(page) << page.error().text;
    std::vector<std::string> out;
    for (const auto& item : page->events)
      out.push_back(item.event.title);
    return out;
  }

  std::vector<std::string> search(std::string_view text) {
    event_filter filter;
    filter.text = fold(text);
    filter.limit = 100;
    return titles(filter);
  }

  std::vector<domain_event> sent() {
    auto events = outbox->read(0, 1000);
    EXPECT_TRUE(events);
    return *events;
  }

  time_point now = from_millis(1000);
  std::unique_ptr<environment> env = make_seeded_environment(7, [this] { return now; });
  test::test_database stored{"catalog"};
  std::shared_ptr<catalog_target> target;
  std::unique_ptr<catalog_queries> queries;
  std::unique_ptr<outbox_store> outbox;
};

TEST_F(catalog_store_test, an_event_comes_back_as_it_was_put) {
  put_layout layout;
  layout.layout.id = id_of<layout_id>("hall");
  layout.layout.name = "hall";
  layout.layout.config = to_json({{"A", 2, 3, 500, 1}});
  ASSERT_EQ(put(layout).status, commit_status::committed);

  auto x = an_event("은하수 – Night");
  x.event.description = "text";
  x.event.address = "Street 1";
  x.event.sale_start = from_millis(10);
  x.event.sale_end = from_millis(20);
  x.event.poster_url = "/p.png";
  x.event.layout = layout.layout.id;
  x.event.artist_name = "Some Band";
  x.event.pre_scaled = true;
  x.event.created_by = id_of<user_id>("admin");
  x.types = {a_type("cheap", 100), a_type("dear", 900)};
  const auto written = put(x);
  ASSERT_EQ(written.status, commit_status::committed) << written.why.text;
  EXPECT_EQ(written.events, 2u) << "the artist that was made, and the event";

  const auto found = queries->event(x.event.id);
  ASSERT_TRUE(found && *found);
  const auto& e = (*found)->event;
  EXPECT_EQ(e.title, x.event.title);
  EXPECT_EQ(e.description, x.event.description);
  EXPECT_EQ(e.address, x.event.address);
  EXPECT_EQ(e.event_date, x.event.event_date);
  EXPECT_EQ(e.sale_start, x.event.sale_start);
  EXPECT_EQ(e.sale_end, x.event.sale_end);
  EXPECT_EQ(e.poster_url, x.event.poster_url);
  EXPECT_EQ(e.layout, x.event.layout);
  EXPECT_EQ(e.artist_name, "Some Band");
  EXPECT_FALSE(e.artist.is_nil()) << "an artist was made for the name";
  EXPECT_TRUE(e.pre_scaled);
  EXPECT_EQ(e.created_by, x.event.created_by);
  EXPECT_EQ(e.created_at, now);
  ASSERT_EQ((*found)->types.size(), 2u);
  EXPECT_EQ((*found)->types[0].name, "dear") << "by price descending";

  const auto events = sent();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].topic, catalog_topic);
  EXPECT_EQ(events[0].type, artist_changed_type);
  EXPECT_EQ(events[0].key, to_string(e.artist));
  EXPECT_EQ(parse_artist_changed(events[0].payload)->name, "Some Band");
  EXPECT_EQ(events[1].topic, catalog_topic);
  EXPECT_EQ(events[1].type, event_changed_type);
  EXPECT_EQ(events[1].key, to_string(x.event.id));
  const auto payload = parse_event_changed(events[1].payload);
  ASSERT_TRUE(payload) << payload.error().text;
  EXPECT_EQ(payload->event.artist, e.artist);
  EXPECT_EQ(payload->layout->total_seats, 6);
  EXPECT_EQ(payload->types.size(), 2u);
}

TEST_F(catalog_store_test, an_update_keeps_creation_and_other_ticket_types) {
  auto x = an_event("one");
  x.event.created_by = id_of<user_id>("admin");
  x.types = {a_type("a", 100)};
  ASSERT_EQ(put(x).status, commit_status::committed);
  now += 5s;
  x.event.title = "two";
  x.event.created_by = {};
  x.types = {a_type("b", 50)};
  ASSERT_EQ(put(x).status, commit_status::committed);
  const auto found = queries->event(x.event.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->event.title, "two");
  EXPECT_EQ((*found)->event.created_at, from_millis(1000));
  EXPECT_EQ((*found)->event.updated_at, now);
  EXPECT_EQ((*found)->event.created_by, id_of<user_id>("admin"));
  EXPECT_EQ((*found)->types.size(), 2u);
  EXPECT_EQ(sent().size(), 2u);
}

TEST_F(catalog_store_test, refusals_name_the_reason_and_leave_nothing_behind) {
  auto refused = [&](const auto& command, errc code) {
    const auto written = put(command);
    EXPECT_EQ(written.status, commit_status::rejected) << written.why.text;
    EXPECT_EQ(written.why.code, code) << written.why.text;
    EXPECT_FALSE(written.why.text.empty());
  };
  auto x = an_event("x");
  x.event.title = " \t";
  refused(x, errc::invalid_request);
  x = an_event("x");
  x.event.id = {};
  refused(x, errc::invalid_request);
  x = an_event("x");
  x.event.sale_start = from_millis(20);
  x.event.sale_end = from_millis(20);
  refused(x, errc::invalid_request);
  x = an_event("x");
  x.event.layout = id_of<layout_id>("nowhere");
  refused(x, errc::invalid_request);
  x = an_event("x");
  x.event.artist = id_of<artist_id>("nobody");
  refused(x, errc::invalid_request);
  x = an_event("x");
  x.event.artist_name = "Made For Nothing";
  x.types = {a_type("good", 1), a_type("bad", -1)};
  refused(x, errc::invalid_request);

  put_layout layout;
  layout.layout.id = id_of<layout_id>("l");
  layout.layout.name = "l";
  layout.layout.config = "{}";
  refused(layout, errc::invalid_request);

  put_artist artist;
  artist.artist.name = "no id";
  refused(artist, errc::invalid_request);

  EXPECT_TRUE(titles({}).empty());
  EXPECT_EQ(queries->artists(1, 10)->total, 0);
  EXPECT_TRUE(sent().empty());
}

TEST_F(catalog_store_test, one_refusal_does_not_touch_the_rest_of_the_batch) {
  auto bad = an_event("bad");
  bad.types = {a_type("t", -1)};
  std::vector<catalog_write> batch{{an_event("a")}, {bad}, {an_event("b")}};
  const auto out = target->commit(batch);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[2].status, commit_status::committed);
  EXPECT_EQ(titles({}).size(), 2u);
  EXPECT_EQ(sent().size(), 2u);
}

TEST_F(catalog_store_test, ticket_types_stay_with_their_event) {
  auto a = an_event("a");
  a.types = {a_type("t", 1)};
  ASSERT_EQ(put(a).status, commit_status::committed);
  auto b = an_event("b");
  b.types = {a_type("t", 1)};
  EXPECT_EQ(put(b).why.code, errc::conflict);
}

TEST_F(catalog_store_test, the_seats_under_an_event_do_not_change) {
  put_layout layout;
  layout.layout.id = id_of<layout_id>("l");
  layout.layout.name = "l";
  layout.layout.config = to_json({{"A", 2, 3, 500, 1}});
  ASSERT_EQ(put(layout).status, commit_status::committed);
  auto x = an_event("x");
  x.event.layout = layout.layout.id;
  ASSERT_EQ(put(x).status, commit_status::committed);
  layout.layout.config = to_json({{"A", 9, 9, 500, 1}});
  EXPECT_EQ(put(layout).why.code, errc::conflict);
  layout.layout.config = to_json({{"A", 2, 3, 500, 1}});
  layout.layout.name = "renamed";
  EXPECT_EQ(put(layout).events, 1u) << "the event is published with the new name";
  x.event.layout = {};
  EXPECT_EQ(put(x).why.code, errc::conflict);
}

TEST_F(catalog_store_test, an_artist_is_found_by_name_and_renamed_on_the_events) {
  put_artist artist;
  artist.artist.id = id_of<artist_id>("artist");
  artist.artist.name = "Old Name";
  ASSERT_EQ(put(artist).events, 1u) << "the artist";
  auto x = an_event("concert");
  x.event.artist_name = "Old Name";
  ASSERT_EQ(put(x).status, commit_status::committed);
  EXPECT_EQ((*queries->event(x.event.id))->event.artist, artist.artist.id);
  artist.artist.name = "New Name";
  EXPECT_EQ(put(artist).events, 2u) << "the artist, and the event with the new name";
  EXPECT_EQ((*queries->event(x.event.id))->event.artist_name, "New Name");
  EXPECT_EQ(search("new name").size(), 1u);
  EXPECT_TRUE(search("old name").empty());
  put_artist other;
  other.artist.id = id_of<artist_id>("other");
  other.artist.name = "New Name";
  EXPECT_EQ(put(other).why.code, errc::conflict);

  const auto page = queries->artists(1, 10);
  ASSERT_EQ(page->artists.size(), 1u);
  EXPECT_EQ(page->artists[0].event_count, 1);
  const auto detail = queries->artist(artist.artist.id);
  ASSERT_TRUE(detail && *detail);
  EXPECT_EQ((*detail)->events.size(), 1u);
  EXPECT_FALSE(*queries->artist(other.artist.id));
}

/// The filter in SQL against the rule in C++, over every order of the times.
TEST_F(catalog_store_test, the_status_filter_is_the_rule) {
  std::vector<catalog_write> batch;
  std::map<std::string, sale_times> all;
  for (std::int64_t date = 1; date <= 3; ++date)
    for (std::int64_t start = 0; start <= 4; ++start)
      for (std::int64_t end = 0; end <= 4; ++end)
        for (const bool cancelled : {false, true}) {
          if (start > 0 && end > 0 && end <= start)
            continue;
          auto x = an_event(fmt::format("{} {} {} {}", date, start, end, cancelled));
          x.event.event_date = from_millis(date * 100);
          if (start > 0)
            x.event.sale_start = from_millis(start * 100);
          if (end > 0)
            x.event.sale_end = from_millis(end * 100);
          x.event.cancelled = cancelled;
          all.emplace(x.event.title, x.event.times());
          batch.push_back({std::move(x)});
        }
  for (const auto& written : target->commit(batch))
    ASSERT_EQ(written.status, commit_status::committed) << written.why.text;
  for (std::int64_t ms : {0, 99, 100, 101, 199, 200, 300, 399, 400, 500}) {
    now = from_millis(ms);
    std::size_t seen = 0;
    for (const auto status : {event_status::upcoming, event_status::on_sale, event_status::ended,
                              event_status::cancelled}) {
      event_filter filter;
      filter.status = status;
      filter.limit = 1000;
      for (const auto& title : titles(filter)) {
        EXPECT_EQ(status_at(all.at(title), now), status) << title << " at " << ms;
        ++seen;
      }
    }
    EXPECT_EQ(seen, all.size()) << "each event has exactly one status at " << ms;
    std::optional<time_point> first;
    for (const auto& [title, times] : all)
      if (const auto change = next_change(times, now); change && (!first || *change < *first))
        first = change;
    const auto told = queries->next_status_change(now);
    ASSERT_TRUE(told);
    if (first) {
      ASSERT_TRUE(*told);
      EXPECT_LE(**told, *first) << "at " << ms;
      EXPECT_GT(**told, now);
    }
  }
}

TEST_F(catalog_store_test, search_takes_wildcards_literally_and_letters_in_any_case) {
  for (const auto* title : {"100% Live", "100 Live", "a_b", "axb", "back\\slash", "backslash",
                            "Mira SOLÈNE", "은하수역의 밤"})
    ASSERT_EQ(put(an_event(title)).status, commit_status::committed);
  EXPECT_EQ(search("100%"), std::vector<std::string>{"100% Live"});
  EXPECT_EQ(search("a_b"), std::vector<std::string>{"a_b"});
  EXPECT_EQ(search("k\\s"), std::vector<std::string>{"back\\slash"});
  EXPECT_EQ(search("  mira   solène "), std::vector<std::string>{"Mira SOLÈNE"});
  EXPECT_EQ(search("하수역"), std::vector<std::string>{"은하수역의 밤"});
  EXPECT_EQ(search("' OR 1=1 --").size(), 0u);
  EXPECT_EQ(search("%").size(), 1u);
  EXPECT_EQ(search("venue").size(), 8u) << "the venue is searched too";
  EXPECT_EQ(search("").size(), 8u);
  EXPECT_EQ(search("\xff\xfe").size(), 0u);
}

TEST_F(catalog_store_test, search_knows_both_names_and_combines_with_the_status) {
  auto x = an_event("밤의 콘서트");
  x.event.artist_name = "은하수역";
  ASSERT_EQ(put(x).status, commit_status::committed);
  ASSERT_EQ(put(put_keyword{{"은하수역", "Milky Way Station", "artist"}}).status,
            commit_status::committed);
  EXPECT_EQ(search("milky way STATION").size(), 1u);
  EXPECT_EQ(search("milky way").size(), 0u);
  event_filter filter;
  filter.text = "milky way station";
  filter.status = event_status::cancelled;
  EXPECT_TRUE(titles(filter).empty());
  filter.status = event_status::on_sale;
  EXPECT_EQ(titles(filter).size(), 1u);
}

TEST_F(catalog_store_test, pages_are_in_a_stable_order_without_a_gap) {
  std::vector<catalog_write> batch;
  for (int i = 0; i < 23; ++i) {
    auto x = an_event("event " + std::to_string(i));
    if (i % 3 != 0)
      x.event.sale_start = from_millis(i % 2 == 0 ? 500 : 100);
    batch.push_back({std::move(x)});
  }
  ASSERT_EQ(target->commit(batch).size(), 23u);
  event_filter filter;
  filter.limit = 100;
  const auto whole = titles(filter);
  ASSERT_EQ(whole.size(), 23u);
  std::vector<std::string> pages;
  filter.limit = 5;
  for (filter.page = 1; filter.page <= 6; ++filter.page) {
    const auto page = titles(filter);
    EXPECT_EQ(page.size(), filter.page <= 4 ? 5u : filter.page == 5 ? 3u : 0u);
    pages.insert(pages.end(), page.begin(), page.end());
  }
  EXPECT_EQ(pages, whole);
  filter.page = 1;
  filter.limit = 100;
  const auto all = queries->events(filter, now);
  EXPECT_EQ(all->total, 23);
  for (std::size_t i = 1; i < all->events.size(); ++i) {
    const auto& a = all->events[i - 1].event;
    const auto& b = all->events[i].event;
    const auto key = [](const event_row& e) {
      return std::tuple(!e.sale_start, e.sale_start.value_or(time_point{}), to_string(e.id));
    };
    EXPECT_LT(key(a), key(b));
  }
}

TEST_F(catalog_store_test, prices_come_from_the_ticket_types_or_are_unknown) {
  auto x = an_event("with");
  x.types = {a_type("a", 300), a_type("b", 100), a_type("c", 200)};
  ASSERT_EQ(put(x).status, commit_status::committed);
  ASSERT_EQ(put(an_event("without")).status, commit_status::committed);
  const auto page = queries->events({}, now);
  for (const auto& item : page->events) {
    if (item.event.title == "with") {
      EXPECT_EQ(item.ticket_type_count, 3);
      EXPECT_EQ(item.min_price, 100);
      EXPECT_EQ(item.max_price, 300);
    } else {
      EXPECT_EQ(item.ticket_type_count, 0);
      EXPECT_EQ(item.min_price, std::nullopt);
      EXPECT_EQ(item.max_price, std::nullopt);
    }
  }
}

TEST_F(catalog_store_test, members_are_counted_once_per_message) {
  put_artist artist;
  artist.artist.id = id_of<artist_id>("artist");
  artist.artist.name = "Artist";
  ASSERT_EQ(put(artist).status, commit_status::committed);
  const auto told = [&](std::string_view message, const char* type) {
    domain_event e;
    e.id = name_based_uuid({}, message);
    e.type = type;
    e.payload = R"({"artistId":")" + to_string(artist.artist.id) + R"("})";
    const auto count = to_member_count(e);
    EXPECT_TRUE(count && *count) << type;
    return put(**count);
  };
  EXPECT_TRUE(told("1", "MEMBERSHIP_ACTIVATED").changed);
  EXPECT_FALSE(told("1", "MEMBERSHIP_ACTIVATED").changed);
  EXPECT_TRUE(told("2", "MEMBERSHIP_ACTIVATED").changed);
  EXPECT_EQ((*queries->artist(artist.artist.id))->member_count, 2);
  EXPECT_EQ(queries->artists(1, 10)->artists[0].member_count, 2);
  EXPECT_TRUE(told("3", "MEMBERSHIP_EXPIRED").changed);
  EXPECT_EQ((*queries->artist(artist.artist.id))->member_count, 1);

  domain_event other;
  other.id = name_based_uuid({}, "4");
  other.type = "PAYMENT_REJECTED";
  EXPECT_FALSE(*to_member_count(other));
  other.type = "MEMBERSHIP_ACTIVATED";
  other.payload = "{}";
  EXPECT_EQ(to_member_count(other).error().code, errc::invalid_request);
}

TEST_F(catalog_store_test, seeding_twice_keeps_the_first_start) {
  now = from_millis(1'771'754'400'000);
  const auto data = make_demo_data(now);
  const auto first = put(data);
  ASSERT_EQ(first.status, commit_status::committed) << first.why.text;
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.events, data.events.size() + data.artists.size());
  const auto before = queries->event(data.events[0].event.id);
  now += std::chrono::days{10};
  const auto second = put(make_demo_data(now));
  EXPECT_EQ(second.status, commit_status::committed);
  EXPECT_FALSE(second.changed);
  EXPECT_EQ(second.events, 0u);
  EXPECT_EQ(sent().size(), data.events.size() + data.artists.size());
  const auto after = queries->event(data.events[0].event.id);
  EXPECT_EQ((*after)->event.event_date, (*before)->event.event_date);
  EXPECT_EQ((*after)->event.updated_at, (*before)->event.updated_at);
  // What the search promises for the demo data.
  EXPECT_FALSE(search("mira solene").empty());
  EXPECT_FALSE(search("하버랜턴즈").empty());
  EXPECT_FALSE(search("basketball").empty());
  event_filter on_sale;
  on_sale.status = event_status::on_sale;
  EXPECT_GE(queries->events(on_sale, from_millis(1'771'754'400'000))->total, 12);
}

TEST_F(catalog_store_test, a_lost_connection_is_made_again) {
  ASSERT_EQ(put(an_event("a")).status, commit_status::committed);
  {
    auto other = open();
    other.session() << "ALTER TABLE events RENAME TO hidden";
    EXPECT_EQ(queries->events({}, now).error().code, errc::unavailable);
    EXPECT_EQ(put(an_event("b")).status, commit_status::failed);
    other.session() << "ALTER TABLE hidden RENAME TO events";
  }
  EXPECT_EQ(titles({}).size(), 1u);
  EXPECT_EQ(put(an_event("b")).status, commit_status::committed);
  EXPECT_EQ(titles({}).size(), 2u);
}

} // namespace
} // namespace tiketi::catalog
