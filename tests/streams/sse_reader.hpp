#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::test {

/// One message as a browser's EventSource would hand it over; comments are left out.
struct sse_message {
  std::string id;
  std::string event;
  std::string data;

  friend bool operator==(const sse_message&, const sse_message&) = default;
};

/// Reads the format as its standard says.
class sse_reader {
public:
  std::vector<sse_message> messages;
  std::size_t comments = 0;
  std::string retry;

  void feed(std::string_view bytes) {
    rest_ += bytes;
    for (;;) {
      const auto end = rest_.find('\n');
      if (end == std::string::npos)
        return;
      line(rest_.substr(0, end));
      rest_.erase(0, end + 1);
    }
  }

private:
  void line(const std::string& text) {
    if (text.empty()) {
      if (has_data_)
        messages.push_back(now_);
      now_ = {};
      has_data_ = false;
      return;
    }
    const auto colon = text.find(':');
    if (colon == 0) {
      ++comments;
      return;
    }
    const auto name = text.substr(0, colon);
    auto value = colon == std::string::npos ? std::string{} : text.substr(colon + 1);
    if (value.starts_with(' '))
      value.erase(0, 1);
    if (name == "id")
      now_.id = value;
    else if (name == "event")
      now_.event = value;
    else if (name == "retry")
      retry = value;
    else if (name == "data") {
      now_.data += (has_data_ ? "\n" : "") + value;
      has_data_ = true;
    }
  }

  std::string rest_;
  sse_message now_;
  bool has_data_ = false;
};

} // namespace tiketi::test
