#include "actors/catalog/admin.hpp"

#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::catalog {

namespace {

using nlohmann::json;

// -- reader
// ----------------------------------------------------------------------------------------

struct find_event {
  event_id event;
};
struct found_event {
  std::optional<event_row> event;
};
struct find_layouts {};
struct find_layout {
  layout_id layout;
};
struct find_artist {
  artist_id artist;
};
struct found_artist {
  std::optional<artist_row> artist;
};
struct count_events {};
struct event_count {
  std::int64_t events = 0;
};

/// To itself: ask the ticket role again.
struct apply_tick {};

} // namespace
} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::find_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::found_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::find_layouts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::find_layout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::find_artist)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::found_artist)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::count_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::event_count)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::apply_tick)

namespace tiketi::catalog {
namespace {

using admin_reader_actor = caf::typed_actor<caf::replies_to<find_event>::with<found_event>,
                                            caf::replies_to<find_layouts>::with<layouts_answer>,
                                            caf::replies_to<find_layout>::with<layouts_answer>,
                                            caf::replies_to<find_artist>::with<found_artist>,
                                            caf::replies_to<count_events>::with<event_count>>;

struct admin_reader_state {
  admin_reader_state() = default;

  std::shared_ptr<catalog_admin_queries> queries;
};

admin_reader_actor::behavior_type
admin_reader_behavior(admin_reader_actor::stateful_pointer<admin_reader_state> self,
                      std::shared_ptr<catalog_admin_queries> queries) {
  self->state.queries = std::move(queries);
  return {
      [self](const find_event& q) -> caf::result<found_event> {
        auto found = self->state.queries->event(q.event);
        if (!found)
          return to_caf(found.error());
        return found_event{std::move(*found)};
      },
      [self](const find_layouts&) -> caf::result<layouts_answer> {
        auto found = self->state.queries->layouts();
        if (!found)
          return to_caf(found.error());
        return layouts_answer{std::move(*found)};
      },
      [self](const find_layout& q) -> caf::result<layouts_answer> {
        auto found = self->state.queries->layout(q.layout);
        if (!found)
          return to_caf(found.error());
        layouts_answer out;
        if (*found)
          out.layouts.push_back(std::move(**found));
        return out;
      },
      [self](const find_artist& q) -> caf::result<found_artist> {
        auto found = self->state.queries->artist(q.artist);
        if (!found)
          return to_caf(found.error());
        return found_artist{std::move(*found)};
      },
      [self](const count_events&) -> caf::result<event_count> {
        auto found = self->state.queries->event_count();
        if (!found)
          return to_caf(found.error());
        return event_count{*found};
      },
  };
}

// -- administration
// --------------------------------------------------------------------------------

using control_actor = admin_actor::extend<caf::reacts_to<apply_tick>>;

template <class T>
using promise_of = caf::typed_response_promise<T>;

audit_note note_of(const admin_caller& by, std::string action, std::string type,
                   std::optional<uuid> resource, int status, const json& detail = json::object()) {
  audit_note out;
  out.admin = by.user;
  out.address = by.address;
  out.action = std::move(action);
  out.resource_type = std::move(type);
  out.resource = resource;
  out.status = status;
  out.detail = detail.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

json nullable(const std::optional<std::string>& text) {
  return text ? json(*text) : json();
}

json nullable(const std::optional<time_point>& t) {
  return t ? json(to_iso(*t)) : json();
}

/// What an administrator changes about an event, for the audit log.
template <class Event>
json values_of(const Event& e) {
  return {{"title", e.title},
          {"venue", e.venue},
          {"eventDate", to_iso(e.event_date)},
          {"saleStartDate", nullable(e.sale_start)},
          {"saleEndDate", nullable(e.sale_end)},
          {"artistName", nullable(e.artist_name)},
          {"seatLayoutId", e.layout.is_nil() ? json() : json(to_string(e.layout))}};
}

json values_of(const ticket_type_row& t) {
  return {{"name", t.name}, {"price", t.price}, {"totalQuantity", t.total}};
}

class administration {
public:
  administration(control_actor::pointer self, environment& env, admin_options options,
                 admin_neighbours neighbours, admin_reader_actor reader)
      : self_(self),
        env_(env),
        options_(options),
        to_(std::move(neighbours)),
        reader_(std::move(reader)) {}

  template <class Reply, class Message>
  promise_of<Reply> handle(Message& message) {
    auto promise = self_->make_response_promise<Reply>();
    on(std::move(message), promise);
    return promise;
  }

  void on(note_refusal& m) { note(std::move(m.note)); }

  /// One tick for all who wait, and none while nobody does.
  void tick() {
    ticking_ = false;
    const auto now = env_.now();
    for (auto at = applies_.begin(); at != applies_.end();) {
      if (now >= at->until) {
        auto then = std::move(at->then);
        at = applies_.erase(at);
        then(false);
        continue;
      }
      if (!std::exchange(at->asked, true))
        ask_applied(at->message);
      ++at;
    }
    arm();
  }

private:
  // -- events ------------------------------------------------------------------------------------

  void on(add_event m, promise_of<event_saved> promise) {
    auto note = note_of(m.by, "CREATE_EVENT", "event", m.event.event.id.value, 201,
                        {{"after", values_of(m.event.event)}});
    write(promise, {std::move(m.event), std::move(note)}, [this, promise](const auto& done) {
      await(done, [promise, event = *done.event](bool) mutable {
        promise.deliver(event_saved{std::move(event)});
      });
    });
  }

  void on(change_event m, promise_of<event_saved> promise) {
    auto note = note_of(m.by, "UPDATE_EVENT", "event", m.edit.event.value, 200);
    with_event(promise, m.edit.event, "Event not found", note,
               [this, promise, m, note](const event_row& before) mutable {
                 note.detail =
                     json{{"before", values_of(before)}, {"after", values_of(m.edit.to)}}.dump(
                         -1, ' ', false, json::error_handler_t::replace);
                 const bool other = !m.edit.to.layout.is_nil() && m.edit.to.layout != before.layout;
                 if (!other) {
                   save(promise, m.edit, note);
                   return;
                 }
                 ask<ticket::event_stock>(
                     promise, to_.reservations, ticket::get_stock{m.edit.event}, note,
                     [this, promise, m, note](const ticket::event_stock& stock) mutable {
                       if (stock.live_seats > 0) {
                         refuse(promise,
                                {errc::conflict,
                                 "The seat layout cannot change while seats are held or sold"},
                                note);
                         return;
                       }
                       m.edit.new_layout = true;
                       save(promise, m.edit, note);
                     });
               });
  }

  void save(promise_of<event_saved> promise, edit_event edit, audit_note note) {
    write(promise, {std::move(edit), std::move(note)}, [this, promise](const auto& done) {
      await(done, [promise, event = *done.event](bool) mutable {
        promise.deliver(event_saved{std::move(event)});
      });
    });
  }

  void on(end_event m, promise_of<event_ended> promise) {
    const char* missing = m.remove ? "Event not found" : "Event not found or already cancelled";
    auto note =
        note_of(m.by, m.remove ? "DELETE_EVENT" : "CANCEL_EVENT", "event", m.event.value, 200);
    with_event(promise, m.event, missing, note, [=, this](const event_row& before) mutable {
      if (before.cancelled && !m.remove) {
        refuse(promise, {errc::not_found, missing}, note);
        return;
      }
      // Counted before: afterwards the sale is being ended.
      ask<ticket::event_stock>(
          promise, to_.reservations, ticket::get_stock{m.event}, note,
          [=, this](const ticket::event_stock& stock) mutable {
            note.detail = json{{"title", before.title}, {"liveReservations", stock.live}}.dump(
                -1, ' ', false, json::error_handler_t::replace);
            catalog_write command;
            if (m.remove)
              command.command = delete_event{m.event};
            else
              command.command = cancel_event{m.event};
            command.audit = note;
            write(promise, std::move(command), [this, promise, stock](const auto& done) {
              await(done, [promise, live = stock.live, event = *done.event](bool) mutable {
                promise.deliver(event_ended{std::move(event), live});
              });
            });
          });
    });
  }

  // -- seats -------------------------------------------------------------------------------------

  void on(change_seats m, promise_of<seats_changed> promise) {
    if (m.offered)
      make_seats(std::move(m), std::move(promise));
    else
      drop_seats(std::move(m), std::move(promise));
  }

  void make_seats(change_seats m, promise_of<seats_changed> promise) {
    auto note = note_of(m.by, "GENERATE_SEATS", "event", m.event.value, 200);
    with_event(promise, m.event, "Event not found", note, [=, this](const event_row& e) mutable {
      if (e.layout.is_nil()) {
        refuse(promise, {errc::invalid_request, "Seat layout is not configured for this event"},
               note);
        return;
      }
      if (!m.layout.is_nil() && m.layout != e.layout) {
        refuse(promise, {errc::conflict, "The event has another seat layout"}, note);
        return;
      }
      seats_of(promise, m.event, no_generation, note,
               [=, this, title = e.title](const ticket::event_stock& before) mutable {
                 if (before.seats > 0) {
                   refuse(promise,
                          {errc::invalid_request, "Seats already generated for this event"}, note);
                   return;
                 }
                 offer(promise, m.event, true, no_generation, note,
                       [promise, title](const ticket::event_stock& after) mutable {
                         promise.deliver(seats_changed{after.seats, title});
                       });
               });
    });
  }

  void drop_seats(change_seats m, promise_of<seats_changed> promise) {
    auto note = note_of(m.by, "DELETE_SEATS", "event", m.event.value, 200);
    ask<found_event>(
        promise, reader_, find_event{m.event}, note, [=, this](found_event& found) mutable {
          if (!found.event || found.event->layout.is_nil()) {
            this->note(note);
            promise.deliver(seats_changed{0, {}});
            return;
          }
          seats_of(
              promise, m.event, no_management, note,
              [=, this, title = found.event->title](const ticket::event_stock& before) mutable {
                if (before.live_seats > 0) {
                  refuse(promise,
                         {errc::invalid_request, "Cannot delete seats with active reservations"},
                         note);
                  return;
                }
                offer(promise, m.event, false, no_management, note,
                      [promise, title, before](const ticket::event_stock& after) mutable {
                        promise.deliver(seats_changed{
                            std::max<std::int64_t>(before.seats - after.seats, 0), title});
                      });
              });
        });
  }

  template <class Reply, class Then>
  void seats_of(promise_of<Reply> promise, event_id event, const char* outage, audit_note note,
                Then then) {
    self_->request(to_.reservations, caf::infinite, ticket::get_stock{event})
        .then([then](const ticket::event_stock& stock) mutable { then(stock); },
              [this, promise, outage, note](caf::error&) mutable {
                refuse(promise, {errc::unavailable, outage}, note);
              });
  }

  /// Changes what the catalog offers, waits until the sale has it so, and says what is there then.
  template <class Reply, class Then>
  void offer(promise_of<Reply> promise, event_id event, bool offered, const char* outage,
             const audit_note& note, Then then) {
    write(promise, {offer_seats{event, offered}, note},
          [this, promise, event, outage, then](const auto& done) {
            await(done, [this, promise, event, outage, then](bool applied) mutable {
              if (!applied) {
                promise.deliver(to_caf({errc::unavailable, outage}));
                return;
              }
              self_->request(to_.reservations, caf::infinite, ticket::get_stock{event})
                  .then([then](const ticket::event_stock& stock) mutable { then(stock); },
                        [promise, outage](caf::error&) mutable {
                          promise.deliver(to_caf({errc::unavailable, outage}));
                        });
            });
          });
  }

  // -- ticket types ------------------------------------------------------------------------------

  void on(save_type m, promise_of<type_saved> promise) {
    auto note = note_of(m.by, m.what.exists ? "UPDATE_TICKET_TYPE" : "CREATE_TICKET_TYPE",
                        "ticket_type", m.what.type.id.value, m.what.exists ? 200 : 201,
                        {{"after", values_of(m.what.type)}});
    if (!m.what.exists) {
      write_type(std::move(m.what), std::move(note), std::move(promise));
      return;
    }
    self_->request(to_.stock, caf::infinite, ticket::get_availability{m.what.type.id})
        .then(
            [=, this](const ticket::ticket_type_view& now) mutable {
              if (m.what.type.total < now.total - now.available) {
                refuse(promise, {errc::invalid_request, "Cannot set quantity below sold amount"},
                       note);
                return;
              }
              write_type(m.what, note, promise);
            },
            [=, this](caf::error& err) mutable {
              // One that the sale has not heard of has sold nothing.
              if (const auto why = to_failure(err); why.code != errc::not_found)
                refuse(promise, why, note);
              else
                write_type(m.what, note, promise);
            });
  }

  void write_type(put_ticket_type what, audit_note note, promise_of<type_saved> promise) {
    write(promise, {std::move(what), std::move(note)}, [this, promise](const auto& done) {
      const auto saved = *done.type;
      await(done, [this, promise, saved](bool) {
        self_->request(to_.stock, caf::infinite, ticket::get_availability{saved.type.id})
            .then(
                [promise, saved](const ticket::ticket_type_view& now) mutable {
                  promise.deliver(type_saved{saved, now.available});
                },
                [promise, saved](caf::error&) mutable {
                  promise.deliver(type_saved{saved, saved.type.total});
                });
      });
    });
  }

  // -- layouts and artists -----------------------------------------------------------------------

  void on(save_layout m, promise_of<layouts_answer> promise) {
    auto note = note_of(m.by, m.exists ? "UPDATE_LAYOUT" : "CREATE_LAYOUT", "seat_layout",
                        m.layout.id.value, m.exists ? 200 : 201, {{"name", m.layout.name}});
    auto go = [=, this] {
      write(promise, {put_layout{m.layout}, note}, [promise](const auto& done) mutable {
        promise.deliver(layouts_answer{{*done.layout}});
      });
    };
    if (!m.exists) {
      go();
      return;
    }
    ask<layouts_answer>(promise, reader_, find_layout{m.layout.id}, note,
                        [=, this](const layouts_answer& found) mutable {
                          if (found.layouts.empty())
                            refuse(promise, {errc::not_found, "Seat layout not found"}, note);
                          else
                            go();
                        });
  }

  void on(const drop_layout& m, promise_of<layouts_answer> promise) {
    write(promise,
          {remove_layout{m.layout},
           note_of(m.by, "DELETE_LAYOUT", "seat_layout", m.layout.value, 200)},
          [promise](const auto&) mutable { promise.deliver(layouts_answer{}); });
  }

  void on(const get_layouts&, promise_of<layouts_answer> promise) {
    promise.delegate(reader_, find_layouts{});
  }

  void on(save_artist m, promise_of<artist_answer> promise) {
    auto note = note_of(m.by, m.exists ? "UPDATE_ARTIST" : "CREATE_ARTIST", "artist",
                        m.artist.id.value, m.exists ? 200 : 201, {{"name", m.artist.name}});
    auto go = [=, this] {
      write(promise, {put_artist{m.artist}, note},
            [promise](const auto& done) mutable { promise.deliver(artist_answer{*done.artist}); });
    };
    if (!m.exists) {
      go();
      return;
    }
    ask<found_artist>(promise, reader_, find_artist{m.artist.id}, note,
                      [=, this](const found_artist& found) mutable {
                        if (!found.artist)
                          refuse(promise, {errc::not_found, "Artist not found"}, note);
                        else
                          go();
                      });
  }

  void on(const drop_artist& m, promise_of<artist_answer> promise) {
    write(promise,
          {remove_artist{m.artist}, note_of(m.by, "DELETE_ARTIST", "artist", m.artist.value, 200)},
          [promise](const auto&) mutable { promise.deliver(artist_answer{}); });
  }

  // -- reservations ------------------------------------------------------------------------------

  void on(set_reservation_status m, promise_of<reservation_changed> promise) {
    auto note = note_of(m.by, "UPDATE_RESERVATION_STATUS", "reservation", m.reservation.value, 200,
                        {{"status", m.status}, {"paymentStatus", m.payment_status}});
    ask<ticket::admin_reservation>(
        promise, to_.reservations, ticket::get_admin_reservation{m.reservation}, note,
        [=, this](ticket::admin_reservation& now) mutable {
          const auto step = ticket::decide_status(now.view, m.status, m.payment_status);
          if (!step) {
            refuse(promise, step.error(), note);
            return;
          }
          if (*step == ticket::status_step::nothing) {
            this->note(note);
            promise.deliver(reservation_changed{std::move(now), false});
            return;
          }
          ask<ticket::reservation_view>(
              promise, to_.sale,
              ticket::end_reservation{m.reservation, "Cancelled by an administrator", m.trace},
              note, [=, this](const ticket::reservation_view&) mutable {
                this->note(note);
                self_
                    ->request(to_.reservations, caf::infinite,
                              ticket::get_admin_reservation{m.reservation})
                    .then(
                        [promise](ticket::admin_reservation& after) mutable {
                          promise.deliver(reservation_changed{std::move(after), true});
                        },
                        [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
              });
        });
  }

  void on(get_reservations m, promise_of<reservation_page> promise) {
    self_
        ->request(to_.reservations, caf::infinite,
                  ticket::get_all_reservations{std::move(m.status), m.page, m.limit})
        .then(
            [this, promise](ticket::admin_page& page) {
              const auto total = page.total;
              with_names(std::move(page.reservations),
                         [promise, total](std::vector<named_reservation> named) mutable {
                           promise.deliver(reservation_page{std::move(named), total});
                         });
            },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  }

  /// Asks for each owner once. Whoever auth does not know, or not in time, has no name.
  void with_names(std::vector<ticket::admin_reservation> rows,
                  std::function<void(std::vector<named_reservation>)> done) {
    struct gathering {
      std::vector<named_reservation> rows;
      std::map<user_id, auth::user_view> known;
      std::size_t open = 1;
      std::function<void(std::vector<named_reservation>)> done;

      void one_less() {
        if (--open > 0)
          return;
        for (auto& row : rows)
          if (const auto found = known.find(row.reservation.view.user); found != known.end()) {
            row.user_name = found->second.name;
            row.user_email = found->second.email;
          }
        done(std::move(rows));
      }
    };
    auto all = std::make_shared<gathering>();
    all->done = std::move(done);
    std::map<user_id, bool> owners;
    for (auto& row : rows) {
      owners.emplace(row.view.user, true);
      all->rows.push_back({std::move(row), {}, {}});
    }
    if (to_.directory)
      for (const auto& [user, asked] : owners) {
        ++all->open;
        self_->request(to_.directory, options_.names_timeout, auth::get_user{user})
            .then(
                [all](auth::user_view& view) {
                  const auto id = view.id;
                  all->known.emplace(id, std::move(view));
                  all->one_less();
                },
                [all](caf::error&) { all->one_less(); });
      }
    all->one_less();
  }

  void on(const get_dashboard&, promise_of<dashboard> promise) {
    struct gathering {
      dashboard board;
      std::size_t open = 3;
      promise_of<dashboard> promise;

      void one_less() {
        if (--open == 0)
          promise.deliver(std::move(board));
      }
    };
    auto all = std::make_shared<gathering>();
    all->promise = std::move(promise);
    self_->request(reader_, caf::infinite, count_events{})
        .then(
            [all](const event_count& count) {
              all->board.events = count.events;
              all->one_less();
            },
            [all](caf::error&) { all->one_less(); });
    const auto today = time_point{std::chrono::floor<std::chrono::days>(env_.now())};
    self_->request(to_.reservations, caf::infinite, ticket::get_totals{today})
        .then(
            [all](const ticket::reservation_totals& totals) {
              all->board.totals = totals;
              all->one_less();
            },
            [all](caf::error&) { all->one_less(); });
    self_->request(to_.reservations, caf::infinite, ticket::get_all_reservations{{}, 1, 10})
        .then(
            [this, all](ticket::admin_page& page) {
              with_names(std::move(page.reservations), [all](std::vector<named_reservation> named) {
                all->board.recent = std::move(named);
                all->one_less();
              });
            },
            [all](caf::error&) { all->one_less(); });
  }

  void on(const get_event_stock& m, promise_of<ticket::event_stock> promise) {
    promise.delegate(to_.reservations, ticket::get_stock{m.event});
  }

  // -- steps that many have ----------------------------------------------------------------------

  static constexpr const char* no_generation = "Seat generation service unavailable";
  static constexpr const char* no_management = "Seat management service unavailable";

  /// Asks; a failure is the caller's failure, and is written down.
  template <class Answer, class Reply, class Handle, class Question, class Then>
  void ask(promise_of<Reply> promise, const Handle& whom, Question question, audit_note note,
           Then then) {
    self_->request(whom, caf::infinite, std::move(question))
        .then([then](Answer& answer) mutable { then(answer); },
              [this, promise, note](caf::error& err) mutable {
                refuse(promise, to_failure(err), note);
              });
  }

  template <class Reply, class Then>
  void with_event(promise_of<Reply> promise, event_id id, const char* missing, audit_note note,
                  Then then) {
    ask<found_event>(promise, reader_, find_event{id}, note,
                     [this, promise, missing, note, then](found_event& found) mutable {
                       if (found.event)
                         then(*found.event);
                       else
                         refuse(promise, {errc::not_found, missing}, note);
                     });
  }

  template <class Reply>
  void refuse(promise_of<Reply>& promise, const failure& why, audit_note note) {
    note.status = info(why.code).status;
    this->note(std::move(note));
    promise.deliver(to_caf(why));
  }

  /// Beside the answer, which does not depend on it.
  void note(audit_note x) {
    self_->request(to_.catalog, caf::infinite, catalog_write{note_call{}, std::move(x)})
        .then([](const catalog_written&) {},
              [](caf::error& err) {
                spdlog::warn("an audit row was not written: {}", to_failure(err).text);
              });
  }

  template <class Reply, class Then>
  void write(promise_of<Reply> promise, catalog_write command, Then then) {
    self_->request(to_.catalog, caf::infinite, std::move(command))
        .then(
            [this, then](const catalog_written& done) mutable {
              if (done.event)
                then(done); // which awaits more than that
              else
                await_all([then, done]() mutable { then(done); });
            },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  }

  // -- until the sale has it ---------------------------------------------------------------------

  using applied_fn = std::function<void(bool applied)>;

  struct apply {
    uuid message;
    event_id event;
    time_point until;
    bool asked = false;
    applied_fn then;
  };

  void await(const catalog_written& done, applied_fn then) {
    then = [this, then = std::move(then)](bool applied) {
      await_all([then, applied] { then(applied); });
    };
    if (done.message.is_nil() || !done.event || applies_.size() >= options_.applies_max) {
      then(done.message.is_nil());
      return;
    }
    applies_.push_back(
        {done.message, done.event->id, env_.now() + options_.apply_timeout, true, std::move(then)});
    ask_applied(done.message);
    arm();
  }

  void ask_applied(const uuid& message) {
    self_->request(to_.reservations, caf::infinite, ticket::get_applied{message})
        .then(
            [this, message](const ticket::applied_answer& answer) {
              const auto at = std::find_if(applies_.begin(), applies_.end(),
                                           [&](const apply& a) { return a.message == message; });
              if (at == applies_.end())
                return;
              at->asked = false;
              if (!answer.applied)
                return;
              auto then = std::move(at->then);
              // Whoever asks the sale after our answer must find what we say: its own notice may
              // still be on its way.
              if (to_.event_changed)
                to_.event_changed(at->event);
              applies_.erase(at);
              then(true);
            },
            [this, message](caf::error&) {
              for (auto& a : applies_)
                if (a.message == message)
                  a.asked = false;
            });
  }

  /// Until every node has heard of what is committed; not for ever.
  void await_all(std::function<void()> then) {
    if (!to_.watch) {
      then();
      return;
    }
    self_->request(to_.watch, options_.known_timeout, await_known{})
        .then([then](const known&) { then(); }, [then](const caf::error&) { then(); });
  }

  void arm() {
    if (applies_.empty() || ticking_)
      return;
    ticking_ = true;
    self_->delayed_send(self_, options_.apply_poll, apply_tick{});
  }

  control_actor::pointer self_;
  environment& env_;
  admin_options options_;
  admin_neighbours to_;
  admin_reader_actor reader_;
  std::deque<apply> applies_;
  bool ticking_ = false;
};

struct admin_state {
  admin_state() = default;

  std::unique_ptr<administration> work;
};

template <class Reply, class Message>
auto pass(control_actor::stateful_pointer<admin_state> self) {
  return [self](Message& m) -> caf::result<Reply> { return self->state.work->handle<Reply>(m); };
}

control_actor::behavior_type admin_behavior(control_actor::stateful_pointer<admin_state> self,
                                            environment* env, admin_options options,
                                            admin_neighbours neighbours,
                                            admin_reader_actor reader) {
  self->state.work = std::make_unique<administration>(self, *env, options, std::move(neighbours),
                                                      std::move(reader));
  return {
      pass<event_saved, add_event>(self),
      pass<event_saved, change_event>(self),
      pass<event_ended, end_event>(self),
      pass<seats_changed, change_seats>(self),
      pass<type_saved, save_type>(self),
      pass<layouts_answer, save_layout>(self),
      pass<layouts_answer, drop_layout>(self),
      pass<layouts_answer, get_layouts>(self),
      pass<artist_answer, save_artist>(self),
      pass<artist_answer, drop_artist>(self),
      pass<reservation_changed, set_reservation_status>(self),
      pass<reservation_page, get_reservations>(self),
      pass<dashboard, get_dashboard>(self),
      pass<ticket::event_stock, get_event_stock>(self),
      [self](note_refusal& m) { self->state.work->on(m); },
      [self](apply_tick) { self->state.work->tick(); },
  };
}

} // namespace

admin_role start_admin(caf::actor_system& sys, environment& env, admin_options options,
                       admin_neighbours neighbours, bool detached) {
  if (!neighbours.catalog || !neighbours.queries || !neighbours.stock || !neighbours.reservations
      || !neighbours.sale)
    throw std::invalid_argument("administration needs the catalog and the ticket role");
  admin_role role;
  auto queries = std::move(neighbours.queries);
  admin_reader_actor reader =
      detached ? sys.spawn<caf::detached>(admin_reader_behavior, std::move(queries))
               : sys.spawn(admin_reader_behavior, std::move(queries));
  role.helpers.push_back(caf::actor_cast<caf::actor>(reader));
  role.admin = sys.spawn(admin_behavior, &env, options, std::move(neighbours), std::move(reader));
  return role;
}

void stop(admin_role& role) {
  caf::anon_send_exit(role.admin, caf::exit_reason::user_shutdown);
  for (const auto& helper : role.helpers)
    caf::anon_send_exit(helper, caf::exit_reason::user_shutdown);
  role = {};
}

} // namespace tiketi::catalog
