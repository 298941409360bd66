#pragma once

#include "actors/remote/transport.hpp"
#include "actors/system/caf_error.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

// These messages never leave the process: each node makes its own calls.

namespace tiketi::remote {

/// Command: make a call to a target that was named at the start. Always answered by `http_answer`,
/// within `timeout` and a little.
struct http_call {
  std::string target;
  /// Where one target stands for many machines: which of them has failed too often is counted for
  /// each of these names on its own. Empty: the target is one.
  std::string circuit = {};
  http_request request;
  /// Safe to repeat: a read, or a write with an idempotency key. Only such calls are.
  bool repeatable = false;
  milliseconds timeout{8000}; ///< for all attempts and the waits between them
  std::string trace;          ///< `traceparent` of what led to the call; empty: a trace of its own
};

/// What came of the last attempt.
struct http_answer {
  http_failure error = http_failure::none; ///< `none`: there is an answer, whatever its status
  int status = 0;
  http_headers headers;
  std::string body;
  std::string text; ///< what went wrong, for a log
  std::uint32_t attempts = 0;
  bool may_have_arrived = false; ///< some attempt may have reached the target
};

/// To itself: an attempt ended.
struct attempt_done {
  std::uint64_t call = 0;
  std::shared_ptr<transfer_result> result;
};

struct remote_tick {};

} // namespace tiketi::remote

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::remote::http_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::remote::http_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::remote::attempt_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::remote::remote_tick)

namespace tiketi::remote {

/// Calls to other systems over HTTP.
using client_actor = caf::typed_actor<caf::replies_to<http_call>::with<http_answer>>;

} // namespace tiketi::remote
