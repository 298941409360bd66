#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tiketi {

/// Every way a use case can fail. Append only: codes travel between nodes.
enum class errc : std::uint8_t {
  invalid_request = 1, // CAF reads 0 as success
  malformed_body,
  unauthenticated,
  invalid_credentials,
  forbidden,
  admin_required,
  entry_token_required,
  not_found,
  method_not_allowed,
  conflict,
  seat_unavailable,
  sold_out,
  limit_exceeded,
  sale_closed,
  not_pending,
  expired,
  amount_mismatch,
  already_confirmed,
  already_ended,
  idempotency_mismatch,
  payload_too_large,
  unsupported_media_type,
  header_too_large,
  rate_limited,
  overloaded,
  unavailable,
  in_doubt,
  timeout,
  provider_failed,
  token_reused,
  internal,
};

struct errc_info {
  errc code;
  std::string_view name; ///< stable, in `code` of every error answer
  int status;            ///< HTTP
  std::string_view text; ///< default sentence
};

inline constexpr std::array errc_table{
    errc_info{errc::invalid_request, "invalid_request", 400, "Invalid request"},
    errc_info{errc::malformed_body, "malformed_body", 400, "Malformed JSON body"},
    errc_info{errc::unauthenticated, "unauthenticated", 401, "Authentication required"},
    errc_info{errc::invalid_credentials, "invalid_credentials", 400, "Invalid email or password"},
    errc_info{errc::forbidden, "forbidden", 403, "Access denied"},
    errc_info{errc::admin_required, "admin_required", 403, "Admin role required"},
    errc_info{errc::entry_token_required, "entry_token_required", 403,
              "Queue entry token required"},
    errc_info{errc::not_found, "not_found", 404, "Not found"},
    errc_info{errc::method_not_allowed, "method_not_allowed", 405, "Method not allowed"},
    errc_info{errc::conflict, "conflict", 409, "Conflict"},
    errc_info{errc::seat_unavailable, "seat_unavailable", 409,
              "Seat already selected by another user"},
    errc_info{errc::sold_out, "sold_out", 409, "Sold out"},
    errc_info{errc::limit_exceeded, "limit_exceeded", 409, "Limit exceeded"},
    errc_info{errc::sale_closed, "sale_closed", 403, "This event is not on sale"},
    errc_info{errc::not_pending, "not_pending", 400, "Reservation is not pending"},
    errc_info{errc::expired, "expired", 400, "Reservation has expired"},
    errc_info{errc::amount_mismatch, "amount_mismatch", 400, "Amount mismatch"},
    errc_info{errc::already_confirmed, "already_confirmed", 400, "Payment already confirmed"},
    errc_info{errc::already_ended, "already_ended", 409, "Already cancelled reservation"},
    errc_info{errc::idempotency_mismatch, "idempotency_mismatch", 422,
              "Idempotency key was used with a different request"},
    errc_info{errc::payload_too_large, "payload_too_large", 413, "Request body too large"},
    errc_info{errc::unsupported_media_type, "unsupported_media_type", 415,
              "Content-Type must be application/json"},
    errc_info{errc::header_too_large, "header_too_large", 431, "Request header too large"},
    errc_info{errc::rate_limited, "rate_limited", 429, "Rate limit exceeded"},
    errc_info{errc::overloaded, "overloaded", 503, "Too busy. Please retry."},
    errc_info{errc::unavailable, "unavailable", 503,
              "Service temporarily unavailable. Please retry."},
    errc_info{errc::in_doubt, "in_doubt", 503,
              "Outcome not known yet. Repeat with the same idempotency key."},
    errc_info{errc::timeout, "timeout", 504, "Timed out. Please retry."},
    errc_info{errc::provider_failed, "provider_failed", 502, "Payment provider failed"},
    errc_info{errc::token_reused, "token_reused", 400,
              "Token reuse detected. All sessions revoked for security."},
    errc_info{errc::internal, "internal", 500, "Internal server error"},
};

constexpr const errc_info& info(errc code) noexcept {
  return errc_table[static_cast<std::size_t>(code) - 1];
}

constexpr std::string_view to_string_view(errc code) noexcept {
  return info(code).name;
}

namespace detail {
constexpr bool errc_table_is_complete() {
  for (std::size_t i = 0; i < errc_table.size(); ++i)
    if (static_cast<std::size_t>(errc_table[i].code) != i + 1)
      return false;
  return errc_table.size() == static_cast<std::size_t>(errc::internal);
}
} // namespace detail

static_assert(detail::errc_table_is_complete());

} // namespace tiketi
