#include "actors/community/demo_data.hpp"

#include "actors/catalog/name_id.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace tiketi::community {

namespace {

// Version 5 name space of the articles below.
constexpr uuid demo_space{{0x2c, 0x7a, 0x51, 0x0e, 0x38, 0xd4, 0x4b, 0x19, 0xa6, 0x63, 0x0d, 0xe1,
                           0x95, 0x7f, 0x42, 0xb8}};

struct article_plan {
  std::string_view name;
  std::string_view title;
  std::string_view content;
  std::int64_t views;
  int days_ago;
};

constexpr article_plan articles[] = {
    {"opening", "tiketi 서비스 정식 오픈!",
     "좌석 하나하나가 스스로 지켜지는 예매, tiketi가 문을 열었습니다.\n"
     "대기열은 들어온 순서 그대로, 결제된 좌석은 단 한 사람에게만.\n\n"
     "Welcome to tiketi.",
     125, 3},
    {"season", "상반기 콘서트 티켓 오픈 안내",
     "소극장부터 그랜드 돔까지, 상반기 공연의 예매 일정을 공연 페이지에서 확인하세요.\n"
     "예매 시작 1시간 전부터 대기할 수 있습니다.",
     89, 2},
    {"mobile", "모바일 앱 출시 예정",
     "더 편한 예매를 위해 모바일 앱을 준비하고 있습니다. 조금만 기다려 주세요.", 45, 1},
};

} // namespace

std::vector<news_row> make_demo_news(time_point first_start) {
  std::vector<news_row> out;
  for (const auto& plan : articles) {
    news_row row;
    row.id = news_id{catalog::name_based_uuid(demo_space, plan.name)};
    row.title = plan.title;
    row.content = plan.content;
    row.author = "관리자";
    row.views = plan.views;
    row.created_at = first_start - std::chrono::days{plan.days_ago};
    row.updated_at = row.created_at;
    out.push_back(std::move(row));
  }
  return out;
}

} // namespace tiketi::community
