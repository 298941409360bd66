#include "net/http/request_parser.hpp"

#include "net/http/router.hpp"

#include <algorithm>

namespace tiketi::net {

namespace {

/// Room that a body gets before its first byte, whatever length it claims.
constexpr std::uint64_t body_reserve_max = 64 * 1024;

} // namespace

request_parser::request_parser(request& into, std::size_t header_bytes_max,
                               std::size_t body_bytes_max)
    : into_(into), body_bytes_max_(body_bytes_max) {
  header_limit(static_cast<std::uint32_t>(header_bytes_max));
  body_limit(boost::none);
}

void request_parser::on_request_impl(boost::beast::http::verb, string_view method_text,
                                     string_view target, int version, error_code&) {
  into_.method = parse_verb({method_text.data(), method_text.size()});
  target_.assign(target.data(), target.size());
  version_ = version;
}

void request_parser::on_field_impl(field name, string_view name_text, string_view value,
                                   error_code&) {
  // Trailers come after the checks, so nothing may rest on them.
  if (header_done_)
    return;
  switch (name) {
  case field::host:
    ++hosts_;
    break;
  case field::expect:
    expect_.assign(value.data(), value.size());
    break;
  case field::authorization:
    ambiguous_ = ambiguous_ || seen_authorization_;
    seen_authorization_ = true;
    break;
  case field::origin:
    ambiguous_ = ambiguous_ || seen_origin_;
    seen_origin_ = true;
    break;
  default:
    break;
  }
  if (fields_ == into_.headers.size())
    into_.headers.emplace_back();
  auto& [key, text] = into_.headers[fields_++];
  key.assign(name_text.data(), name_text.size());
  for (char& c : key)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  text.assign(value.data(), value.size());
}

void request_parser::on_header_impl(error_code&) {
  header_done_ = true;
  into_.headers.resize(fields_);
}

void request_parser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  if (length)
    into_.body.reserve(static_cast<std::size_t>(std::min(*length, body_reserve_max)));
}

std::size_t request_parser::on_body_impl(string_view part, error_code& ec) {
  if (into_.body.size() + part.size() > body_bytes_max_) {
    body_too_large_ = true;
    ec = boost::beast::http::error::body_limit;
    return 0;
  }
  into_.body.append(part.data(), part.size());
  return part.size();
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, string_view part, error_code& ec) {
  return on_body_impl(part, ec);
}

} // namespace tiketi::net
