#include "tools/tiketi/logging.hpp"

#include <memory>

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

/// Lines about one request end with this and the 32 hex digits of its trace.
constexpr std::string_view trace_mark = " trace_id=";

/// Where the mark begins; the end where there is none.
std::size_t trace_mark_at(std::string_view payload) {
  constexpr std::size_t digits = 32;
  if (payload.size() < trace_mark.size() + digits)
    return payload.size();
  const auto at = payload.size() - digits - trace_mark.size();
  const auto id = payload.substr(at + trace_mark.size());
  const auto is_hex = id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_hex && payload.substr(at, trace_mark.size()) == trace_mark ? at : payload.size();
}

/// The message with control characters (and for JSON quotes) escaped: one entry is one line,
/// whatever a client put into a header.
class escaped_message final : public spdlog::custom_flag_formatter {
public:
  explicit escaped_message(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view payload{msg.payload.data(), msg.payload.size()};
    for (const char c : json_ ? payload.substr(0, trace_mark_at(payload)) : payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
      } else {
        if (json_ && (c == '"' || c == '\\'))
          out.push_back('\\');
        out.push_back(c);
      }
    }
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<escaped_message>(json_);
  }

private:
  bool json_;
};

/// The trace that a line belongs to as a field of its own.
class trace_field final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view payload{msg.payload.data(), msg.payload.size()};
    if (const auto at = trace_mark_at(payload); at < payload.size())
      fmt::format_to(std::back_inserter(out), R"(,"trace_id":"{}")",
                     payload.substr(at + trace_mark.size()));
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<trace_field>();
  }
};

/// Upper case, because that is what operators search for.
class level_name final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& out) override {
    constexpr const char* names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "ERROR", "OFF"};
    const std::string_view name{names[msg.level]};
    out.append(name.data(), name.data() + name.size());
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<level_name>();
  }
};

} // namespace

void start_logging(const std::string& level, const std::string& format) {
  constexpr std::size_t lines_waiting_max = 8192;
  spdlog::init_thread_pool(lines_waiting_max, 1);
  auto logger =
      spdlog::create_async_nb<spdlog::sinks::stderr_sink_mt>("tiketi"); // nb: never blocks
  const bool json = format == "json";
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<escaped_message>('*', json);
  formatter->add_flag<level_name>('@').add_flag<trace_field>('&');
  formatter->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%@","service":"tiketi","message":"%*"%&})"
           : "%Y-%m-%dT%H:%M:%S.%eZ %@ %*");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void stop_logging() {
  spdlog::shutdown();
}

} // namespace tiketi
