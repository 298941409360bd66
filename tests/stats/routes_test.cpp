#include "net/routes/stats.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

namespace tiketi::net {
namespace {

using stats::get_report;
using stats::report_kind;

stats::stats_actor::behavior_type answers(stats::stats_actor::pointer, get_report* asked) {
  return {[asked](const get_report& query) {
    *asked = query;
    return stats::report{std::make_shared<const std::string>(R"({"success":true,"data":[]})")};
  }};
}

class stats_routes_test : public test::actor_test {
protected:
  void SetUp() override {
    target = sys.spawn(answers, &asked);
    add_stats_routes(routes, {target});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });
  }

  void TearDown() override {
    caller.reset();
    self->send_exit(target, caf::exit_reason::user_shutdown);
    sched.run();
  }

  test::fake_exchange_ptr get(const std::string& path,
                              std::vector<std::pair<std::string, std::string>> query = {},
                              const std::string& role = "admin") {
    request r;
    r.method = verb::get;
    r.path = "/api/stats/" + path;
    r.query = std::move(query);
    if (!role.empty())
      r.who = identity{user_id{make_uuid(*env)}, "x@example.com", role};
    asked = get_report{};
    asked.limit = -1;
    return caller->call(std::move(r));
  }

  get_report asked;
  stats::stats_actor target;
  router routes;
  std::unique_ptr<test::route_caller> caller;
};

TEST_F(stats_routes_test, every_report_is_for_administrators) {
  EXPECT_EQ(routes.all().size(), 14u);
  for (const auto& r : routes.all()) {
    auto path = r->pattern.substr(std::string{"/api/stats/"}.size());
    if (path.ends_with("{id}"))
      path = "events/00000000-0000-0000-0000-000000000001";
    EXPECT_EQ(get(path, {}, "")->status(), 401) << path;
    EXPECT_EQ(get(path, {}, "user")->status(), 403) << path;
    EXPECT_EQ(asked.limit, -1) << "nobody was asked";
    const auto x = get(path);
    EXPECT_EQ(x->status(), 200) << path;
    EXPECT_EQ(x->json()["success"], true);
  }
}

TEST_F(stats_routes_test, days_and_limit_are_clamped) {
  for (const auto& [path, text, days] : std::vector<std::tuple<std::string, std::string, int>>{
           {"daily", "", 30},
           {"daily", "7", 7},
           {"daily", "0", 30},
           {"daily", "-5", 30},
           {"daily", "9999", 365},
           {"daily", "99999999999999999999", 365},
           {"hourly-traffic", "", 7},
           {"hourly-traffic", "365", 90},
           {"conversion", "1", 1}}) {
    EXPECT_EQ(get(path, {{"days", text}})->status(), 200);
    EXPECT_EQ(asked.days, days) << path << ' ' << text;
  }
  get("events", {{"limit", "500"}, {"sortBy", "occupancy"}});
  EXPECT_EQ(asked.limit, 100);
  EXPECT_EQ(asked.sort, stats::sort_key::occupancy);
  get("events", {{"limit", "-1"}, {"sortBy", "colour"}});
  EXPECT_EQ(asked.limit, 10);
  EXPECT_EQ(asked.sort, stats::sort_key::revenue);
  get("revenue", {{"period", "weekly"}});
  EXPECT_EQ(asked.period, stats::report_period::weekly);
  get("revenue", {{"period", "yearly"}});
  EXPECT_EQ(asked.period, stats::report_period::daily);
}

TEST_F(stats_routes_test, words_where_numbers_belong_are_400) {
  for (const auto& [path, name] : std::vector<std::pair<std::string, std::string>>{
           {"daily", "days"}, {"events", "limit"}, {"seat-preferences", "eventId"}}) {
    const auto x = get(path, {{name, "many"}});
    EXPECT_EQ(x->status(), 400) << path;
    EXPECT_EQ(x->json()["fields"][0]["field"], name);
  }
  EXPECT_EQ(get("events/many")->status(), 400);
  EXPECT_EQ(asked.limit, -1);
}

TEST_F(stats_routes_test, an_event_may_be_named) {
  const std::string id = "00000000-0000-4000-8000-000000000001";
  get("seat-preferences");
  EXPECT_FALSE(asked.event);
  get("seat-preferences", {{"eventId", id}});
  EXPECT_EQ(asked.event, parse_id<event_id>(id));
  get("events/" + id);
  EXPECT_EQ(asked.event, parse_id<event_id>(id));
  EXPECT_EQ(asked.kind, report_kind::event);
}

} // namespace
} // namespace tiketi::net
