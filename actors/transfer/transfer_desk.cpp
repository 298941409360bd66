#include "actors/transfer/transfer_desk.hpp"

#include "actors/system/caf_error.hpp"

#include <functional>
#include <utility>

#include <caf/all.hpp>

namespace tiketi::ticket {

namespace {

constexpr std::int64_t own_max = 500;

template <class T>
using promise_of = caf::typed_response_promise<T>;

struct desk_state {
  desk_state() = default;

  environment* env = nullptr;
  region_actor region;
  std::shared_ptr<transfer_queries> queries;
  membership::tiers_view members;
};

using self_pointer = transfer_desk::stateful_pointer<desk_state>;

const failure not_found{errc::not_found, "Transfer not found"};

/// What the user is to the artist; bronze where there is none.
template <class Reply>
void with_tier(self_pointer self, const user_id& user, const artist_id& artist,
               promise_of<Reply> promise, std::function<void(membership::tier)> then) {
  if (artist.is_nil() || !self->state.members) {
    then(membership::tier::bronze);
    return;
  }
  self->request(self->state.members, caf::infinite, membership::get_tier{user, artist})
      .then([then](const membership::member_tier& t) { then(t.value); },
            [promise](caf::error&) mutable { promise.deliver(to_caf(errc::unavailable)); });
}

/// After a commit: the listing as everybody sees it now.
void answer_with(self_pointer self, const transfer_id& id, promise_of<transfer_view> promise) {
  auto found = self->state.queries->find(id);
  if (!found)
    promise.deliver(to_caf(found.error()));
  else if (!*found)
    promise.deliver(to_caf(not_found));
  else
    promise.deliver(std::move(**found));
}

caf::result<transfer_view> create(self_pointer self, const create_listing& m) {
  const auto artist = self->state.queries->artist_of(m.reservation);
  if (!artist)
    return to_caf(artist.error());
  if (!*artist)
    return to_caf({errc::not_found, "Reservation not found"});
  auto promise = self->make_response_promise<transfer_view>();
  with_tier(self, m.user, **artist, promise, [=, artist = **artist](membership::tier tier) {
    const list_ticket command{m.reservation, m.user, transfer_id{make_uuid(*self->state.env)},
                              artist,        tier,   m.trace};
    self->request(self->state.region, caf::infinite, command)
        .then([self, promise,
               id = command.transfer](const reservation_view&) { answer_with(self, id, promise); },
              [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  });
  return promise;
}

caf::result<listing_cancelled> cancel(self_pointer self, const cancel_listing& m) {
  const auto found = self->state.queries->find(m.transfer);
  if (!found)
    return to_caf(found.error());
  if (!*found)
    return to_caf(not_found);
  if ((*found)->seller != m.user)
    return to_caf({errc::forbidden, "Not your transfer listing"});
  auto promise = self->make_response_promise<listing_cancelled>();
  self->request(self->state.region, caf::infinite,
                unlist_ticket{(*found)->reservation, m.transfer, m.user, m.trace})
      .then([promise, id = m.transfer](
                const reservation_view&) mutable { promise.deliver(listing_cancelled{id}); },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

caf::result<payable> check(self_pointer self, const check_transfer& m) {
  const auto found = self->state.queries->find(m.transfer);
  if (!found)
    return to_caf(found.error());
  if (!*found)
    return to_caf(not_found);
  auto promise = self->make_response_promise<payable>();
  const auto& t = **found;
  with_tier(self, m.user, t.terms.artist, promise,
            [=, reservation = t.reservation](membership::tier tier) {
              auto answer = promise;
              self->request(self->state.region, caf::infinite,
                            check_listing{reservation, m.transfer, m.user, tier, 0, 0})
                  .then([answer](const payable& p) mutable { answer.deliver(p); },
                        [answer](caf::error& err) mutable { answer.deliver(std::move(err)); });
            });
  return promise;
}

/// Passes a command on to the reservation of a listing; `absent`: the answer without one.
template <class Reply, class Make>
caf::result<Reply> pass_on(self_pointer self, const transfer_id& id, Make make,
                           caf::result<Reply> absent) {
  const auto found = self->state.queries->find(id);
  if (!found)
    return to_caf(found.error());
  if (!*found)
    return absent;
  auto promise = self->make_response_promise<Reply>();
  promise.delegate(self->state.region, make((*found)->reservation));
  return promise;
}

transfer_desk::behavior_type desk(self_pointer self, environment* env, region_actor region,
                                  std::shared_ptr<transfer_queries> queries,
                                  membership::tiers_view members) {
  self->state.env = env;
  self->state.region = std::move(region);
  self->state.queries = std::move(queries);
  self->state.members = std::move(members);
  return {
      [self](const create_listing& m) { return create(self, m); },
      [self](const cancel_listing& m) { return cancel(self, m); },
      [self](const list_transfers& m) -> caf::result<transfer_page> {
        auto page =
            self->state.queries->listed(m.artist, m.limit, std::int64_t{m.page - 1} * m.limit);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
      [self](const list_own_transfers& m) -> caf::result<transfer_page> {
        auto rows = self->state.queries->offered_by(m.user, own_max);
        if (!rows)
          return to_caf(rows.error());
        const auto total = static_cast<std::int64_t>(rows->size());
        return transfer_page{std::move(*rows), total};
      },
      [self](const get_transfer& m) -> caf::result<transfer_view> {
        auto promise = self->make_response_promise<transfer_view>();
        answer_with(self, m.transfer, promise);
        return promise;
      },
      [self](const check_transfer& m) { return check(self, m); },
      [self](const apply_transfer_payment& m) {
        return pass_on<payment_outcome>(
            self, m.transfer,
            [&](const reservation_id& r) {
              return buy_listed{m.message, r,        m.transfer, m.payment,
                                m.user,    m.amount, m.method,   m.trace};
            },
            payment_outcome{payment_verdict::refund_due, "unknown_transfer", false});
      },
      [self](const apply_transfer_refund& m) {
        return pass_on<refund_applied>(
            self, m.transfer,
            [&](const reservation_id& r) {
              return apply_refund{m.message, r, m.payment, m.reason, m.trace};
            },
            to_caf(not_found));
      },
      [self](const give_up_bought& m) {
        return pass_on<reservation_view>(
            self, m.transfer,
            [&](const reservation_id& r) {
              return cancel_reservation{r, m.user, m.payment, {}, m.trace};
            },
            to_caf(not_found));
      },
  };
}

} // namespace

transfer_desk spawn_transfer_desk(caf::actor_system& sys, environment& env, bool detached,
                                  region_actor region, std::shared_ptr<transfer_queries> queries,
                                  membership::tiers_view members) {
  return detached
             ? sys.spawn<caf::detached>(desk, &env, std::move(region), std::move(queries),
                                        std::move(members))
             : sys.spawn(desk, &env, std::move(region), std::move(queries), std::move(members));
}

} // namespace tiketi::ticket
