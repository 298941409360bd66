#pragma once

#include "tests/support/local_server.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace tiketi::test {

/// An HTTP server that speaks the protocol of SQS and does what no real service can be made to do:
/// fails now and then, takes a part of a call, delivers the same message twice. Takes everything it
/// is sent, and gives out what is put into it until that is deleted.
class queue_stand_in {
public:
  struct call {
    std::string action; ///< `SendMessageBatch`
    nlohmann::json body;
    local_request request;
  };
  /// What to answer instead; nothing: as a sound service would.
  using behaviour = std::function<std::optional<local_reply>(const call&)>;

  void behave(behaviour how) {
    const std::lock_guard lock{mutex_};
    how_ = std::move(how);
  }

  /// Gives out this message, again after each `reveal`, until it is deleted.
  void put(nlohmann::json message) {
    const std::lock_guard lock{mutex_};
    const auto receipt = message.at("ReceiptHandle").get<std::string>();
    waiting_[receipt] = std::move(message);
  }

  /// The time is over for which messages are hidden that were given out and not deleted.
  void reveal() {
    const std::lock_guard lock{mutex_};
    hidden_.clear();
  }

  std::vector<call> calls() const {
    const std::lock_guard lock{mutex_};
    return calls_;
  }
  std::size_t waiting() const {
    const std::lock_guard lock{mutex_};
    return waiting_.size();
  }
  /// Messages that were taken, in order.
  std::vector<nlohmann::json> taken() const {
    const std::lock_guard lock{mutex_};
    return taken_;
  }
  std::string url() const { return server_.url(); }

  static local_reply json_reply(int status, const nlohmann::json& body) {
    return {status, body.dump(), {{"Content-Type", "application/x-amz-json-1.0"}}};
  }
  static local_reply fault(int status, const std::string& code) {
    return json_reply(status, {{"__type", "com.amazonaws.sqs#" + code}, {"message", "because"}});
  }

  /// Takes the entries of a send or a delete, except those that `refuse` says something about.
  /// With the lock held: for a behaviour.
  local_reply take(const call& c,
                   const std::function<nlohmann::json(const nlohmann::json&)>& refuse = {}) {
    auto good = nlohmann::json::array();
    auto bad = nlohmann::json::array();
    for (const auto& entry : c.body.at("Entries")) {
      if (auto why = refuse ? refuse(entry) : nlohmann::json{}; !why.is_null()) {
        why["Id"] = entry.at("Id");
        bad.push_back(std::move(why));
        continue;
      }
      good.push_back({{"Id", entry.at("Id")}, {"MessageId", std::to_string(taken_.size())}});
      if (c.action == "SendMessageBatch")
        taken_.push_back(entry);
      else
        waiting_.erase(entry.at("ReceiptHandle").get<std::string>());
    }
    return json_reply(200, {{"Successful", std::move(good)}, {"Failed", std::move(bad)}});
  }

private:
  local_reply answer(const local_request& r) {
    const std::lock_guard lock{mutex_};
    constexpr std::string_view prefix = "AmazonSQS.";
    call c{r.headers.at("x-amz-target").substr(prefix.size()), nlohmann::json::parse(r.body), r};
    calls_.push_back(c);
    if (how_)
      if (auto other = how_(c))
        return *other;
    if (c.action != "ReceiveMessage")
      return take(c);
    auto messages = nlohmann::json::array();
    for (const auto& [receipt, message] : waiting_)
      if (messages.size() < c.body.at("MaxNumberOfMessages").get<std::size_t>()
          && hidden_.insert(receipt).second)
        messages.push_back(message);
    return json_reply(200, {{"Messages", std::move(messages)}});
  }

  mutable std::mutex mutex_;
  std::vector<call> calls_;
  std::vector<nlohmann::json> taken_;
  std::map<std::string, nlohmann::json> waiting_;
  std::set<std::string> hidden_;
  behaviour how_;
  local_server server_{[this](const local_request& r) { return answer(r); }};
};

} // namespace tiketi::test
