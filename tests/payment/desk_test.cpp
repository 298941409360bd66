#include "actors/base/environment.hpp"
#include "actors/payment/desk.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::payment {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000);

// A world around one desk: a database, a provider and a ticket role whose calls can fail before or
// after they had their effect, be answered late, or be lost in a crash of the desk. Afterwards the
// faults stop, and everything must come to a consistent end.
class world {
public:
  explicit world(std::uint64_t seed)
      : rng_(seed),
        env_(make_seeded_environment(seed, [this] { return now_; })),
        reservation_{make_uuid(*env_)},
        event_{make_uuid(*env_)},
        owner_{make_uuid(*env_)},
        stranger_{make_uuid(*env_)} {
    restart();
  }

  void run() {
    for (int i = 0; i < 400 && !::testing::Test::HasFatalFailure(); ++i)
      disturb();
    faults_ = false;
    for (int i = 0; i < 3000 && !::testing::Test::HasFatalFailure(); ++i) {
      now_ += 10ms;
      if (!calls_.empty())
        call(below(calls_.size()));
      else if (waits_)
        wake();
      else if (to_ticket_ < outbox_.size())
        deliver_to_ticket();
      else if (!news_.empty())
        deliver_news();
      else
        break;
    }
    check_end();
  }

  std::map<std::string, int> seen; ///< how often what happened, so that the test can show it bites

private:
  struct money {
    bool taken = false;
    bool returned = false;
    int captures = 0;
  };

  std::uint64_t below(std::uint64_t n) { return rng_() % n; }
  bool fault(std::uint64_t one_in) { return faults_ && below(one_in) == 0; }

  void restart() {
    calls_.clear();
    jobs_.clear();
    waits_ = false;
    news_in_desk_.reset();
    desk_.emplace(reservation_, desk_options{"demo", true, true, 32});
    // What the region does when it finds unfinished payments.
    apply(desk_->accept(0, resume_job{}, now_));
  }

  void apply(desk_actions actions) {
    for (auto& a : actions) {
      if (auto* answer = std::get_if<answer_action>(&a))
        answered(*answer);
      else if (std::holds_alternative<wait_action>(a))
        waits_ = true;
      else
        calls_.push_back(std::move(a));
    }
    ASSERT_LE(calls_.size(), 1u) << "one thing at a time";
  }

  void answered(const answer_action& a) {
    if (a.job == 0)
      return;
    const auto found = jobs_.find(a.job);
    ASSERT_NE(found, jobs_.end()) << "answered twice, or never asked";
    const auto kind = found->second;
    jobs_.erase(found);
    if (kind == "news") {
      ASSERT_TRUE(news_in_desk_);
      if (a.what && *news_in_desk_ == news_.front().event)
        news_.erase(news_.begin());
      news_in_desk_.reset();
      return;
    }
    ++seen[kind + (a.what ? " ok" : " " + std::string(info(a.what.error().code).name))];
    if (a.what && (kind == "confirm" || kind == "process")) {
      // A 2xx: durable, confirmed, paid. It may have been cancelled since, never forgotten.
      const auto& row = rows_.at(a.what->payment.id);
      ASSERT_TRUE(money_[row.id].taken);
      ASSERT_TRUE(confirmed_once_.contains(row.id));
    }
    if (a.what && kind == "cancel") {
      ASSERT_TRUE(money_[a.what->payment.id].returned);
    }
  }

  std::uint64_t job(std::string kind) {
    jobs_[++last_job_] = std::move(kind);
    return last_job_;
  }

  void disturb() {
    now_ += milliseconds{below(50)};
    switch (below(16)) {
    case 0:
      apply(desk_->accept(job("prepare"),
                          prepare_job{below(5) == 0 ? stranger_ : owner_,
                                      below(4) == 0 ? 1 : std::int64_t{0}, make_fresh_ids(*env_)},
                          now_));
      break;
    case 1: {
      std::string order = "unknown";
      std::string key = below(4) == 0 ? "other-key" : "key";
      for (const auto& [id, row] : rows_)
        if (below(2) == 0)
          order = row.order_id;
      apply(desk_->accept(job("confirm"),
                          confirm_job{below(8) == 0 ? stranger_ : owner_, order, key,
                                      below(8) == 0 ? amount_ + 1 : amount_},
                          now_));
      break;
    }
    case 2:
      apply(
          desk_->accept(job("process"), process_job{owner_, "card", make_fresh_ids(*env_)}, now_));
      break;
    case 3:
      if (!rows_.empty() && below(3) == 0)
        apply(desk_->accept(job("cancel"),
                            cancel_job{owner_, rows_.rbegin()->second.id, "user-request"}, now_));
      break;
    case 4:
      if (below(10) == 0)
        cancel_reservation();
      break;
    case 5:
      if (below(10) == 0)
        expire_reservation();
      break;
    case 6:
      deliver_to_ticket();
      break;
    case 7:
      deliver_news();
      break;
    case 8:
      if (waits_)
        wake();
      break;
    case 9:
      if (below(6) == 0) {
        ++seen["crash"];
        // What was on its way may still arrive.
        if (!calls_.empty() && below(2) == 0)
          effect(calls_[0]);
        restart();
      }
      break;
    default:
      if (!calls_.empty())
        call(below(calls_.size()));
      break;
    }
  }

  void wake() {
    waits_ = false;
    apply(desk_->wake(now_));
  }

  // -- the ticket role --------------------------------------------------------------------------

  enum class stage { pending, confirmed, ended };

  void note(reservation_news what, payment_id payment, std::string reason) {
    news_.push_back({make_uuid(*env_), what, payment, std::move(reason)});
  }

  void cancel_reservation() {
    if (stage_ == stage::ended)
      return;
    ++seen["reservation cancelled"];
    stage_ = stage::ended;
    note(reservation_news::ended, confirmed_by_, "cancelled");
  }

  void expire_reservation() {
    if (stage_ != stage::pending)
      return;
    // As the ticket role does it: ask first.
    const auto standing_ = desk_->standing();
    if (standing_ && standing_->state != standing::none)
      return;
    ++seen["reservation expired"];
    stage_ = stage::ended;
    note(reservation_news::ended, {}, "expired");
  }

  verdict_news apply_payment(const payment_view& p) {
    if (const auto old = verdicts_.find(p.confirm_message); old != verdicts_.end())
      return old->second;
    verdict_news v;
    if (stage_ == stage::pending) {
      stage_ = stage::confirmed;
      confirmed_by_ = p.id;
      confirmed_once_.insert(p.id);
      v.confirmed = true;
      note(reservation_news::confirmed, p.id, "");
    } else {
      v.reason = stage_ == stage::ended ? "expired" : "already_paid";
      note(reservation_news::rejected, p.id, v.reason);
    }
    verdicts_[p.confirm_message] = v;
    return v;
  }

  void apply_refund(const payment_view& p) {
    if (stage_ == stage::confirmed && confirmed_by_ == p.id) {
      stage_ = stage::ended;
      note(reservation_news::ended, p.id, "refunded");
    }
  }

  void deliver_to_ticket() {
    if (to_ticket_ >= outbox_.size())
      return;
    const auto& [type, id] = outbox_[to_ticket_];
    const auto& row = rows_.at(id);
    if (type == "PAYMENT_CONFIRMED")
      apply_payment(row);
    else
      apply_refund(row);
    if (!fault(4)) // otherwise delivered again
      ++to_ticket_;
  }

  void deliver_news() {
    if (news_.empty() || news_in_desk_)
      return;
    news_in_desk_ = news_.front().event;
    apply(desk_->accept(job("news"), job_kind{news_.front()}, now_));
  }

  // -- calls ----------------------------------------------------------------------------------

  /// The effect of a call, without its answer.
  void effect(desk_action& a) {
    if (auto* w = std::get_if<write_action>(&a))
      commit(w->change);
    else if (std::holds_alternative<end_subject_action>(a))
      cancel_reservation();
    else if (auto* c = std::get_if<capture_action>(&a))
      take(c->payment);
    else if (auto* r = std::get_if<refund_action>(&a))
      give_back(r->payment);
    else if (auto* t = std::get_if<tell_payment_action>(&a))
      apply_payment(t->payment);
    else if (auto* f = std::get_if<tell_refund_action>(&a))
      apply_refund(f->payment);
  }

  void take(const payment_view& p) {
    ASSERT_EQ(rows_.at(p.id).status, payment_status::capturing) << "the intent is durable first";
    auto& m = money_[p.id];
    ASSERT_FALSE(m.returned);
    m.taken = true;
  }

  void give_back(const payment_view& p) {
    ASSERT_EQ(rows_.at(p.id).status, payment_status::refunding);
    ASSERT_TRUE(money_[p.id].taken);
    money_[p.id].returned = true;
  }

  write_outcome commit(const payment_change& c) {
    if (!c.processed.is_nil() && processed_.contains(c.processed))
      return write_outcome::duplicate;
    const auto& next = c.next;
    const auto found = rows_.find(next.id);
    if (next.version == 1 ? found != rows_.end()
                          : found == rows_.end() || found->second.version + 1 != next.version)
      return write_outcome::rejected;
    for (const auto& [id, row] : rows_)
      if (id != next.id && is_live(row.status) && is_live(next.status))
        return write_outcome::rejected;
    rows_[next.id] = next;
    if (!c.processed.is_nil())
      processed_.insert(c.processed);
    for (const auto& e : c.events)
      outbox_.emplace_back(e.type, next.id);
    return write_outcome::committed;
  }

  void call(std::uint64_t index) {
    auto a = std::move(calls_[index]);
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
    if (std::holds_alternative<load_payments_action>(a)) {
      if (fault(6))
        return apply(desk_->loaded(failure{errc::unavailable}, now_));
      std::vector<payment_view> rows;
      for (const auto& [id, row] : rows_)
        rows.push_back(row);
      std::sort(rows.begin(), rows.end(),
                [](const auto& x, const auto& y) { return x.created_at > y.created_at; });
      apply(desk_->loaded(std::move(rows), now_));
    } else if (auto* ask = std::get_if<ask_payable_action>(&a)) {
      if (fault(6))
        apply(desk_->payable(failure{errc::timeout}, now_));
      else if (ask->user != owner_)
        apply(desk_->payable(failure{errc::forbidden}, now_));
      else if (stage_ != stage::pending)
        apply(desk_->payable(failure{errc::not_pending}, now_));
      else
        apply(desk_->payable(desk::terms{amount_, event_}, now_));
    } else if (std::holds_alternative<end_subject_action>(a)) {
      const bool lost = fault(5);
      if (!lost || below(2) == 0)
        cancel_reservation();
      apply(
          desk_->subject_ended(lost ? result<void>{failure{errc::timeout}} : result<void>{}, now_));
    } else if (auto* w = std::get_if<write_action>(&a)) {
      if (fault(6)) {
        ++seen["write failed"];
        apply(desk_->written(write_outcome::failed, now_));
      } else if (fault(6)) {
        ++seen["write unknown"];
        if (below(2) == 0)
          commit(w->change);
        apply(desk_->written(write_outcome::unknown, now_));
      } else {
        apply(desk_->written(commit(w->change), now_));
      }
    } else if (auto* look = std::get_if<look_up_action>(&a)) {
      if (fault(3))
        return apply(desk_->looked_up(failure{errc::unavailable}, now_));
      const auto found = rows_.find(look->payment);
      apply(desk_->looked_up(found == rows_.end() ? std::optional<payment_view>{}
                                                  : std::optional<payment_view>{found->second},
                             now_));
    } else if (auto* c = std::get_if<capture_action>(&a)) {
      if (fault(5)) {
        ++seen["capture unknown"];
        if (below(2) == 0)
          take(c->payment);
        apply(desk_->captured({capture_outcome::unknown, {}, {}, "lost"}, now_));
      } else if (fault(6) && !money_[c->payment.id].taken) {
        apply(desk_->captured({capture_outcome::declined, {}, {}, "no money"}, now_));
      } else {
        take(c->payment);
        apply(desk_->captured({capture_outcome::approved, now_, "DONE", {}}, now_));
      }
    } else if (auto* f = std::get_if<find_capture_action>(&a)) {
      if (fault(4))
        apply(desk_->captured({capture_outcome::unknown, {}, {}, "lost"}, now_));
      else if (money_[f->payment.id].taken)
        apply(desk_->captured({capture_outcome::approved, now_, "DONE", {}}, now_));
      else
        apply(desk_->captured({capture_outcome::not_found, {}, {}, {}}, now_));
    } else if (auto* r = std::get_if<refund_action>(&a)) {
      if (fault(4)) {
        if (below(2) == 0)
          give_back(r->payment);
        apply(desk_->refunded({capture_outcome::unknown, {}, {}, "lost"}, now_));
      } else {
        give_back(r->payment);
        apply(desk_->refunded({capture_outcome::approved, now_, "CANCELED", {}}, now_));
      }
    } else if (auto* t = std::get_if<tell_payment_action>(&a)) {
      ASSERT_EQ(rows_.at(t->payment.id).status, payment_status::captured) << "durable first";
      if (fault(4)) {
        if (below(2) == 0)
          apply_payment(t->payment);
        apply(desk_->judged(failure{errc::timeout}, now_));
      } else {
        apply(desk_->judged(apply_payment(t->payment), now_));
      }
    } else if (auto* tr = std::get_if<tell_refund_action>(&a)) {
      ASSERT_EQ(rows_.at(tr->payment.id).status, payment_status::refunded) << "durable first";
      if (!fault(4))
        apply_refund(tr->payment);
      apply(desk_->refund_told(now_));
    }
  }

  void check_end() {
    ASSERT_TRUE(desk_->idle());
    ASSERT_TRUE(jobs_.empty()) << "every job was answered";
    ASSERT_TRUE(news_.empty());
    int kept = 0;
    for (const auto& [id, row] : rows_) {
      const auto m = money_.contains(id) ? money_.at(id) : money{};
      ASSERT_NE(row.status, payment_status::capturing);
      ASSERT_NE(row.status, payment_status::refunding);
      ASSERT_EQ(m.taken && !m.returned, row.status == payment_status::captured);
      ASSERT_EQ(m.returned, row.status == payment_status::refunded);
      if (row.status == payment_status::captured) {
        ++kept;
        ++seen["ended captured"];
        ASSERT_EQ(stage_, stage::confirmed) << "money kept for a reservation that is not confirmed";
        ASSERT_EQ(confirmed_by_, id);
        ASSERT_TRUE(row.resolved);
      }
      if (row.status == payment_status::refunded)
        ++seen["ended refunded"];
    }
    ASSERT_EQ(kept, stage_ == stage::confirmed ? 1 : 0);
    const auto standing_ = desk_->standing();
    if (standing_) {
      ASSERT_EQ(standing_->state, kept == 1 ? standing::captured : standing::none);
    }
  }

  std::mt19937_64 rng_;
  time_point now_ = start;
  bool faults_ = true;
  std::unique_ptr<environment> env_;
  reservation_id reservation_;
  event_id event_;
  user_id owner_;
  user_id stranger_;
  std::int64_t amount_ = 50'000;

  std::optional<desk> desk_;
  std::vector<desk_action> calls_;
  bool waits_ = false;
  std::uint64_t last_job_ = 0;
  std::map<std::uint64_t, std::string> jobs_;
  std::optional<uuid> news_in_desk_;

  // durable
  std::map<payment_id, payment_view> rows_;
  std::set<uuid> processed_;
  std::vector<std::pair<std::string, payment_id>> outbox_;
  std::size_t to_ticket_ = 0;
  std::map<payment_id, money> money_;
  stage stage_ = stage::pending;
  payment_id confirmed_by_;
  std::set<payment_id> confirmed_once_;
  std::map<uuid, verdict_news> verdicts_;
  std::vector<news_job> news_; ///< the ticket role's outbox
};

TEST(desk_test, model_money_is_kept_only_for_a_confirmed_reservation) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    world w{seed};
    w.run();
    if (HasFatalFailure())
      FAIL() << "seed " << seed;
    for (const auto& [what, times] : w.seen)
      seen[what] += times;
  }
  // The world reached its corners.
  for (const auto* what : {"crash",
                           "write failed",
                           "write unknown",
                           "capture unknown",
                           "ended captured",
                           "ended refunded",
                           "reservation cancelled",
                           "reservation expired",
                           "confirm ok",
                           "process ok",
                           "prepare ok",
                           "cancel ok",
                           "confirm conflict",
                           "process conflict",
                           "confirm already_confirmed",
                           "confirm in_doubt",
                           "process in_doubt",
                           "confirm not_found",
                           "confirm amount_mismatch",
                           "prepare forbidden",
                           "prepare amount_mismatch",
                           "prepare already_confirmed",
                           "confirm not_pending",
                           "process invalid_request",
                           "cancel invalid_request"})
    EXPECT_GT(seen[what], 0) << what;
}

// -- single steps ----------------------------------------------------------------------------

class desk_step_test : public ::testing::Test {
protected:
  std::unique_ptr<environment> env = make_seeded_environment(1, [] { return start; });
  user_id owner{make_uuid(*env)};
  reservation_id reservation{make_uuid(*env)};
  desk d{reservation, {"demo", true, true, 2}};

  template <class Action>
  static const Action* only(const desk_actions& actions) {
    return actions.size() == 1 ? std::get_if<Action>(&actions[0]) : nullptr;
  }

  void load() {
    d.accept(0, resume_job{}, start);
    d.loaded(std::vector<payment_view>{}, start);
  }

  process_job pay() { return {owner, "card", make_fresh_ids(*env)}; }
};

TEST_F(desk_step_test, nothing_is_said_about_a_payment_before_it_is_loaded) {
  EXPECT_FALSE(d.standing());
  load();
  EXPECT_EQ(d.standing()->state, standing::none);
}

TEST_F(desk_step_test, a_capture_is_announced_from_the_first_question_on) {
  load();
  d.accept(1, pay(), start);
  EXPECT_EQ(d.standing()->state, standing::capturing);
  d.payable(desk::terms{100, {}}, start);
  EXPECT_EQ(d.standing()->state, standing::capturing);
  d.written(write_outcome::committed, start);
  EXPECT_EQ(d.standing()->state, standing::capturing);
  d.captured({capture_outcome::approved, start, "DONE", {}}, start);
  EXPECT_EQ(d.standing()->state, standing::capturing) << "captured, but not durable";
  d.written(write_outcome::committed, start);
  const auto s = *d.standing();
  EXPECT_EQ(s.state, standing::captured);
  EXPECT_EQ(s.amount, 100);
  EXPECT_EQ(s.user, owner);
  EXPECT_EQ(s.payment, d.rows().front().id);
  EXPECT_EQ(s.message, d.rows().front().confirm_message);
}

TEST_F(desk_step_test, the_queue_of_jobs_has_a_bound) {
  load();
  d.accept(1, pay(), start);
  d.accept(2, pay(), start);
  d.accept(3, pay(), start);
  const auto out = d.accept(4, pay(), start);
  const auto* answer = only<answer_action>(out);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->job, 4u);
  EXPECT_EQ(answer->what.error().code, errc::overloaded);
}

TEST_F(desk_step_test, a_provider_that_needs_a_key_refuses_to_process) {
  desk strict{reservation, {"toss", false, false, 2}};
  strict.accept(0, resume_job{}, start);
  strict.loaded(std::vector<payment_view>{}, start);
  const auto out = strict.accept(1, pay(), start);
  const auto* answer = only<answer_action>(out);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->what.error().code, errc::invalid_request);
}

TEST_F(desk_step_test, a_taken_payment_key_is_the_callers_fault) {
  load();
  d.accept(1, prepare_job{owner, 0, make_fresh_ids(*env)}, start);
  d.payable(desk::terms{100, {}}, start);
  d.written(write_outcome::committed, start);
  const auto order = d.rows().front().order_id;
  d.accept(2, confirm_job{owner, order, "key", 100}, start);
  d.payable(desk::terms{100, {}}, start);
  const auto out = d.written(write_outcome::key_taken, start);
  const auto* answer = only<answer_action>(out);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->what.error().code, errc::invalid_request);
  EXPECT_EQ(d.rows().front().status, payment_status::pending);
  EXPECT_TRUE(d.idle());
}

TEST_F(desk_step_test, a_refusal_to_end_what_was_paid_for_keeps_the_money_where_it_is) {
  load();
  d.accept(1, pay(), start);
  d.payable(desk::terms{100, {}}, start);
  d.written(write_outcome::committed, start);
  d.captured({capture_outcome::approved, start, "DONE", {}}, start);
  d.written(write_outcome::committed, start);
  d.judged(verdict_news{true, {}}, start);
  const auto asked = d.accept(2, cancel_job{owner, d.rows().front().id, "r"}, start);
  const auto* question = only<end_subject_action>(asked);
  ASSERT_NE(question, nullptr);
  EXPECT_EQ(question->user, owner);
  EXPECT_EQ(question->payment, d.rows().front().id);
  const auto out = d.subject_ended(failure{errc::conflict, "sold on"}, start);
  const auto* answer = only<answer_action>(out);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->what.error(), (failure{errc::conflict, "sold on"}));
  EXPECT_EQ(d.rows().front().status, payment_status::captured);
  EXPECT_TRUE(d.idle());
}

TEST_F(desk_step_test, what_an_earlier_owner_gave_back_is_the_answer_to_the_repetition) {
  const auto asked = [&](payment_status status, bool repeated) {
    payment_view row;
    row.id = payment_id{make_uuid(*env)};
    row.user = owner;
    row.status = status;
    desk after{reservation, {"demo", true, true, 4}};
    after.accept(0, resume_job{}, start);
    after.loaded(std::vector<payment_view>{row}, start);
    for (const auto& action : after.accept(1, cancel_job{owner, row.id, "r", repeated}, start))
      if (const auto* answer = std::get_if<answer_action>(&action); answer && answer->job == 1)
        return std::string{answer->what ? "done" : to_string_view(answer->what.error().code)};
    return std::string{"goes on"};
  };
  EXPECT_EQ(asked(payment_status::refunded, true), "done");
  EXPECT_EQ(asked(payment_status::refunding, true), "goes on") << "until it is given back";
  EXPECT_EQ(asked(payment_status::captured, true), "goes on");
  EXPECT_EQ(asked(payment_status::failed, true), "invalid_request");
  EXPECT_EQ(asked(payment_status::refunded, false), "invalid_request");
}

TEST_F(desk_step_test, a_payment_that_nobody_finishes_keeps_a_listing_for_a_while_only) {
  desk listing{{subject_kind::transfer, make_uuid(*env)}, {"demo", true, true, 4}};
  listing.accept(0, resume_job{}, start);
  listing.loaded(std::vector<payment_view>{}, start);
  const user_id other{make_uuid(*env)};
  listing.accept(1, prepare_job{other, 0, make_fresh_ids(*env)}, start);
  listing.payable(desk::terms{110, {}}, start);
  listing.written(write_outcome::committed, start);
  const auto first = listing.rows().front();
  EXPECT_EQ(first.kind, subject_kind::transfer);
  EXPECT_TRUE(first.reservation.is_nil());

  listing.accept(2, pay(), start + milliseconds{1000});
  auto out = listing.payable(desk::terms{110, {}}, start + milliseconds{1000});
  ASSERT_NE(only<answer_action>(out), nullptr);
  EXPECT_EQ(only<answer_action>(out)->what.error().code, errc::conflict);

  const auto later = start + milliseconds{300'000};
  listing.accept(3, pay(), later);
  out = listing.payable(desk::terms{110, {}}, later);
  const auto* way = only<write_action>(out);
  ASSERT_NE(way, nullptr);
  EXPECT_EQ(way->change.next.id, first.id);
  EXPECT_EQ(way->change.next.status, payment_status::failed);
  out = listing.written(write_outcome::committed, later);
  ASSERT_NE(only<ask_payable_action>(out), nullptr) << "the job goes on from the beginning";
  out = listing.payable(desk::terms{110, {}}, later);
  const auto* own = only<write_action>(out);
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->change.next.user, owner);
  EXPECT_EQ(own->change.next.status, payment_status::capturing);
}

TEST_F(desk_step_test, a_membership_is_paid_again_when_it_is_over_and_not_by_a_second_click) {
  desk member{{subject_kind::membership, make_uuid(*env)}, {"demo", true, true, 4}};
  member.accept(0, resume_job{}, start);
  member.loaded(std::vector<payment_view>{}, start);
  const auto buy = [&](std::uint64_t job) {
    member.accept(job, pay(), start);
    member.payable(desk::terms{30'000, {}}, start);
    member.written(write_outcome::committed, start);
    member.captured({capture_outcome::approved, start, "DONE", {}}, start);
    member.written(write_outcome::committed, start);
    member.judged(verdict_news{true, {}}, start);
    const auto paid = member.rows().front().id;
    member.accept(job + 1, news_job{make_uuid(*env), reservation_news::confirmed, paid, {}}, start);
    member.written(write_outcome::committed, start);
    EXPECT_TRUE(member.rows().front().resolved);
    return paid;
  };
  const auto first = buy(1);
  member.accept(3, pay(), start);
  auto out = member.payable(failure{errc::not_pending, "active"}, start);
  ASSERT_NE(only<answer_action>(out), nullptr);
  ASSERT_TRUE(only<answer_action>(out)->what);
  EXPECT_EQ(only<answer_action>(out)->what->payment.id, first);
  EXPECT_TRUE(only<answer_action>(out)->what->repeated);

  out = member.accept(4, cancel_job{owner, first, "r"}, start);
  ASSERT_NE(only<answer_action>(out), nullptr);
  EXPECT_EQ(only<answer_action>(out)->what.error().code, errc::invalid_request);

  const auto second = buy(5);
  EXPECT_NE(second, first);
  EXPECT_EQ(member.rows().size(), 2u);
}

TEST_F(desk_step_test, answers_that_nobody_asked_for_change_nothing) {
  load();
  EXPECT_TRUE(d.subject_ended({}, start).empty());
  EXPECT_TRUE(d.written(write_outcome::committed, start).empty());
  EXPECT_TRUE(d.captured({capture_outcome::approved, start, {}, {}}, start).empty());
  EXPECT_TRUE(d.refunded({capture_outcome::approved, start, {}, {}}, start).empty());
  EXPECT_TRUE(d.judged(verdict_news{true, {}}, start).empty());
  EXPECT_TRUE(d.refund_told(start).empty());
  EXPECT_TRUE(d.payable(desk::terms{}, start).empty());
  EXPECT_TRUE(d.looked_up(std::optional<payment_view>{}, start).empty());
  EXPECT_TRUE(d.loaded(std::vector<payment_view>{}, start).empty());
  EXPECT_TRUE(d.wake(start).empty());
  EXPECT_TRUE(d.idle());
}

} // namespace
} // namespace tiketi::payment
