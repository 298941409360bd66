#pragma once

#include "net/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <boost/beast/http/basic_parser.hpp>

namespace tiketi::net {

/// Parses one HTTP/1 request straight into a `request`: no tree of fields in between, and the
/// strings of an earlier request are reused. The target stays raw.
class request_parser final : public boost::beast::http::basic_parser<true> {
public:
  request_parser(request& into, std::size_t header_bytes_max, std::size_t body_bytes_max);

  const std::string& target() const noexcept { return target_; }
  int version() const noexcept { return version_; } ///< 10 or 11
  std::size_t hosts() const noexcept { return hosts_; }
  const std::string& expect() const noexcept { return expect_; }

  /// Another limit for this request's body, before any of it is read.
  void set_body_limit(std::size_t bytes) noexcept { body_bytes_max_ = bytes; }

  /// A body in chunks turned out to be longer than allowed. (One that says so is refused by the
  /// caller, who knows its length before it is read.)
  bool is_body_too_large() const noexcept { return body_too_large_; }
  /// A field that may come once came twice.
  bool is_ambiguous() const noexcept { return ambiguous_; }

private:
  using field = boost::beast::http::field;
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb method, string_view method_text, string_view target,
                       int version, error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field name, string_view name_text, string_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override;
  std::size_t on_body_impl(string_view part, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view part, error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  request& into_;
  std::size_t body_bytes_max_;
  std::string target_;
  std::string expect_;
  std::size_t fields_ = 0;
  std::size_t hosts_ = 0;
  int version_ = 11;
  bool header_done_ = false;
  bool body_too_large_ = false;
  bool ambiguous_ = false;
  bool seen_authorization_ = false;
  bool seen_origin_ = false;
};

} // namespace tiketi::net
