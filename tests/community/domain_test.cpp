#include "actors/community/demo_data.hpp"
#include "actors/community/points.hpp"
#include "actors/community/view_counter.hpp"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::community {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000); // 2026-02-22T10:00:00Z

uuid item(std::uint8_t n) {
  uuid out;
  out.bytes[15] = n;
  return out;
}

view_counter counter(std::chrono::milliseconds period = 60s, std::size_t viewers = 10,
                     std::size_t items = 10) {
  return view_counter{view_limits{period, viewers, items}};
}

TEST(view_counter_test, one_view_per_viewer_item_and_period) {
  auto views = counter();
  views.seen(item(1), "ada", start);
  views.seen(item(1), "ada", start + 59s);
  EXPECT_EQ(views.unsaved(item(1)), 1);
  views.seen(item(1), "bob", start + 59s);
  views.seen(item(2), "ada", start + 59s);
  EXPECT_EQ(views.unsaved(item(1)), 2);
  EXPECT_EQ(views.unsaved(item(2)), 1);
  views.seen(item(1), "ada", start + 60s);
  EXPECT_EQ(views.unsaved(item(1)), 3) << "the period counts from the view that was counted";
}

TEST(view_counter_test, nobody_is_not_counted_and_no_period_counts_each) {
  auto views = counter(0s);
  views.seen(item(1), "", start);
  EXPECT_EQ(views.unsaved(item(1)), 0);
  views.seen(item(1), "ada", start);
  views.seen(item(1), "ada", start);
  EXPECT_EQ(views.unsaved(item(1)), 2);
}

TEST(view_counter_test, views_under_way_still_count_until_they_are_stored) {
  auto views = counter();
  views.seen(item(1), "ada", start);
  EXPECT_EQ(views.take(), (std::vector<std::pair<uuid, std::int64_t>>{{item(1), 1}}));
  views.seen(item(1), "bob", start);
  EXPECT_EQ(views.unsaved(item(1)), 2);
  EXPECT_TRUE(views.take().empty()) << "one part at a time";
  views.stored(true);
  EXPECT_EQ(views.unsaved(item(1)), 1);
  EXPECT_EQ(views.take().size(), 1u);
  views.stored(false);
  EXPECT_EQ(views.unsaved(item(1)), 1) << "not in the store: kept";
  EXPECT_EQ(views.take(), (std::vector<std::pair<uuid, std::int64_t>>{{item(1), 1}}));
}

TEST(view_counter_test, memory_is_bounded) {
  auto views = counter(60s, 3, 2);
  for (int i = 0; i < 100; ++i)
    views.seen(item(1), "viewer" + std::to_string(i), start + std::chrono::milliseconds{i});
  EXPECT_EQ(views.viewers(), 3u);
  EXPECT_EQ(views.unsaved(item(1)), 100);
  views.seen(item(1), "viewer99", start + 1s);
  EXPECT_EQ(views.unsaved(item(1)), 100) << "the latest are remembered";
  views.seen(item(2), "ada", start + 1s);
  views.seen(item(3), "ada", start + 1s);
  EXPECT_EQ(views.unsaved(item(2)), 1);
  EXPECT_EQ(views.unsaved(item(3)), 0) << "no room for a third item";
}

TEST(points_test, a_business_day_begins_at_midnight_in_korea) {
  const auto before = parse_iso("2026-02-22T14:59:59.999Z").value();
  const auto after = parse_iso("2026-02-22T15:00:00.000Z").value();
  EXPECT_EQ(business_day(before) + 1, business_day(after));
  EXPECT_EQ(business_day(after), business_day(after + 23h));
}

TEST(points_test, words_and_numbers_are_those_of_the_contract) {
  EXPECT_EQ(to_string_view(point_action::news), "NEWS_CREATION");
  EXPECT_EQ(to_string_view(point_action::post), "COMMUNITY_POST");
  EXPECT_EQ(to_string_view(point_action::comment), "COMMUNITY_COMMENT");
  for (const auto a : {point_action::news, point_action::post, point_action::comment})
    EXPECT_EQ(parse_point_action(to_string_view(a)), a);
  EXPECT_FALSE(parse_point_action("LOGIN"));
  EXPECT_EQ(points_for(point_action::news), 30);
  EXPECT_EQ(points_for(point_action::post), 30);
  EXPECT_EQ(points_for(point_action::comment), 10);
}

TEST(points_test, events_say_all_and_have_one_id_each) {
  point_award award{user_id{item(7)}, point_action::post, 30, item(8), artist_id{item(9)}};
  const auto earned = earned_event(award, start);
  EXPECT_EQ(earned.topic, "community-events");
  EXPECT_EQ(earned.type, "POINTS_EARNED");
  EXPECT_EQ(earned.key, to_string(item(7)));
  EXPECT_EQ(earned.occurred_at, start);
  EXPECT_EQ(nlohmann::json::parse(earned.payload),
            (nlohmann::json{{"type", "POINTS_EARNED"},
                            {"userId", to_string(item(7))},
                            {"actionType", "COMMUNITY_POST"},
                            {"points", 30},
                            {"description", "커뮤니티 글 작성"},
                            {"referenceId", to_string(item(8))},
                            {"artistId", to_string(item(9))},
                            {"timestamp", "2026-02-22T10:00:00.000Z"}}));
  EXPECT_EQ(earned_event(award, start + 1s).id, earned.id);
  EXPECT_NE(revoked_event(award, start).id, earned.id);
  EXPECT_EQ(revoked_event(award, start).type, "POINTS_REVOKED");
  award.artist.reset();
  EXPECT_TRUE(nlohmann::json::parse(earned_event(award, start).payload)["artistId"].is_null());
}

TEST(demo_news_test, what_the_browser_tests_rely_on) {
  const auto news = make_demo_news(start);
  ASSERT_EQ(news.size(), 3u);
  std::set<std::string> ids;
  for (const auto& n : news) {
    ids.insert(to_string(n.id));
    EXPECT_EQ(n.title.find("공지사항"), std::string::npos);
    EXPECT_EQ(n.content.find("공지사항"), std::string::npos);
    EXPECT_LT(n.created_at, start);
    EXPECT_TRUE(n.author_id.is_nil());
  }
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_EQ(make_demo_news(start + 1h).front().id, news.front().id);
}

} // namespace
} // namespace tiketi::community
