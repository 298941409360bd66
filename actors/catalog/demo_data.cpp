#include "actors/catalog/demo_data.hpp"

#include "actors/catalog/layout.hpp"
#include "actors/catalog/name_id.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace tiketi::catalog {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;

// Version 5 name space of everything in this file.
constexpr uuid demo_space{{0x6f, 0x1d, 0x0c, 0x52, 0x9b, 0x3e, 0x4a, 0x77, 0x8e, 0x21, 0x5b, 0x90,
                           0x44, 0xc8, 0x17, 0xd3}};

template <class Id>
Id demo_id(std::string_view kind, std::string_view name) {
  return Id{name_based_uuid(demo_space, fmt::format("{}/{}", kind, name))};
}

struct artist_plan {
  std::string_view name;
  std::string_view description;
  std::string_view korean; ///< other names, for searching
  std::string_view english;
};

constexpr artist_plan artists[] = {
    {"Harbor Lanterns", "부산에서 시작한 5인조 밴드. Sea-side synth pop with brass.", "하버랜턴즈",
     "Harbor Lanterns"},
    {"은하수역", "기타와 첼로, 그리고 두 목소리. Folk duo.", "은하수역", "Milky Way Station"},
    {"Paper Comets", "Six dancers, one vocoder. 퍼포먼스 그룹.", "페이퍼코메츠", "Paper Comets"},
    {"달그림자", "국악과 전자음악을 잇는 4인조. Korean traditional electronica.", "달그림자",
     "Moon Shade"},
    {"Neon Orchard", "Stadium pop from a basement studio. 7인조 보컬 그룹.", "네온오차드",
     "Neon Orchard"},
    {"새벽정류장", "잔잔한 어쿠스틱 트리오. Acoustic trio.", "새벽정류장", "Dawn Bus Stop"},
    {"Mira Solène", "Chanson and jazz, sung in three languages. 재즈 보컬리스트.", "미라솔렌",
     "Mira Solene"},
    {"한결필하모닉", "젊은 연주자들의 오케스트라. A young philharmonic.", "한결필하모닉",
     "Hangyeol Philharmonic"},
};

struct layout_plan {
  std::string_view name;
  std::string_view description;
  std::vector<layout_section> sections;
};

std::vector<layout_plan> layouts() {
  std::vector<layout_plan> out{
      {"studio_theater",
       "스튜디오 소극장 (500석)",
       {{"VIP", 4, 20, 110'000, 1}, {"R", 8, 25, 88'000, 5}, {"S", 11, 20, 66'000, 13}}},
      {"large_theater",
       "대극장 (1250석)",
       {{"VIP", 5, 20, 180'000, 1},
        {"R", 10, 30, 140'000, 6},
        {"S", 15, 30, 100'000, 16},
        {"A", 10, 40, 70'000, 31}}},
      {"sports_stadium",
       "실내체육관 (4900석)",
       {{"Floor", 20, 50, 120'000, 1},
        {"Lower", 30, 60, 90'000, 21},
        {"Upper", 30, 70, 60'000, 51}}},
  };
  layout_plan dome{"grand_dome", "그랜드 돔 (20000석)", {}};
  for (const std::string_view block : {"Floor A", "Floor B", "Floor C"})
    dome.sections.push_back({std::string(block), 20, 50, 165'000, 1});
  for (const std::string_view side : {"East", "West", "South", "North"})
    dome.sections.push_back({fmt::format("1F {}", side), 25, 80, 132'000, 1});
  for (const std::string_view side : {"East", "West", "South", "North"})
    dome.sections.push_back({fmt::format("2F {}", side), 25, 90, 99'000, 1});
  out.push_back(std::move(dome));
  return out;
}

struct type_plan {
  std::string_view name;
  std::int64_t price;
  std::int32_t total;
  std::string_view description;
};

struct event_plan {
  std::string_view title;
  std::string_view artist; ///< empty: none
  std::string_view venue;
  std::string_view address;
  std::string_view layout; ///< empty: standing
  int event_day;           ///< days after the first start, 19:00 in Korea
  int sale_from;           ///< days, 10:00 in Korea
  int sale_to;             ///< days, 23:59 in Korea
  std::string_view description;
  std::vector<type_plan> types;
  bool cancelled = false;
};

struct hall {
  std::string_view name;
  std::string_view address;
};

constexpr hall studio{"성내스튜디오 블랙박스", "서울특별시 강동구 성내로 77"};
constexpr hall theater{"한빛아트센터 대극장", "서울특별시 중구 한빛길 12"};
constexpr hall gym{"노을실내체육관", "인천광역시 연수구 노을로 300"};
constexpr hall dome{"Seohae Grand Dome", "경기도 화성시 서해대로 1000"};
constexpr hall club{"Club Undertow", "서울특별시 마포구 물결길 21"};
constexpr hall field{"강바람공원 잔디마당", "서울특별시 광진구 강바람로 5"};

std::vector<event_plan> events() {
  return {
      // On sale, seated.
      {"은하수역 소극장 콘서트: 첫 번째 밤",
       "은하수역",
       studio.name,
       studio.address,
       "studio_theater",
       21,
       -5,
       20,
       "500석 소극장에서 가까이 듣는 어쿠스틱 공연.",
       {}},
      {"새벽정류장 – Last Stop, First Light",
       "새벽정류장",
       studio.name,
       studio.address,
       "studio_theater",
       24,
       -4,
       23,
       "해 뜨기 전의 노래들. Songs for the hour before dawn.",
       {}},
      {"Mira Solène: Nuit Claire in Seoul",
       "Mira Solène",
       studio.name,
       studio.address,
       "studio_theater",
       33,
       -3,
       32,
       "An evening of chanson in a small room.",
       {}},
      {"뮤지컬 〈유리정원〉",
       "",
       theater.name,
       theater.address,
       "large_theater",
       30,
       -7,
       29,
       "유리로 지은 정원에 남은 마지막 정원사의 이야기.",
       {}},
      {"한결필하모닉 정기연주회: 바다의 교향곡",
       "한결필하모닉",
       theater.name,
       theater.address,
       "large_theater",
       40,
       -3,
       39,
       "드뷔시와 창작 초연. Sea symphonies, old and new.",
       {}},
      {"달그림자 단독공연 – 月影",
       "달그림자",
       theater.name,
       theater.address,
       "large_theater",
       45,
       -3,
       44,
       "가야금과 모듈러 신스가 만나는 밤.",
       {}},
      {"Paper Comets 1ST ARENA SHOW",
       "Paper Comets",
       gym.name,
       gym.address,
       "sports_stadium",
       35,
       -6,
       34,
       "First arena date, with a 24-piece dance crew.",
       {}},
      {"농구 결승전: 노을 vs 한빛",
       "",
       gym.name,
       gym.address,
       "sports_stadium",
       18,
       -8,
       17,
       "시즌의 마지막 경기. The final of the season.",
       {}},
      {"Neon Orchard WORLD TOUR: Bloom",
       "Neon Orchard",
       dome.name,
       dome.address,
       "grand_dome",
       60,
       -3,
       59,
       "2만 석 돔에서 열리는 월드투어의 시작. Opening night in the dome.",
       {}},
      {"Harbor Lanterns – Lighthouse Tour Final",
       "Harbor Lanterns",
       dome.name,
       dome.address,
       "grand_dome",
       75,
       -3,
       74,
       "스물두 도시를 지나 돌아온 마지막 밤.",
       {}},
      // On sale, standing.
      {"Harbor Lanterns Club Night",
       "Harbor Lanterns",
       club.name,
       club.address,
       "",
       16,
       -5,
       15,
       "작은 클럽에서 여는 스탠딩 공연.",
       {{"스탠딩 일반", 77'000, 500, "입장 번호 순 입장"},
        {"스탠딩 얼리버드", 59'000, 100, "먼저 사는 100명"}}},
      {"강바람 인디 페스티벌 – STANDING",
       "",
       field.name,
       field.address,
       "",
       28,
       -9,
       27,
       "하루 종일 열두 팀. Twelve bands, one long day.",
       {{"VIP 1일권", 149'000, 500, "전용 구역과 음료"},
        {"1일권", 99'000, 3000, "잔디 자유 구역"}}},
      {"달그림자 × Paper Comets 합동 스탠딩",
       "달그림자",
       club.name,
       club.address,
       "",
       37,
       -3,
       36,
       "두 팀이 번갈아, 그리고 함께.",
       {{"스탠딩", 88'000, 800, "입장 번호 순 입장"}}},
      {"Midnight Harbor DJ Party",
       "",
       club.name,
       club.address,
       "",
       14,
       -4,
       13,
       "All-night set. 새벽 다섯 시까지.",
       {{"올나잇 패스", 45'000, 1000, "재입장 가능"}}},
      // Upcoming.
      {"Neon Orchard 팬미팅: Orchard Day",
       "Neon Orchard",
       gym.name,
       gym.address,
       "sports_stadium",
       50,
       3,
       49,
       "이야기와 게임, 그리고 신곡.",
       {}},
      {"Mira Solène with 한결필하모닉",
       "Mira Solène",
       theater.name,
       theater.address,
       "large_theater",
       65,
       7,
       64,
       "Voice and orchestra.",
       {}},
      {"새벽정류장 스탠딩 – 다음 정류장",
       "새벽정류장",
       club.name,
       club.address,
       "",
       55,
       10,
       54,
       "처음으로 여는 스탠딩 공연.",
       {{"스탠딩", 66'000, 600, "입장 번호 순 입장"}}},
      {"Paper Comets WORLD TOUR: Perihelion",
       "Paper Comets",
       dome.name,
       dome.address,
       "grand_dome",
       90,
       20,
       89,
       "The comets come closest.",
       {}},
      // Over, and called off.
      {"은하수역 겨울 낭독 콘서트",
       "은하수역",
       club.name,
       club.address,
       "",
       -4,
       -40,
       -5,
       "책과 노래가 있는 저녁.",
       {{"전석", 40'000, 200, "자유석"}}},
      {"Harbor Lanterns Rooftop Session",
       "Harbor Lanterns",
       field.name,
       field.address,
       "",
       26,
       -6,
       25,
       "우천 예보로 취소되었습니다. Called off.",
       {{"스탠딩", 55'000, 300, "입장 번호 순 입장"}},
       true},
  };
}

struct keyword_plan {
  std::string_view korean;
  std::string_view english;
  std::string_view kind;
};

constexpr keyword_plan keywords[] = {
    {"서울", "Seoul", "venue"},
    {"인천", "Incheon", "venue"},
    {"화성", "Hwaseong", "venue"},
    {"마포", "Mapo", "venue"},
    {"한빛아트센터", "Hanbit Arts Center", "venue"},
    {"노을실내체육관", "Noeul Arena", "venue"},
    {"서해", "Seohae", "venue"},
    {"돔", "Dome", "venue"},
    {"콘서트", "Concert", "general"},
    {"공연", "Show", "general"},
    {"투어", "Tour", "general"},
    {"뮤지컬", "Musical", "general"},
    {"농구", "Basketball", "general"},
    {"스탠딩", "Standing", "general"},
    {"페스티벌", "Festival", "general"},
    {"팬미팅", "Fan meeting", "general"},
};

/// `clock` after midnight of a day in Korea (UTC+9, no summer time).
time_point korean_time(std::chrono::sys_days day, milliseconds clock) {
  return time_point{day} + clock - hours{9};
}

} // namespace

seed_catalog make_demo_data(time_point first_start) {
  const auto today = floor<days>(first_start + hours{9});
  seed_catalog out;
  for (const auto& plan : artists) {
    artist_row row;
    row.id = demo_id<artist_id>("artist", plan.name);
    row.name = plan.name;
    row.description = std::string(plan.description);
    out.artists.push_back({std::move(row)});
    if (plan.korean != plan.name)
      out.keywords.push_back({{std::string(plan.korean), std::string(plan.name), "artist"}});
    if (plan.english != plan.name)
      out.keywords.push_back({{std::string(plan.name), std::string(plan.english), "artist"}});
  }
  for (const auto& plan : layouts()) {
    layout_row row;
    row.id = demo_id<layout_id>("layout", plan.name);
    row.name = plan.name;
    row.description = std::string(plan.description);
    row.config = to_json(plan.sections);
    out.layouts.push_back({std::move(row)});
  }
  for (const auto& plan : events()) {
    put_event put;
    auto& row = put.event;
    row.id = demo_id<event_id>("event", plan.title);
    row.title = plan.title;
    row.description = std::string(plan.description);
    row.venue = plan.venue;
    row.address = std::string(plan.address);
    row.event_date = korean_time(today + days{plan.event_day}, hours{19});
    row.sale_start = korean_time(today + days{plan.sale_from}, hours{10});
    row.sale_end = korean_time(today + days{plan.sale_to}, hours{23} + minutes{59});
    row.cancelled = plan.cancelled;
    if (!plan.layout.empty())
      row.layout = demo_id<layout_id>("layout", plan.layout);
    if (!plan.artist.empty())
      row.artist = demo_id<artist_id>("artist", plan.artist);
    for (const auto& type : plan.types)
      put.types.push_back(
          {demo_id<ticket_type_id>("ticket type", fmt::format("{}/{}", plan.title, type.name)),
           std::string(type.name), std::string(type.description), type.price, type.total});
    out.events.push_back(std::move(put));
  }
  for (const auto& plan : keywords)
    out.keywords.push_back(
        {{std::string(plan.korean), std::string(plan.english), std::string(plan.kind)}});
  return out;
}

} // namespace tiketi::catalog
