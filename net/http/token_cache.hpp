#pragma once

#include "actors/token/verified_cache.hpp"
#include "net/http/message.hpp"

namespace tiketi::net {

/// An access token that was found valid.
struct verified_token {
  identity who;
  time_point expires_at;
};

/// The sessions this server has seen lately.
using token_cache = verified_cache<verified_token>;

/// Checks signature, expiry and kind of an access token. Thread-safe.
using token_verifier = token_cache::verifier;

} // namespace tiketi::net
