#pragma once

#include "actors/remote/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The JSON protocol of SQS. Pure: no I/O, no clock.

namespace tiketi::sqs {

/// Messages in one call, at most; a rule of SQS.
inline constexpr std::size_t batch_max = 10;

/// Where a queue is, and who calls.
struct queue_access {
  std::string queue_url;
  std::string endpoint; ///< where calls go, without a slash at the end
  std::string region;
  std::string key_id;
  std::string secret;
  std::string session_token; ///< of temporary credentials; empty: none
};

/// One call, to be signed when it is sent.
remote::http_request make_request(const queue_access& to, std::string_view action,
                                  std::string body);

struct outgoing_message {
  std::string body;
  std::string group;
  std::string deduplication;
};

/// Bodies of calls. Entries of batches are called by their places, from "0".
std::string send_batch_body(const queue_access& to, std::span<const outgoing_message> messages);

struct receive_rules {
  std::size_t count_max = batch_max;
  seconds wait{20};        ///< long polling, 0 … 20 s
  seconds visibility{300}; ///< nobody else gets the messages for this long
};
std::string receive_body(const queue_access& to, const receive_rules& rules);
std::string delete_batch_body(const queue_access& to, std::span<const std::string> receipts);

/// What an answer means for a call as a whole.
enum class call_fate : std::uint8_t {
  answered,      ///< look at the entries
  again,         ///< away, slow, throttled: later it may work
  not_made,      ///< nothing was sent: the circuit is open, or too much is under way
  misconfigured, ///< access, region, queue: works when a person has changed something
  unacceptable,  ///< one of its messages can never be accepted
};

struct call_verdict {
  call_fate fate = call_fate::again;
  std::string reason; ///< for a log, and for what is set aside; empty when answered
};

call_verdict judge_call(const remote::http_answer& answer);

enum class entry_fate : std::uint8_t {
  done,
  again,
  misconfigured,
  unacceptable, ///< never, however often
};

struct entry_verdict {
  entry_fate fate = entry_fate::again;
  std::string reason;
};

/// What became of each of the `count` entries of a batch whose call was answered. An entry that the
/// answer does not name is to be tried again.
std::vector<entry_verdict> read_batch(std::string_view body, std::size_t count);

struct received_message {
  std::string id;
  std::string receipt;
  std::string body;
  std::string group;          ///< empty: the queue has no groups
  std::uint32_t receives = 1; ///< this one included
  time_point sent_at;         ///< epoch 0: not known
};

/// Messages of an answer to a receive, in order; those without id or receipt are left out.
std::vector<received_message> read_messages(std::string_view body);

} // namespace tiketi::sqs
