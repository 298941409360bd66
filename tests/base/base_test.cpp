#include "actors/base/environment.hpp"
#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <gtest/gtest.h>

namespace tiketi {
namespace {

TEST(uuid_test, reads_only_the_canonical_form) {
  const std::string text = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
  EXPECT_EQ(to_string(*parse_uuid(text)), text);
  EXPECT_EQ(to_string(*parse_uuid("6F9619FF-8B86-4D01-B42D-00CF4FC964FF")), text);
  for (const char* bad :
       {"", "A1", "{6f9619ff-8b86-4d01-b42d-00cf4fc964ff}", "6f9619ff8b864d01b42d00cf4fc964ff",
        "6f9619ff-8b86-4d01-b42d-00cf4fc964fg", "6f9619ff-8b86-4d01-b42d-00cf4fc964f ",
        "6f9619ff-8b86-4d01-b42d-00cf4fc964ff0", "------------------------------------"})
    EXPECT_FALSE(parse_uuid(bad)) << bad;
}

TEST(uuid_test, random_ids_carry_version_and_variant) {
  auto env = make_seeded_environment(7, [] { return time_point{}; });
  const auto a = make_uuid(*env);
  const auto b = make_uuid(*env);
  EXPECT_NE(a, b);
  EXPECT_EQ(to_string(a)[14], '4');
  EXPECT_EQ(a.bytes[8] & 0xc0, 0x80);
}

TEST(reservation_id_test, carries_the_route_of_its_event) {
  auto env = make_system_environment();
  for (int i = 0; i < 1000; ++i) {
    const event_id event{make_uuid(*env)};
    const auto reservation = make_reservation_id(event, *env);
    EXPECT_EQ(route_of(reservation), route_of(event));
    EXPECT_EQ(to_string(reservation)[14], '8');
  }
}

TEST(time_test, iso_round_trip) {
  const auto t = from_millis(1'771'754'400'123);
  EXPECT_EQ(to_iso(t), "2026-02-22T10:00:00.123Z");
  EXPECT_EQ(parse_iso("2026-02-22T10:00:00.123Z"), t);
  EXPECT_EQ(parse_iso("2026-02-22T19:00:00.123456789+09:00"), t);
  EXPECT_EQ(parse_iso("2026-02-22T10:00Z"), from_millis(1'771'754'400'000));
  for (const char* bad : {"", "2026-02-22", "2026-02-30T10:00:00Z", "2026-02-22T24:00:00Z",
                          "2026-02-22T10:00:00", "2026-02-22T10:00:00Zx", "2026-02-22T10:00:00.Z"})
    EXPECT_FALSE(parse_iso(bad)) << bad;
}

TEST(errc_test, every_code_has_a_client_status) {
  for (const auto& row : errc_table) {
    EXPECT_GE(row.status, 400) << row.name;
    EXPECT_LT(row.status, 600) << row.name;
    EXPECT_FALSE(row.text.empty()) << row.name;
  }
}

} // namespace
} // namespace tiketi
