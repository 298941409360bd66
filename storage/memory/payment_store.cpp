#include "storage/memory/payment_store.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <tuple>

namespace tiketi::memory {

using namespace payment;

struct payment_store::shared {
  std::mutex mutex;
  payment_state state;
  std::function<commit_fault(const std::vector<payment_write>&)> hook;
  bool away = false;
};

namespace {

constexpr std::size_t rows_max = 20;

payment_written ended(commit_status status) {
  payment_written out;
  out.status = status;
  return out;
}

/// The rules that the schema states with CHECK and unique indexes.
bool is_sound(const payment_state& s, const payment_view& next) {
  const auto paid = next.status == payment_status::captured
                    || next.status == payment_status::refunding
                    || next.status == payment_status::refunded;
  const auto approved = to_millis(next.approved_at) > 0;
  const auto refunded = to_millis(next.refunded_at) > 0;
  if (next.amount < 0 || next.refund_amount < 0 || next.refund_amount > next.amount
      || paid != approved || (next.status == payment_status::refunded) != refunded)
    return false;
  return std::none_of(s.payments.begin(), s.payments.end(), [&](const auto& entry) {
    const auto& p = entry.second;
    return p.id != next.id
           && (p.order_id == next.order_id
               || (is_open(next) && subject_of(p) == subject_of(next) && is_open(p)));
  });
}

bool key_taken(const payment_state& s, const payment_view& next) {
  return !next.payment_key.empty() && next.status != payment_status::failed
         && std::any_of(s.payments.begin(), s.payments.end(), [&](const auto& entry) {
              const auto& p = entry.second;
              return p.id != next.id && p.status != payment_status::failed
                     && p.payment_key == next.payment_key;
            });
}

// The command is checked whole before anything of it is written, so nothing has to be undone.
payment_written apply(payment_state& s, const write_payment& c) {
  const auto& next = c.change.next;
  if (!c.change.processed.is_nil() && s.processed.contains(c.change.processed)) {
    auto out = ended(commit_status::committed);
    out.duplicate = true;
    return out;
  }
  const auto found = s.payments.find(next.id);
  const auto fits = next.version == 1
                        ? found == s.payments.end()
                        : found != s.payments.end() && found->second.version + 1 == next.version;
  if (!fits)
    return ended(commit_status::rejected);
  if (key_taken(s, next)) {
    auto out = ended(commit_status::rejected);
    out.key_taken = true;
    return out;
  }
  if (!is_sound(s, next))
    return ended(commit_status::rejected);
  s.payments[next.id] = next;
  if (!c.change.processed.is_nil())
    s.processed.insert(c.change.processed);
  for (const auto& e : c.change.events) {
    s.outbox.push_back(e);
    s.outbox.back().sequence = ++s.last_sequence;
  }
  for (const auto& line : c.change.log)
    s.log.emplace_back(next.id, line);
  return ended(commit_status::committed);
}

bool newer(const payment_view& a, const payment_view& b) {
  return std::tie(b.created_at, b.id) < std::tie(a.created_at, a.id);
}

} // namespace

class payment_store::query_view final : public payment_queries {
public:
  explicit query_view(std::shared_ptr<shared> data) : data_(std::move(data)) {}

  result<std::vector<payment_view>> payments_of(const payment_subject& subject) override {
    auto out = matching([&](const auto& p) { return subject_of(p) == subject; });
    if (out) {
      std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) {
        return is_live(a.status) != is_live(b.status) ? is_live(a.status) : newer(a, b);
      });
      if (out->size() > rows_max)
        out->resize(rows_max);
    }
    return out;
  }

  result<std::optional<payment_view>> find(payment_id id) override {
    return first(matching([&](const auto& p) { return p.id == id; }));
  }

  result<std::optional<payment_view>> find_by_order(const std::string& order_id) override {
    return first(matching([&](const auto& p) { return p.order_id == order_id; }));
  }

  result<std::optional<payment_view>> find_by_key(const std::string& payment_key) override {
    return first(matching([&](const auto& p) {
      return !payment_key.empty() && p.payment_key == payment_key
             && p.status != payment_status::failed;
    }));
  }

  result<payment_page> payments_by(user_id user, std::int64_t limit, std::int64_t offset) override {
    auto rows = matching([&](const auto& p) { return p.user == user; });
    if (!rows)
      return rows.error();
    std::sort(rows->begin(), rows->end(), newer);
    payment_page page;
    page.total = static_cast<std::int64_t>(rows->size());
    for (auto i = offset; i < page.total && i < offset + limit; ++i)
      page.payments.push_back((*rows)[static_cast<std::size_t>(i)]);
    return page;
  }

  result<std::vector<payment_view>> unfinished(payment_id after, std::size_t limit) override {
    auto rows = matching([&](const auto& p) {
      return p.id > after
             && (p.status == payment_status::capturing || p.status == payment_status::refunding);
    });
    if (rows && rows->size() > limit)
      rows->resize(limit);
    return rows;
  }

private:
  /// By id.
  template <class Predicate>
  result<std::vector<payment_view>> matching(Predicate fits) {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    std::vector<payment_view> out;
    for (const auto& [id, p] : data_->state.payments)
      if (fits(p))
        out.push_back(p);
    return out;
  }

  static result<std::optional<payment_view>> first(result<std::vector<payment_view>> rows) {
    if (!rows)
      return rows.error();
    if (rows->empty())
      return std::optional<payment_view>{};
    return std::optional<payment_view>{std::move(rows->front())};
  }

  std::shared_ptr<shared> data_;
};

class payment_store::outbox_view final : public outbox_store {
public:
  explicit outbox_view(std::shared_ptr<shared> data) : data_(std::move(data)) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    const auto& rows = data_->state.outbox;
    auto at = std::upper_bound(rows.begin(), rows.end(), sequence,
                               [](std::int64_t s, const auto& e) { return s < e.sequence; });
    std::vector<domain_event> out;
    for (; at != rows.end() && out.size() < limit; ++at)
      out.push_back(*at);
    return out;
  }

  result<std::map<std::string, std::int64_t>> cursors() override {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    return data_->state.cursors;
  }

  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    data_->state.cursors[consumer] = sequence;
    return {};
  }

  result<void> set_aside(const std::string& consumer, const domain_event& event,
                         const std::string& reason, time_point) override {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    auto& dead = data_->state.dead;
    const auto known = std::any_of(dead.begin(), dead.end(), [&](const auto& d) {
      return d.consumer == consumer && d.event.id == event.id;
    });
    if (!known)
      dead.push_back({consumer, event, reason});
    return {};
  }

  result<void> purge(time_point before) override {
    const std::lock_guard lock{data_->mutex};
    if (data_->away)
      return failure{errc::unavailable};
    auto& s = data_->state;
    if (s.cursors.empty())
      return {};
    auto applied = s.last_sequence;
    for (const auto& [consumer, sequence] : s.cursors)
      applied = std::min(applied, sequence);
    std::erase_if(s.outbox,
                  [&](const auto& e) { return e.sequence <= applied && e.occurred_at < before; });
    return {};
  }

private:
  std::shared_ptr<shared> data_;
};

payment_store::payment_store() : shared_(std::make_shared<shared>()) {}

std::vector<payment_written> payment_store::commit(std::vector<payment_write>& batch) {
  const std::lock_guard lock{shared_->mutex};
  std::vector<payment_written> out(batch.size());
  if (shared_->away)
    return out;
  const auto fault = shared_->hook ? shared_->hook(batch) : commit_fault::none;
  if (fault == commit_fault::refused)
    return out;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto* write = std::get_if<write_payment>(&batch[i].command);
    if (!write)
      continue;
    if (fault != commit_fault::commit_lost)
      out[i] = apply(shared_->state, *write);
    if (fault != commit_fault::none)
      out[i] = ended(commit_status::unknown);
  }
  if (fault != commit_fault::none)
    return out;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto* look = std::get_if<look_up_payment>(&batch[i].command)) {
      out[i] = ended(commit_status::committed);
      const auto found = shared_->state.payments.find(look->payment);
      if (found != shared_->state.payments.end())
        out[i].found = found->second;
    }
  }
  return out;
}

void payment_store::on_batch(std::function<commit_fault(const std::vector<payment_write>&)> hook) {
  const std::lock_guard lock{shared_->mutex};
  shared_->hook = std::move(hook);
}

void payment_store::set_away(bool away) {
  const std::lock_guard lock{shared_->mutex};
  shared_->away = away;
}

std::unique_ptr<payment_queries> payment_store::queries() const {
  return std::make_unique<query_view>(shared_);
}

std::unique_ptr<outbox_store> payment_store::outbox() const {
  return std::make_unique<outbox_view>(shared_);
}

const payment_state& payment_store::state() const {
  return shared_->state;
}

} // namespace tiketi::memory
