#pragma once

#include "actors/idempotency/key_ledger.hpp"

#include <functional>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

// These messages never leave the process: each node keeps the keys of the requests it was sent.

namespace tiketi::idempotency {

/// May this request run? Answered by `run_verdict`, or with unavailable where the store is away.
struct begin_run {
  claim what;
};

/// `what` is one of run, replay, running, mismatch, interrupted, owner_full, full. After `run` an
/// `end_run` must follow.
struct run_verdict {
  verdict what = verdict::full;
  kept_answer answer; ///< of a replay
};

/// The run was answered so. `deliver` is called once, on any thread, when the answer is kept, or
/// at once where it is not to be. Another node may have run the same request at the same time and
/// have kept its answer first: then that is what `deliver` is given, and what everybody is told.
struct end_run {
  digest scope{};
  kept_answer answer;
  std::function<void(const kept_answer* first)> deliver;
};

/// To itself.
struct keeper_tick {};

} // namespace tiketi::idempotency

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::begin_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::run_verdict)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::end_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::keeper_tick)

namespace tiketi::idempotency {

/// Keeps answers by key. What the front sees.
using keeper = caf::typed_actor<caf::replies_to<begin_run>::with<run_verdict>,
                                caf::reacts_to<end_run>, caf::reacts_to<keeper_tick>>;

} // namespace tiketi::idempotency
