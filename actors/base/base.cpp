#include "actors/base/environment.hpp"
#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <cstdio>
#include <ctime>
#include <mutex>
#include <random>
#include <stdexcept>

#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <openssl/rand.h>

namespace tiketi {

// -- uuid --------------------------------------------------------------------------------------

std::optional<uuid> parse_uuid(std::string_view text) {
  // The generator also takes braces and forms without dashes; the contract has one form only.
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
    return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!hex && !(c == '-' && (i == 8 || i == 13 || i == 18 || i == 23)))
      return std::nullopt;
  }
  const auto parsed = boost::uuids::string_generator{}(text.begin(), text.end());
  uuid out;
  std::memcpy(out.bytes.data(), parsed.data, sizeof parsed.data);
  return out;
}

std::string to_string(const uuid& id) {
  boost::uuids::uuid raw;
  std::memcpy(raw.data, id.bytes.data(), sizeof raw.data);
  std::string out(36, '-');
  boost::uuids::to_chars(raw, out.begin());
  return out;
}

namespace {

void stamp(uuid& id, std::uint8_t version) {
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | (version << 4));
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
}

} // namespace

uuid make_uuid(environment& env) {
  uuid id;
  const std::uint64_t words[2] = {env.random(), env.random()};
  std::memcpy(id.bytes.data(), words, sizeof words);
  stamp(id, 4);
  return id;
}

// -- routing -----------------------------------------------------------------------------------

route_tag route_of(const event_id& id) noexcept {
  return static_cast<route_tag>(std::hash<event_id>{}(id));
}

route_tag route_of(const reservation_id& id) noexcept {
  const auto& b = id.value.bytes;
  return static_cast<route_tag>(b[12]) << 24 | static_cast<route_tag>(b[13]) << 16
         | static_cast<route_tag>(b[14]) << 8 | static_cast<route_tag>(b[15]);
}

reservation_id make_reservation_id(const event_id& event, environment& env) {
  uuid id;
  const auto ms = static_cast<std::uint64_t>(to_millis(env.now()));
  for (std::size_t i = 0; i < 6; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  const std::uint64_t chance = env.random();
  for (std::size_t i = 6; i < 12; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(chance >> (8 * (i - 6)));
  const route_tag tag = route_of(event);
  for (std::size_t i = 0; i < 4; ++i)
    id.bytes[12 + i] = static_cast<std::uint8_t>(tag >> (8 * (3 - i)));
  stamp(id, 8);
  return reservation_id{id};
}

// -- time --------------------------------------------------------------------------------------

std::string to_iso(time_point t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss clock{t - day};
  char out[40];
  const int n = std::snprintf(
      out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(out, static_cast<std::size_t>(n));
}

namespace {

/// Takes exactly `digits` decimal digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits)
    return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9')
      return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c)
    return false;
  text.remove_prefix(1);
  return true;
}

} // namespace

std::optional<time_point> parse_iso(std::string_view text) {
  using namespace std::chrono;
  const auto y = take_number(text, 4);
  if (!y || !take_char(text, '-'))
    return std::nullopt;
  const auto mo = take_number(text, 2);
  if (!mo || !take_char(text, '-'))
    return std::nullopt;
  const auto d = take_number(text, 2);
  if (!d || !take_char(text, 'T'))
    return std::nullopt;
  const auto h = take_number(text, 2);
  if (!h || *h > 23 || !take_char(text, ':'))
    return std::nullopt;
  const auto mi = take_number(text, 2);
  if (!mi || *mi > 59)
    return std::nullopt;
  int s = 0;
  int ms = 0;
  if (take_char(text, ':')) {
    const auto sec = take_number(text, 2);
    if (!sec || *sec > 59)
      return std::nullopt;
    s = *sec;
    if (take_char(text, '.')) {
      std::size_t digits = 0;
      int scale = 100;
      while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        ms += (text[digits] - '0') * scale;
        scale /= 10;
        ++digits;
      }
      if (digits == 0 || digits > 9)
        return std::nullopt;
      text.remove_prefix(digits);
    }
  }
  minutes offset{0};
  if (!take_char(text, 'Z')) {
    if (text.empty() || (text.front() != '+' && text.front() != '-'))
      return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto oh = take_number(text, 2);
    if (!oh || *oh > 23 || !take_char(text, ':'))
      return std::nullopt;
    const auto om = take_number(text, 2);
    if (!om || *om > 59)
      return std::nullopt;
    offset = sign * (hours{*oh} + minutes{*om});
  }
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)},
                            day{static_cast<unsigned>(*d)}};
  if (!text.empty() || !date.ok())
    return std::nullopt;
  return time_point{sys_days{date} + hours{*h} + minutes{*mi} + std::chrono::seconds{s}
                    + std::chrono::milliseconds{ms} - offset};
}

// -- environment -------------------------------------------------------------------------------

namespace {

class system_environment final : public environment {
public:
  time_point now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }

  std::uint64_t random() override {
    // One call to the generator costs about a microsecond, so each thread keeps a small stock.
    thread_local std::array<std::uint64_t, 64> stock;
    thread_local std::size_t used = stock.size();
    if (used == stock.size()) {
      if (RAND_bytes(reinterpret_cast<unsigned char*>(stock.data()), sizeof stock) != 1)
        throw std::runtime_error("the operating system gave no random numbers");
      used = 0;
    }
    return stock[used++];
  }
};

class seeded_environment final : public environment {
public:
  seeded_environment(std::uint64_t seed, std::function<time_point()> clock)
      : clock_(std::move(clock)), engine_(seed) {}

  time_point now() const override { return clock_(); }

  std::uint64_t random() override {
    const std::lock_guard lock{mutex_};
    return engine_();
  }

private:
  std::function<time_point()> clock_;
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

} // namespace

std::unique_ptr<environment> make_system_environment() {
  return std::make_unique<system_environment>();
}

std::unique_ptr<environment> make_seeded_environment(std::uint64_t seed,
                                                     std::function<time_point()> clock) {
  return std::make_unique<seeded_environment>(seed, std::move(clock));
}

// -- result ------------------------------------------------------------------------------------

void throw_exception_from_error(const failure& error, const boost::source_location&) {
  throw std::logic_error("result holds a failure: " + error.text);
}

} // namespace tiketi
