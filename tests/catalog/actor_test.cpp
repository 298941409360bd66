#include "actors/catalog/catalog_actor.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/catalog/role.hpp"
#include "net/routes/catalog.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

#include <map>
#include <string>
#include <vector>

namespace tiketi::catalog {
namespace {

using namespace std::chrono_literals;

template <class Id>
Id id_of(std::string_view name) {
  return Id{name_based_uuid({}, name)};
}

/// A catalog that a test can hold in its hand.
class fake_queries final : public catalog_queries {
public:
  result<event_page> events(const event_filter& filter, time_point) override {
    ++reads;
    if (broken)
      return failure{errc::unavailable};
    last = filter;
    event_page page;
    for (const auto& [id, detail] : all)
      page.events.push_back({detail.event, static_cast<std::int64_t>(detail.types.size()), {}, {}});
    page.total = 25;
    return page;
  }

  result<std::optional<event_detail>> event(event_id id) override {
    ++reads;
    if (broken)
      return failure{errc::unavailable};
    const auto found = all.find(id);
    return found == all.end() ? std::optional<event_detail>{} : found->second;
  }

  result<artist_page> artists(std::int32_t, std::int32_t) override {
    ++reads;
    artist_page page;
    artist_row row;
    row.id = id_of<artist_id>("artist");
    row.name = "Artist";
    page.artists.push_back({row, 3});
    page.total = 1;
    return page;
  }

  result<std::optional<artist_detail>> artist(artist_id id) override {
    ++reads;
    if (id != id_of<artist_id>("artist"))
      return std::optional<artist_detail>{};
    artist_detail out;
    out.artist.id = id;
    out.artist.name = "Artist";
    for (const auto& [key, detail] : all)
      out.events.push_back({detail.event, 0, {}, {}});
    return std::optional(out);
  }

  result<std::optional<time_point>> next_status_change(time_point) override { return change; }

  std::map<event_id, event_detail> all;
  std::optional<time_point> change;
  event_filter last;
  std::size_t reads = 0;
  bool broken = false;
};

class fake_target final : public catalog_target {
public:
  std::vector<catalog_written> commit(std::vector<catalog_write>& batch) override {
    return std::vector<catalog_written>(batch.size(), outcome);
  }

  catalog_written outcome{commit_status::committed, {}, true, 1};
};

/// The ticket role's reader, as far as the catalog asks it.
ticket::reader_actor::behavior_type stock_reader(ticket::reader_actor::pointer, bool* fails) {
  return {
      [](const ticket::get_reservation&) -> caf::result<ticket::reservation_view> {
        return to_caf(errc::not_found);
      },
      [](const ticket::list_reservations&) -> caf::result<ticket::reservation_list> {
        return ticket::reservation_list{};
      },
      [fails](const ticket::get_ticket_types& q) -> caf::result<ticket::ticket_type_list> {
        if (*fails)
          return to_caf(errc::unavailable);
        return ticket::ticket_type_list{
            {{id_of<ticket_type_id>("t"), q.event, "Standing", "text", 1000, 10, 4}}};
      },
      [](const ticket::get_availability&) -> caf::result<ticket::ticket_type_view> {
        return to_caf(errc::not_found);
      },
      [](const ticket::get_layouts&) -> caf::result<ticket::layout_list> {
        return ticket::layout_list{};
      },
  };
}

class catalog_actor_test : public test::actor_test {
protected:
  void SetUp() override {
    event_detail detail;
    detail.event.id = one;
    detail.event.title = "One";
    detail.event.venue = "Venue";
    detail.event.event_date = epoch + 24h;
    detail.event.sale_start = epoch - 1h;
    detail.event.artist = id_of<artist_id>("artist");
    detail.event.artist_name = "Artist";
    store->all.emplace(one, detail);
    start({});
  }

  void start(catalog_options options) {
    stock = sys.spawn(stock_reader, &stock_fails);
    relay = sys.spawn([this](relay_actor::pointer) -> relay_actor::behavior_type {
      return {[this](outbox_grew) { ++relayed; }};
    });
    db = sys.spawn(reader, env.get(), std::shared_ptr<catalog_queries>(store));
    out = sys.spawn(writer<catalog_write, catalog_written>, std::shared_ptr<catalog_target>(target),
                    writer_options{}, batch_observer{});
    shop = sys.spawn(catalog, env.get(), std::make_shared<catalog_metrics>(registry), options, out,
                     std::vector<reader_actor>{db}, stock, relay);
    sched.run();
  }

  void TearDown() override { stop_all(); }

  void stop_all() {
    for (const auto& a : {caf::actor_cast<caf::actor>(shop), caf::actor_cast<caf::actor>(out),
                          caf::actor_cast<caf::actor>(db), caf::actor_cast<caf::actor>(relay),
                          caf::actor_cast<caf::actor>(stock)})
      self->send_exit(a, caf::exit_reason::user_shutdown);
    sched.run();
  }

  nlohmann::json json_of(const result<answer>& a) {
    EXPECT_TRUE(a) << (a ? "" : a.error().text);
    return a ? nlohmann::json::parse(*a->body) : nlohmann::json();
  }

  event_id one = id_of<event_id>("one");
  std::shared_ptr<fake_queries> store = std::make_shared<fake_queries>();
  std::shared_ptr<fake_target> target = std::make_shared<fake_target>();
  prometheus::Registry registry;
  bool stock_fails = false;
  std::size_t relayed = 0;
  ticket::reader_actor stock;
  relay_actor relay;
  reader_actor db;
  catalog_writer out;
  catalog_actor shop;
};

TEST_F(catalog_actor_test, one_read_serves_everybody_for_a_second) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(ask<answer>(shop, get_events{}));
  EXPECT_EQ(store->reads, 1u);
  advance(999ms);
  ASSERT_TRUE(ask<answer>(shop, get_events{}));
  EXPECT_EQ(store->reads, 1u);
  advance(1ms);
  ASSERT_TRUE(ask<answer>(shop, get_events{}));
  EXPECT_EQ(store->reads, 2u);
  get_events other;
  other.filter.page = 2;
  ASSERT_TRUE(ask<answer>(shop, other));
  EXPECT_EQ(store->reads, 3u) << "another page is another answer";
}

TEST_F(catalog_actor_test, requests_join_a_read_that_is_under_way) {
  auto a = self->request(shop, caf::infinite, get_event{one});
  auto b = self->request(shop, caf::infinite, get_event{one});
  sched.run();
  std::vector<std::shared_ptr<const std::string>> bodies;
  auto keep = [&](const answer& x) { bodies.push_back(x.body); };
  auto fail = [](const caf::error&) { ADD_FAILURE(); };
  a.receive(keep, fail);
  b.receive(keep, fail);
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_EQ(bodies[0], bodies[1]) << "the very same body";
  EXPECT_EQ(store->reads, 1u);
}

TEST_F(catalog_actor_test, an_answer_ends_where_a_status_changes) {
  store->change = epoch + 300ms;
  ASSERT_TRUE(ask<answer>(shop, get_events{}));
  advance(299ms);
  ASSERT_TRUE(ask<answer>(shop, get_events{}));
  EXPECT_EQ(store->reads, 1u);
  advance(1ms);
  store->change.reset();
  ASSERT_TRUE(ask<answer>(shop, get_events{}));
  EXPECT_EQ(store->reads, 2u);
}

TEST_F(catalog_actor_test, the_event_page_follows_the_clock) {
  store->all.at(one).event.sale_start = epoch + 200ms;
  EXPECT_EQ(json_of(ask<answer>(shop, get_event{one}))["event"]["status"], "upcoming");
  advance(199ms);
  EXPECT_EQ(json_of(ask<answer>(shop, get_event{one}))["event"]["status"], "upcoming");
  advance(1ms);
  EXPECT_EQ(json_of(ask<answer>(shop, get_event{one}))["event"]["status"], "on_sale");
}

TEST_F(catalog_actor_test, the_event_page_has_all_fields_and_the_availability) {
  const auto body = json_of(ask<answer>(shop, get_event{one}));
  const auto& e = body["event"];
  for (const auto* key :
       {"id", "title", "description", "venue", "address", "event_date", "sale_start_date",
        "sale_end_date", "poster_image_url", "status", "seat_layout_id", "artist_name", "artist_id",
        "pre_scaled", "created_by", "created_at", "updated_at", "ticketTypes"})
    EXPECT_TRUE(e.contains(key)) << key;
  EXPECT_EQ(e["event_date"], "2026-02-23T10:00:00.000Z");
  EXPECT_TRUE(e["sale_end_date"].is_null());
  ASSERT_EQ(body["ticketTypes"].size(), 1u);
  EXPECT_EQ(body["ticketTypes"][0]["available_quantity"], 4);
  EXPECT_EQ(body["ticketTypes"][0]["total_quantity"], 10);
  EXPECT_EQ(body["ticketTypes"], e["ticketTypes"]);
  EXPECT_EQ(body["preSaleSchedule"]["gold"], "2026-02-22T10:00:00.000Z");
  EXPECT_EQ(body["preSaleSchedule"]["bronze"], "2026-02-24T09:00:00.000Z");
}

TEST_F(catalog_actor_test, without_artist_or_start_there_is_no_schedule) {
  store->all.at(one).event.sale_start.reset();
  EXPECT_FALSE(json_of(ask<answer>(shop, get_event{one})).contains("preSaleSchedule"));
}

TEST_F(catalog_actor_test, without_the_ticket_role_the_page_shows_no_types) {
  stock_fails = true;
  const auto body = json_of(ask<answer>(shop, get_event{one}));
  EXPECT_EQ(body["event"]["title"], "One");
  EXPECT_EQ(body["ticketTypes"], nlohmann::json::array());
  EXPECT_EQ(body["event"]["ticketTypes"], nlohmann::json::array());
}

TEST_F(catalog_actor_test, what_is_not_there_is_remembered_but_a_failure_is_not) {
  const auto nowhere = id_of<event_id>("nowhere");
  EXPECT_EQ(ask<answer>(shop, get_event{nowhere}).error(),
            (failure{errc::not_found, "Event not found"}));
  EXPECT_EQ(ask<answer>(shop, get_event{nowhere}).error().code, errc::not_found);
  EXPECT_EQ(store->reads, 1u);
  store->broken = true;
  EXPECT_EQ(ask<answer>(shop, get_events{}).error().code, errc::unavailable);
  store->broken = false;
  EXPECT_TRUE(ask<answer>(shop, get_events{}));
}

TEST_F(catalog_actor_test, a_brief_says_what_the_queue_needs) {
  const auto brief = ask<event_brief>(shop, get_brief{one});
  ASSERT_TRUE(brief);
  EXPECT_EQ(brief->title, "One");
  EXPECT_EQ(brief->artist, "Artist");
  EXPECT_EQ(brief->sale_start, epoch - 1h);
  EXPECT_EQ(brief->sale_end, epoch + 24h) << "at the latest when the event begins";
  ASSERT_TRUE(ask<event_brief>(shop, get_brief{one}));
  EXPECT_EQ(store->reads, 1u);
  const briefs_view view = shop;
  EXPECT_EQ(ask<event_brief>(view, get_brief{id_of<event_id>("nowhere")}).error().code,
            errc::not_found);
}

TEST_F(catalog_actor_test, who_asks_after_a_write_sees_it) {
  EXPECT_EQ(json_of(ask<answer>(shop, get_event{one}))["event"]["title"], "One");
  store->all.at(one).event.title = "Two";
  ASSERT_TRUE(ask<catalog_written>(shop, catalog_write{put_event{}}));
  EXPECT_EQ(relayed, 1u);
  EXPECT_EQ(json_of(ask<answer>(shop, get_event{one}))["event"]["title"], "Two");
}

TEST_F(catalog_actor_test, the_outcome_of_a_write_is_told) {
  target->outcome = {commit_status::rejected, {errc::conflict, "no"}, false, 0};
  EXPECT_EQ(ask<catalog_written>(shop, catalog_write{put_event{}}).error(),
            (failure{errc::conflict, "no"}));
  target->outcome = {commit_status::failed, {}, false, 0};
  EXPECT_EQ(ask<catalog_written>(shop, catalog_write{put_event{}}).error().code, errc::unavailable);
  EXPECT_EQ(relayed, 0u);
  target->outcome = {commit_status::unknown, {}, false, 0};
  EXPECT_EQ(ask<catalog_written>(shop, catalog_write{put_event{}}).error().code, errc::in_doubt);
  EXPECT_EQ(relayed, 1u) << "it may have been written";
}

TEST_F(catalog_actor_test, over_its_bounds_it_refuses_at_once) {
  stop_all();
  catalog_options options;
  options.reads_max = 2;
  options.waiting_max = 3;
  start(options);
  std::vector<std::string> asked{"a", "b", "c", "a", "a"};
  std::size_t refused = 0;
  std::size_t missing = 0;
  using handle = decltype(self->request(shop, caf::infinite, get_event{one}));
  std::vector<handle> pending;
  for (const auto& name : asked)
    pending.push_back(self->request(shop, caf::infinite, get_event{id_of<event_id>(name)}));
  sched.run();
  for (auto& p : pending)
    p.receive([](const answer&) { ADD_FAILURE(); },
              [&](const caf::error& err) {
                refused += to_failure(err).code == errc::overloaded;
                missing += to_failure(err).code == errc::not_found;
              });
  EXPECT_EQ(missing, 3u) << "a, b, and one who joined a";
  EXPECT_EQ(refused, 2u) << "c: too many reads; the last a: too many waiters";
}

// -- routes ------------------------------------------------------------------------------------

class catalog_routes_test : public catalog_actor_test {
protected:
  test::fake_exchange_ptr get(std::string path,
                              std::vector<std::pair<std::string, std::string>> query = {}) {
    net::router routes;
    net::add_catalog_routes(routes, {shop});
    test::route_caller caller(sys, *env, routes, [this] { sched.run(); });
    net::request r;
    r.method = net::verb::get;
    r.path = std::move(path);
    r.query = std::move(query);
    auto x = caller.call(std::move(r));
    EXPECT_EQ(x->replies(), 1u);
    return x;
  }
};

TEST_F(catalog_routes_test, the_list_has_the_contract_s_fields) {
  const auto x = get("/api/events");
  ASSERT_EQ(x->status(), 200);
  const auto body = x->json();
  ASSERT_EQ(body["events"].size(), 1u);
  for (const auto* key : {"id", "title", "description", "venue", "address", "event_date",
                          "sale_start_date", "sale_end_date", "poster_image_url", "status",
                          "artist_name", "ticket_type_count", "min_price", "max_price"})
    EXPECT_TRUE(body["events"][0].contains(key)) << key;
  EXPECT_TRUE(body["events"][0]["min_price"].is_null());
  EXPECT_EQ(body["events"][0]["status"], "on_sale");
  EXPECT_EQ(body["pagination"],
            (nlohmann::json{{"page", 1}, {"limit", 10}, {"total", 25}, {"totalPages", 3}}));
}

TEST_F(catalog_routes_test, paging_is_clamped_and_words_are_refused) {
  struct row {
    std::string page;
    std::string limit;
    std::int32_t page_used;
    std::int32_t limit_used;
  };
  for (const auto& r :
       std::vector<row>{{"0", "0", 1, 1},
                        {"-7", "-7", 1, 1},
                        {"2", "12", 2, 12},
                        {"3", "101", 3, 100},
                        {"99999999999999999999", "99999999999999999999", 1'000'000, 100},
                        {"-99999999999999999999", "1", 1, 1},
                        {"", "", 1, 10}}) {
    const auto x = get("/api/events", {{"page", r.page}, {"limit", r.limit}});
    ASSERT_EQ(x->status(), 200) << r.page << ' ' << r.limit;
    EXPECT_EQ(x->json()["pagination"]["page"], r.page_used);
    EXPECT_EQ(x->json()["pagination"]["limit"], r.limit_used);
  }
  for (const std::string word : {"x", "1x", "1.5", "0x10", " 1", "+1", "1 "}) {
    EXPECT_EQ(get("/api/events", {{"page", word}})->status(), 400) << word;
    EXPECT_EQ(get("/api/artists", {{"limit", word}})->status(), 400) << word;
  }
}

TEST_F(catalog_routes_test, filters_reach_the_store_folded) {
  ASSERT_EQ(get("/api/events", {{"status", "on_sale"}, {"q", "  Neon  ORCHARD "}})->status(), 200);
  EXPECT_EQ(store->last.text, "neon orchard");
  EXPECT_EQ(store->last.status, event_status::on_sale);
  ASSERT_EQ(get("/api/events", {{"status", " "}, {"q", " "}})->status(), 200);
  EXPECT_EQ(store->last.text, "");
  EXPECT_EQ(store->last.status, std::nullopt);
  const auto none = get("/api/events", {{"status", "sold_out"}});
  EXPECT_EQ(none->status(), 200);
  EXPECT_TRUE(none->json()["events"].empty());
  EXPECT_EQ(none->json()["pagination"]["total"], 0);
  EXPECT_EQ(get("/api/events", {{"q", std::string(256, 'a')}})->status(), 400);
  EXPECT_EQ(get("/api/events", {{"q", "\xff\xfe'%_\\"}})->status(), 200);
}

TEST_F(catalog_routes_test, an_unknown_or_wrong_id_is_said_so) {
  EXPECT_EQ(get("/api/events/" + to_string(one))->status(), 200);
  const auto missing = get("/api/events/00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(missing->status(), 404);
  EXPECT_EQ(missing->json()["error"], "Event not found");
  EXPECT_EQ(get("/api/events/nonsense")->status(), 400);
  EXPECT_EQ(get("/api/artists/nonsense")->status(), 400);
  const auto artist = get("/api/artists/00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(artist->status(), 404);
  EXPECT_EQ(artist->json()["error"], "Artist not found");
}

TEST_F(catalog_routes_test, artists_have_the_contract_s_fields) {
  const auto list = get("/api/artists")->json();
  for (const auto* key : {"id", "name", "image_url", "description", "membership_price",
                          "created_at", "event_count", "member_count"})
    EXPECT_TRUE(list["artists"][0].contains(key)) << key;
  EXPECT_EQ(list["artists"][0]["event_count"], 3);
  EXPECT_EQ(list["pagination"]["limit"], 50);
  const auto detail = get("/api/artists/" + to_string(id_of<artist_id>("artist")))->json();
  EXPECT_TRUE(detail["artist"].contains("updated_at"));
  EXPECT_EQ(detail["memberCount"], 0);
  ASSERT_EQ(detail["events"].size(), 1u);
  EXPECT_EQ(detail["events"][0]["pre_sale_schedule"]["diamond"], "2026-02-22T09:00:00.000Z");
  for (const auto* key : {"id", "title", "venue", "event_date", "sale_start_date", "sale_end_date",
                          "status", "poster_image_url", "min_price", "max_price"})
    EXPECT_TRUE(detail["events"][0].contains(key)) << key;
}

} // namespace
} // namespace tiketi::catalog
