#pragma once

#include "tests/support/local_server.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tiketi::payment {

/// What the payment provider's API does, told by its documentation, over real HTTP; and on top of
/// it whatever can go wrong. `mood` decides, per call, how the call goes.
class toss_bank {
public:
  struct account {
    std::string order;
    std::int64_t amount = 0;
    std::string status = "IN_PROGRESS";
    int taken = 0;    ///< times money moved to us
    int returned = 0; ///< times it moved back
  };

  /// What happens to one call.
  struct fate {
    bool ignored = false; ///< the call has no effect
    test::local_reply::manner how = test::local_reply::manner::whole;
    std::chrono::milliseconds delay{0};
    int status = 0;          ///< an error of the server instead of the answer
    nlohmann::json changed;  ///< fields of the answer that are told wrongly
    bool unfinished = false; ///< a confirmation that is worked on until `finish`
    std::string error;       ///< code of a refusal (400) without effect
  };
  using mood_fn = std::function<fate(const std::string& what, int nth)>;

  /// The payer went through the provider's window: this key may be confirmed for that order.
  void authorise(const std::string& key, const std::string& order, std::int64_t amount) {
    const std::lock_guard lock{mutex_};
    accounts_[key] = {order, amount};
  }

  void set_mood(mood_fn mood) {
    const std::lock_guard lock{mutex_};
    mood_ = std::move(mood);
    counts_.clear();
  }

  /// Ends what `unfinished` left open, as a success.
  void finish() {
    const std::lock_guard lock{mutex_};
    for (auto& [key, a] : accounts_)
      if (open_.contains(key) && a.status == "IN_PROGRESS") {
        a.status = "DONE";
        ++a.taken;
      }
    open_.clear();
  }

  account at(const std::string& key) {
    const std::lock_guard lock{mutex_};
    return accounts_[key];
  }

  std::vector<std::string> calls() {
    const std::lock_guard lock{mutex_};
    return calls_;
  }

  /// `traceparent` of each call.
  std::vector<std::string> traces() {
    const std::lock_guard lock{mutex_};
    return traces_;
  }

  std::string url() const { return server_.url(); }

  static constexpr const char* secret = "test_sk_local";

private:
  using json = nlohmann::json;

  test::local_reply handle(const test::local_request& r) {
    const std::lock_guard lock{mutex_};
    // base64("test_sk_local:")
    if (r.headers.contains("authorization") == false
        || r.headers.at("authorization") != "Basic dGVzdF9za19sb2NhbDo=")
      return refuse(401, "UNAUTHORIZED_KEY");
    const auto what = name_of(r);
    calls_.push_back(what);
    const auto trace = r.headers.find("traceparent");
    traces_.push_back(trace == r.headers.end() ? "" : trace->second);
    const auto f = mood_ ? mood_(what, ++counts_[what]) : fate{};
    test::local_reply out;
    if (!f.error.empty()) {
      out = refuse(400, f.error);
    } else if (f.ignored) {
      out = refuse(500, "FAILED_INTERNAL_SYSTEM_PROCESSING");
    } else {
      out = work(r, what, f.unfinished);
      if (f.status != 0)
        out = refuse(f.status, "FAILED_INTERNAL_SYSTEM_PROCESSING");
      else if (!f.changed.is_null()) {
        auto body = json::parse(out.body);
        body.update(f.changed);
        out.body = body.dump();
      }
    }
    out.how = f.how;
    out.delay = f.delay;
    return out;
  }

  static std::string name_of(const test::local_request& r) {
    if (r.method == "POST")
      return r.target == "/v1/payments/confirm" ? "confirm" : "cancel";
    return r.target.starts_with("/v1/payments/orders/") ? "find_order" : "find_key";
  }

  test::local_reply work(const test::local_request& r, const std::string& what, bool unfinished) {
    if (what == "find_order") {
      const auto order = r.target.substr(std::string("/v1/payments/orders/").size());
      for (const auto& [key, a] : accounts_)
        if (a.order == order)
          return show(key, a);
      return refuse(404, "NOT_FOUND_PAYMENT");
    }
    const auto start = std::string("/v1/payments/").size();
    if (what == "find_key") {
      const auto key = r.target.substr(start);
      return accounts_.contains(key) ? show(key, accounts_[key]) : refuse(404, "NOT_FOUND_PAYMENT");
    }
    const auto idempotency =
        r.headers.contains("idempotency-key") ? r.headers.at("idempotency-key") : std::string{};
    if (const auto old = answers_.find(idempotency); !idempotency.empty() && old != answers_.end())
      return old->second;
    const auto body = json::parse(r.body);
    test::local_reply out;
    if (what == "confirm") {
      const auto key = body.at("paymentKey").get<std::string>();
      if (open_.contains(key))
        return refuse(409, "IDEMPOTENT_REQUEST_PROCESSING");
      const auto found = accounts_.find(key);
      if (found == accounts_.end() || found->second.order != body.at("orderId")
          || found->second.amount != body.at("amount"))
        return refuse(404, "NOT_FOUND_PAYMENT");
      auto& a = found->second;
      if (a.status != "IN_PROGRESS")
        return refuse(400, "ALREADY_PROCESSED_PAYMENT");
      if (unfinished) {
        open_[key] = true;
        return refuse(504, "UNKNOWN");
      }
      a.status = "DONE";
      ++a.taken;
      out = show(key, a);
    } else {
      const auto key = r.target.substr(start, r.target.rfind('/') - start);
      const auto found = accounts_.find(key);
      if (found == accounts_.end())
        return refuse(404, "NOT_FOUND_PAYMENT");
      auto& a = found->second;
      if (a.status == "CANCELED")
        return refuse(400, "ALREADY_CANCELED_PAYMENT");
      if (a.status != "DONE")
        return refuse(403, "NOT_CANCELABLE_PAYMENT");
      a.status = "CANCELED";
      ++a.returned;
      out = show(key, a);
    }
    if (!idempotency.empty())
      answers_[idempotency] = out;
    return out;
  }

  static test::local_reply refuse(int status, const std::string& code) {
    test::local_reply out;
    out.status = status;
    out.body = json{{"code", code}, {"message", "because of " + code}}.dump();
    return out;
  }

  static test::local_reply show(const std::string& key, const account& a) {
    test::local_reply out;
    out.body = json{{"paymentKey", key},
                    {"orderId", a.order},
                    {"status", a.status},
                    {"currency", "KRW"},
                    {"totalAmount", a.amount},
                    {"balanceAmount", a.status == "CANCELED" ? 0 : a.amount},
                    {"approvedAt", a.status == "DONE" || a.status == "CANCELED"
                                       ? json("2026-02-22T19:00:01+09:00")
                                       : json(nullptr)}}
                   .dump();
    return out;
  }

  std::mutex mutex_;
  std::map<std::string, account> accounts_; ///< by payment key
  std::map<std::string, bool> open_;
  std::map<std::string, test::local_reply> answers_; ///< by idempotency key
  std::map<std::string, int> counts_;
  std::vector<std::string> calls_;
  std::vector<std::string> traces_;
  mood_fn mood_;
  test::local_server server_{[this](const test::local_request& r) { return handle(r); }};
};

} // namespace tiketi::payment
