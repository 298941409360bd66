#include "actors/community/community_actor.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <optional>
#include <type_traits>
#include <utility>

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::community {

/// To itself: store the views that were counted.
struct flush_tick {};

} // namespace tiketi::community

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::community::flush_tick)

namespace tiketi::community {

namespace {

using impl_actor = community_actor::extend<caf::reacts_to<flush_tick>>;
using self_ptr = impl_actor::stateful_pointer<community_state>;

/// Why a write has not succeeded; nothing when it has.
std::optional<failure> refusal(const community_written& written) {
  switch (written.status) {
  case commit_status::committed:
    return std::nullopt;
  case commit_status::rejected:
    return written.refused.value_or(failure{errc::conflict});
  case commit_status::unknown:
    return failure{errc::unavailable, "Whether this was done is not known yet. Please try again."};
  case commit_status::failed:
    break;
  }
  return failure{errc::unavailable};
}

const reader_actor& pick_reader(community_state& state) {
  return state.neighbours.readers[state.next_reader++ % state.neighbours.readers.size()];
}

/// Asks a reader; `finish(reply)` may change the reply before it goes out.
template <class Reply, class Query, class Finish>
caf::result<Reply> read(self_ptr self, const Query& query, Finish finish) {
  auto promise = self->make_response_promise<Reply>();
  // The readers are local and always answer; the death of one is reported too.
  self->request(pick_reader(self->state), caf::infinite, query)
      .then(
          [promise, finish](Reply& reply) mutable {
            finish(reply);
            promise.deliver(std::move(reply));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

void note(self_ptr self, const community_written& written) {
  auto& state = self->state;
  if (written.awarded > 0)
    state.metrics->points_awarded.Increment(static_cast<double>(written.awarded));
  if (written.revoked > 0)
    state.metrics->points_revoked.Increment(static_cast<double>(written.revoked));
  if ((written.awarded > 0 || written.revoked > 0) && state.neighbours.relay)
    self->send(state.neighbours.relay, outbox_grew{});
}

/// Asks the writer and delivers what `pick(written)` takes from its answer.
template <class Promise, class Command, class Pick>
void write(self_ptr self, Promise promise, Command command, Pick pick) {
  community_write all{std::move(command), self->state.env->now(), self->state.options.awards};
  self->request(self->state.neighbours.writer, caf::infinite, std::move(all))
      .then(
          [self, promise, pick](community_written& written) mutable {
            if (const auto why = refusal(written)) {
              promise.deliver(to_caf(*why));
              return;
            }
            note(self, written);
            promise.deliver(pick(written));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
}

/// `then(name)` once the author is known to exist.
template <class Promise, class Then>
void with_author(self_ptr self, Promise promise, user_id author, Then then) {
  self->request(self->state.neighbours.accounts, caf::infinite, auth::get_user{author})
      .then([then](const auth::user_view& user) mutable { then(user.name); },
            [promise](caf::error& err) mutable {
              if (to_failure(err).code == errc::not_found)
                promise.deliver(to_caf({errc::unauthenticated, "This account no longer exists"}));
              else
                promise.deliver(std::move(err));
            });
}

news_row with_views(self_ptr self, news_row row) {
  row.views += self->state.views.unsaved(row.id.value);
  return row;
}

post_row with_views(self_ptr self, post_row row) {
  row.views += self->state.views.unsaved(row.id.value);
  return row;
}

void count_award(self_ptr self, prometheus::Counter& kind, const community_written& written) {
  kind.Increment();
  if (written.awarded == 0)
    self->state.metrics->over_limit.Increment();
}

caf::result<news_row> handle(self_ptr self, publish_news& cmd) {
  auto promise = self->make_response_promise<news_row>();
  with_author(self, promise, cmd.author, [self, promise, cmd](const std::string& name) mutable {
    const auto now = self->state.env->now();
    news_row row{news_id{make_uuid(*self->state.env)},
                 std::move(cmd.title),
                 std::move(cmd.content),
                 name,
                 cmd.author,
                 0,
                 cmd.pinned,
                 now,
                 now};
    write(self, promise, insert_news{std::move(row)}, [self](community_written& written) {
      count_award(self, self->state.metrics->news, written);
      return std::move(*written.news);
    });
  });
  return promise;
}

caf::result<post_row> handle(self_ptr self, publish_post& cmd) {
  auto promise = self->make_response_promise<post_row>();
  auto store = [self, promise, cmd](const std::string& name) mutable {
    const auto now = self->state.env->now();
    post_row row{post_id{make_uuid(*self->state.env)},
                 cmd.artist,
                 cmd.author,
                 name,
                 std::move(cmd.title),
                 std::move(cmd.content),
                 0,
                 0,
                 false,
                 now,
                 now};
    write(self, promise, insert_post{std::move(row)}, [self](community_written& written) {
      count_award(self, self->state.metrics->posts, written);
      return std::move(*written.post);
    });
  };
  self->request(self->state.neighbours.artists, caf::infinite, catalog::get_artist{cmd.artist})
      .then(
          [self, promise, store, author = cmd.author](const catalog::answer&) mutable {
            with_author(self, promise, author, std::move(store));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

caf::result<comment_row> handle(self_ptr self, publish_comment& cmd) {
  auto promise = self->make_response_promise<comment_row>();
  with_author(self, promise, cmd.author, [self, promise, cmd](const std::string& name) mutable {
    comment_row row{comment_id{make_uuid(*self->state.env)},
                    cmd.post,
                    cmd.author,
                    name,
                    std::move(cmd.content),
                    self->state.env->now()};
    write(self, promise, insert_comment{std::move(row)}, [self](community_written& written) {
      count_award(self, self->state.metrics->comments, written);
      return std::move(*written.comment);
    });
  });
  return promise;
}

template <class Command>
caf::result<deleted> remove(self_ptr self, const Command& cmd) {
  auto promise = self->make_response_promise<deleted>();
  write(self, promise, cmd, [self](community_written&) {
    self->state.metrics->deletions.Increment();
    return deleted{};
  });
  return promise;
}

void flush(self_ptr self) {
  auto views = self->state.views.take();
  if (views.empty())
    return;
  community_write all{add_views{std::move(views)}, self->state.env->now(), {}};
  self->request(self->state.neighbours.writer, caf::infinite, std::move(all))
      .then(
          [self](const community_written& written) {
            // In doubt they are left out: rather one too few than counted twice.
            const bool again = written.status == commit_status::failed;
            if (again)
              self->state.metrics->views_lost.Increment();
            self->state.views.stored(!again);
          },
          [self](const caf::error& err) {
            spdlog::warn("community: views were not stored: {}", to_failure(err).text);
            self->state.metrics->views_lost.Increment();
            self->state.views.stored(false);
          });
}

void leave(self_ptr self, const caf::error& reason) {
  flush(self);
  // Behind the views in the writer's mailbox: it finishes what it has first.
  for (const auto& r : self->state.neighbours.readers)
    self->send_exit(r, caf::exit_reason::user_shutdown);
  self->send_exit(self->state.neighbours.writer, caf::exit_reason::user_shutdown);
  self->quit(reason);
}

impl_actor::behavior_type behave(self_ptr self, environment* env,
                                 std::shared_ptr<community_metrics> metrics,
                                 const community_options& options,
                                 community_neighbours neighbours) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = options;
  state.neighbours = std::move(neighbours);
  state.views = view_counter{options.views};
  self->set_exit_handler([self](caf::exit_msg& x) { leave(self, x.reason); });
  self->delayed_send(self, options.flush_every, flush_tick{});
  return {
      [self](const list_news& query) {
        return read<news_page>(self, query, [self](news_page& page) {
          for (auto& row : page.rows)
            row.views += self->state.views.unsaved(row.id.value);
        });
      },
      [self](const show_news& query) {
        return read<news_row>(self, query, [self, viewer = query.viewer](news_row& row) {
          self->state.views.seen(row.id.value, viewer, self->state.env->now());
          row = with_views(self, std::move(row));
        });
      },
      [self](const list_posts& query) {
        return read<post_page>(self, query, [self](post_page& page) {
          for (auto& row : page.rows)
            row.views += self->state.views.unsaved(row.id.value);
        });
      },
      [self](const show_post& query) {
        return read<post_row>(self, query, [self, viewer = query.viewer](post_row& row) {
          self->state.views.seen(row.id.value, viewer, self->state.env->now());
          row = with_views(self, std::move(row));
        });
      },
      [self](const list_comments& query) {
        return read<comment_page>(self, query, [](comment_page&) {});
      },
      [self](publish_news& cmd) { return handle(self, cmd); },
      [self](const edit_news& cmd) -> caf::result<news_row> {
        auto promise = self->make_response_promise<news_row>();
        write(self, promise, cmd, [self](community_written& written) {
          return with_views(self, std::move(*written.news));
        });
        return promise;
      },
      [self](const delete_news& cmd) { return remove(self, cmd); },
      [self](publish_post& cmd) { return handle(self, cmd); },
      [self](const edit_post& cmd) -> caf::result<post_row> {
        auto promise = self->make_response_promise<post_row>();
        write(self, promise, cmd, [self](community_written& written) {
          return with_views(self, std::move(*written.post));
        });
        return promise;
      },
      [self](const delete_post& cmd) { return remove(self, cmd); },
      [self](publish_comment& cmd) { return handle(self, cmd); },
      [self](const delete_comment& cmd) { return remove(self, cmd); },
      [self](flush_tick) {
        flush(self);
        self->delayed_send(self, self->state.options.flush_every, flush_tick{});
      },
  };
}

} // namespace

community_actor spawn_community(caf::actor_system& sys, environment& env,
                                std::shared_ptr<community_metrics> metrics,
                                community_options options, community_neighbours neighbours) {
  return sys.spawn(behave, &env, std::move(metrics), options, std::move(neighbours));
}

} // namespace tiketi::community
