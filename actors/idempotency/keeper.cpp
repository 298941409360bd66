#include "actors/idempotency/keeper.hpp"

#include "actors/system/caf_error.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::idempotency {

namespace {

class keeper_state {
public:
  keeper_state() = default;

  using pointer = keeper::stateful_pointer<keeper_state>;
  using verdict_promise = caf::typed_response_promise<run_verdict>;

  void start(pointer self, std::shared_ptr<const keeper_context> context) {
    self_ = self;
    context_ = std::move(context);
    ledger_.emplace(context_->options.rules, context_->env->random());
    read_counts();
  }

  void begin(const claim& what, verdict_promise promise) {
    if (!started_) {
      if (waiting_.size() >= context_->options.waiting_max)
        promise.deliver(to_caf(errc::overloaded));
      else
        waiting_.push_back([=, this] { begin(what, promise); });
      return;
    }
    const auto v = ledger_->begin(what, now());
    if (v != verdict::look_up)
      return answer(v, promise);
    self_->request(context_->reader, caf::infinite, find_key{what.scope})
        .then(
            [=, this, scope = what.scope](const found_key& found) {
              looked_up(scope, ledger_->looked_up(scope, found.record, now()), promise);
            },
            [=, this, scope = what.scope](const caf::error&) mutable {
              ledger_->give_up(scope);
              promise.deliver(to_caf(errc::unavailable));
            });
  }

  void end(end_run& run) {
    const auto scope = run.scope;
    switch (ledger_->finish(scope, std::move(run.answer))) {
    case fate::free:
      run.deliver(nullptr);
      break;
    case fate::drop:
      write(drop_key{scope},
            [deliver = std::move(run.deliver)](const key_written*) { deliver(nullptr); });
      break;
    case fate::keep:
      write(keep_answer{ledger_->record(scope)},
            [scope, deliver = std::move(run.deliver), this](const key_written* written) {
              if (written && written->status == commit_status::rejected)
                return answered_elsewhere(scope, deliver);
              // Unknown: it may be there.
              const bool is_stored = written && written->status != commit_status::failed;
              if (!written || written->status != commit_status::committed)
                context_->metrics->unkept.Increment();
              ledger_->kept(scope, is_stored);
              deliver(nullptr);
            });
    }
  }

  void tick() {
    if (!started_)
      return read_counts();
    const auto& options = context_->options;
    self_->delayed_send(self_, options.tick_interval, keeper_tick{});
    if (options.on_duty && ++ticks_ % options.recount_every == 0)
      recount();
    if (!options.on_duty || options.on_duty())
      purge();
  }

  void update_gauge() { context_->metrics->keys.Set(static_cast<double>(ledger_->keys())); }

private:
  using written_callback = std::function<void(const key_written*)>;

  time_point now() const { return context_->env->now(); }

  void read_counts() {
    self_->request(context_->reader, caf::infinite, count_keys{})
        .then(
            [this](const key_counts& counts) {
              for (const auto& [owner, keys] : counts.owners)
                ledger_->add_stored(owner, keys);
              started_ = true;
              for (auto& use : std::exchange(waiting_, {}))
                use();
              tick();
              update_gauge();
            },
            [this](const caf::error& err) {
              spdlog::error("idempotency keys cannot be read: {}", to_failure(err).text);
              self_->delayed_send(self_, context_->options.retry_interval, keeper_tick{});
            });
  }

  void recount() {
    self_->request(context_->reader, caf::infinite, count_keys{})
        .then(
            [this](const key_counts& counts) {
              ledger_->recount({counts.owners.begin(), counts.owners.end()});
              update_gauge();
            },
            [](const caf::error& err) {
              spdlog::warn("idempotency keys were not counted: {}", to_failure(err).text);
            });
  }

  /// Another node kept an answer first.
  void answered_elsewhere(const digest& scope,
                          const std::function<void(const kept_answer*)>& deliver) {
    const auto keep_own = [=, this] {
      context_->metrics->unkept.Increment();
      ledger_->kept(scope, true);
      deliver(nullptr);
    };
    self_->request(context_->reader, caf::infinite, find_key{scope})
        .then(
            [=, this](const found_key& found) {
              if (!found.record || found.record->expires_at <= now())
                return keep_own();
              const auto v = ledger_->looked_up(scope, found.record, now());
              deliver(v == verdict::replay ? &ledger_->answer() : nullptr);
            },
            [=](const caf::error&) { keep_own(); });
  }

  void answer(verdict v, verdict_promise promise) {
    context_->metrics->count(v);
    promise.deliver(run_verdict{v, v == verdict::replay ? ledger_->answer() : kept_answer{}});
  }

  void looked_up(const digest& scope, verdict v, verdict_promise promise) {
    update_gauge();
    if (v != verdict::note)
      return answer(v, promise);
    write(note_run{ledger_->record(scope)}, [=, this](const key_written* written) mutable {
      if (written && written->status == commit_status::committed)
        return answer(verdict::run, promise);
      ledger_->give_up(scope);
      // Rejected: another node has the same key at this very moment.
      if (written && written->status == commit_status::rejected)
        answer(verdict::running, promise);
      else
        promise.deliver(to_caf(errc::unavailable));
    });
  }

  template <class What>
  void write(What what, written_callback done) {
    // The writer answers everything it takes, so a timeout would only add doubt.
    self_->request(context_->writer, caf::infinite, key_write{std::move(what), now()})
        .then(
            [this, done](const key_written& written) {
              done(&written);
              update_gauge();
            },
            [this, done](const caf::error&) {
              done(nullptr);
              update_gauge();
            });
  }

  void purge() {
    if (purging_)
      return;
    purging_ = true;
    const auto most = context_->options.purge_max;
    write(purge_keys{now(), most}, [this, most](const key_written* written) {
      purging_ = false;
      if (!written || written->status != commit_status::committed)
        return;
      for (const auto& owner : written->purged)
        ledger_->removed(owner);
      if (written->purged.size() >= most)
        purge();
    });
  }

  pointer self_ = nullptr;
  std::shared_ptr<const keeper_context> context_;
  std::optional<key_ledger> ledger_;
  std::vector<std::function<void()>> waiting_;
  bool started_ = false;
  bool purging_ = false;
  int ticks_ = 0;
};

static_assert(!std::is_aggregate_v<keeper_state>);

keeper::behavior_type keeper_behavior(keeper_state::pointer self,
                                      std::shared_ptr<const keeper_context> context) {
  self->state.start(self, std::move(context));
  return {
      [self](const begin_run& m) -> caf::result<run_verdict> {
        auto promise = self->make_response_promise<run_verdict>();
        self->state.begin(m.what, promise);
        return promise;
      },
      [self](end_run& m) {
        self->state.end(m);
        self->state.update_gauge();
      },
      [self](keeper_tick) { self->state.tick(); },
  };
}

} // namespace

keeper spawn_keeper(caf::actor_system& sys, std::shared_ptr<const keeper_context> context) {
  return sys.spawn(keeper_behavior, std::move(context));
}

key_reader::behavior_type key_reading(key_reader::pointer, std::shared_ptr<key_queries> queries) {
  return {
      [queries](const find_key& query) -> caf::result<found_key> {
        auto found = queries->find(query);
        if (!found)
          return to_caf(found.error());
        return std::move(*found);
      },
      [queries](count_keys) -> caf::result<key_counts> {
        auto counts = queries->counts();
        if (!counts)
          return to_caf(counts.error());
        return std::move(*counts);
      },
  };
}

} // namespace tiketi::idempotency
