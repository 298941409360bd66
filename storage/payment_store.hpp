#pragma once

#include "actors/base/result.hpp"
#include "actors/payment/payment.hpp"
#include "actors/store/group_commit.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

// What the payment role needs from a database, by use case.

namespace tiketi::payment {

/// Commits one step of a payment with its events and audit lines: a new row (version 1) when the
/// subject has no open payment (`is_open`), otherwise by compare-and-set on version - 1.
/// `processed` is noted for the consumer "payment" in the same transaction.
struct write_payment {
  payment_change change;
  time_point now;
};

/// Where a command in doubt is looked up again; answers with `found`. Follows, in the writer's
/// order, everything that was sent before.
struct look_up_payment {
  payment_id payment;
};

struct payment_write {
  std::variant<write_payment, look_up_payment> command;
};

struct payment_written {
  commit_status status = commit_status::failed;
  bool duplicate = false;            ///< `processed` was noted before; nothing was written
  bool key_taken = false;            ///< rejected: another payment has this payment key
  std::optional<payment_view> found; ///< look_up only; nothing: no such row
};

/// Implementations reconnect by themselves: while the database is away every command is `failed`
/// (not started) or `unknown` (lost in the commit).
using payment_writes = commit_target<payment_write, payment_written>;

struct payment_page {
  std::vector<payment_view> payments;
  std::int64_t total = 0; ///< of the whole list
};

/// One connection for reading; one thread at a time. Sees only committed state.
class payment_queries {
public:
  virtual ~payment_queries() = default;

  /// The live one first, then the latest; 20 at most.
  virtual result<std::vector<payment_view>> payments_of(const payment_subject& subject) = 0;
  virtual result<std::optional<payment_view>> find(payment_id id) = 0;
  virtual result<std::optional<payment_view>> find_by_order(const std::string& order_id) = 0;
  /// Failed payments do not count: their key was given back.
  virtual result<std::optional<payment_view>> find_by_key(const std::string& payment_key) = 0;
  /// Newest first.
  virtual result<payment_page> payments_by(user_id user, std::int64_t limit,
                                           std::int64_t offset) = 0;
  /// capturing or refunding, by id, after `after`.
  virtual result<std::vector<payment_view>> unfinished(payment_id after, std::size_t limit) = 0;
};

} // namespace tiketi::payment

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::payment_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::payment_written)

namespace tiketi::payment {

using payment_writer = writer_actor<payment_write, payment_written>;

} // namespace tiketi::payment
