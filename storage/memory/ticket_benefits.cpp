#include "storage/memory/ticket_benefits.hpp"

#include "storage/memory/ticket_store_impl.hpp"

#include <algorithm>
#include <tuple>

namespace tiketi::memory {

using namespace ticket;
using membership::membership_status;

namespace {

ticket_written ended(commit_status status, bool duplicate = false) {
  ticket_written out;
  out.status = status;
  out.duplicate = duplicate;
  return out;
}

void append(ticket_state& s, const std::vector<domain_event>& events) {
  for (const auto& e : events) {
    s.outbox.push_back(e);
    s.outbox.back().sequence = ++s.last_sequence;
  }
}

/// The membership's entry for this action and reference.
std::optional<membership::point_entry> find_points(const ticket_state& s, membership_id id,
                                                   const membership::point_entry& entry) {
  const auto found = std::find_if(s.point_log.begin(), s.point_log.end(), [&](const auto& p) {
    return p.membership == id && p.entry.action == entry.action
           && p.entry.reference == entry.reference;
  });
  return found == s.point_log.end() ? std::nullopt : std::optional(found->entry);
}

bool has_points(const ticket_state& s, membership_id id, const membership::point_entry& entry) {
  return find_points(s, id, entry).has_value();
}

/// A listing with what other tables know about it.
ticket::transfer_view joined(const ticket_state& s, const ticket_state::transfer& t) {
  auto out = t.view;
  const auto r = s.reservations.find(out.reservation);
  if (r == s.reservations.end())
    return out;
  for (const auto& item : r->second.view.items)
    if (const auto seat = s.seats.find(item.seat); seat != s.seats.end())
      out.seats += (out.seats.empty() ? "" : ", ") + seat->second.row.label;
  if (const auto e = s.events.find(r->second.view.event); e != s.events.end()) {
    out.event_title = e->second.title;
    out.venue = e->second.venue;
    out.event_date = e->second.event_date;
    out.poster_url = e->second.poster_url;
    out.artist_name = e->second.artist_name;
  }
  if (const auto a = s.artists.find(out.terms.artist); a != s.artists.end()) {
    out.artist_name = a->second.name;
    out.artist_image_url = a->second.image_url;
  }
  return out;
}

std::vector<ticket::transfer_view> newest_first(std::vector<ticket::transfer_view> rows) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.terms.listed_at, a.terms.id) > std::tie(b.terms.listed_at, b.terms.id);
  });
  return rows;
}

template <class T>
std::vector<T> page_of(std::vector<T> rows, std::int64_t limit, std::int64_t offset) {
  const auto size = static_cast<std::int64_t>(rows.size());
  const auto from = std::clamp<std::int64_t>(offset, 0, size);
  const auto to = std::clamp<std::int64_t>(from + std::max<std::int64_t>(limit, 0), from, size);
  return {std::make_move_iterator(rows.begin() + from), std::make_move_iterator(rows.begin() + to)};
}

membership::membership_view joined(const ticket_state& s, const membership::membership_row& m) {
  membership::membership_view out{m, {m.artist, "", "", m.price}};
  if (const auto a = s.artists.find(m.artist); a != s.artists.end())
    out.artist = a->second;
  return out;
}

} // namespace

std::optional<transfer_status> status_of_listing(const ticket_state& s, transfer_id id) {
  const auto found = s.transfers.find(id);
  if (found == s.transfers.end())
    return std::nullopt;
  return found->second.view.status;
}

bool may_change_listing(const ticket_state& s, const change_reservation& c) {
  const auto& what = c.listing;
  if (what.effect == listing_effect::keep)
    return true;
  const auto r = s.reservations.find(c.reservation);
  if (r == s.reservations.end())
    return false;
  if (what.effect == listing_effect::open)
    return r->second.view.user == what.seller
           && r->second.view.status == reservation_status::confirmed
           && !s.transfers.contains(what.terms.id)
           && std::none_of(s.transfers.begin(), s.transfers.end(), [&](const auto& t) {
                return t.second.view.reservation == c.reservation
                       && t.second.view.status == transfer_status::listed;
              });
  const auto t = s.transfers.find(what.terms.id);
  if (t == s.transfers.end() || t->second.view.reservation != c.reservation
      || t->second.view.status != transfer_status::listed)
    return false;
  return what.effect == listing_effect::close
         || (t->second.view.seller == what.seller && r->second.view.user == what.seller
             && what.buyer != what.seller);
}

void change_listing(ticket_state& s, const change_reservation& c) {
  const auto& what = c.listing;
  if (what.effect == listing_effect::keep)
    return;
  auto& t = s.transfers[what.terms.id];
  t.view.updated_at = what.at;
  switch (what.effect) {
  case listing_effect::keep:
    break;
  case listing_effect::open:
    t.view.terms = what.terms;
    t.view.reservation = c.reservation;
    t.view.seller = what.seller;
    break;
  case listing_effect::close:
    t.view.status = transfer_status::cancelled;
    break;
  case listing_effect::sell: {
    t.view.status = transfer_status::completed;
    t.view.buyer = what.buyer;
    t.view.completed_at = what.at;
    t.payment = what.payment;
    t.seller_payment = what.seller_payment;
    auto& r = s.reservations[c.reservation];
    r.view.user = what.buyer;
    r.key.clear();
    break;
  }
  }
}

void add_resale(const ticket_state& s, reservation_view& view) {
  std::vector<const ticket_state::transfer*> sales;
  for (const auto& [id, t] : s.transfers) {
    if (t.view.reservation != view.id)
      continue;
    if (t.view.status == transfer_status::listed)
      view.listing = t.view.terms;
    if (t.view.status == transfer_status::completed)
      sales.push_back(&t);
  }
  std::sort(sales.begin(), sales.end(), [](const auto* a, const auto* b) {
    return std::tie(a->view.completed_at, a->view.terms.id)
           < std::tie(b->view.completed_at, b->view.terms.id);
  });
  for (const auto* t : sales) {
    view.spent.push_back(t->seller_payment);
    if (t->payment == view.paid_by)
      view.bought_through = t->view.terms.id;
  }
}

ticket_written apply(ticket_state& s, const membership::change_membership& c) {
  if (!c.message.is_nil() && s.processed.contains(c.message))
    return ended(commit_status::committed, true);
  const auto& next = c.next;
  if (next.version > 0) {
    const auto found = s.memberships.find(next.id);
    const bool fits =
        next.version == 1
            ? found == s.memberships.end()
                  && std::none_of(s.memberships.begin(), s.memberships.end(),
                                  [&](const auto& m) {
                                    return m.second.user == next.user
                                           && m.second.artist == next.artist;
                                  })
            : found != s.memberships.end() && found->second.version + 1 == next.version;
    if (!fits || (c.points && has_points(s, next.id, *c.points)))
      return ended(commit_status::rejected);
    s.memberships[next.id] = next;
  }
  if (c.points)
    s.point_log.push_back({next.id, *c.points});
  if (!c.message.is_nil())
    s.processed.insert(c.message);
  append(s, c.events);
  return ended(commit_status::committed);
}

ticket_written apply(ticket_state& s, const membership::post_points& c) {
  if (!c.message.is_nil() && !s.processed.insert(c.message).second)
    return ended(commit_status::committed, true);
  auto out = ended(commit_status::committed);
  for (auto& [id, m] : s.memberships) {
    if (m.user != c.user || (!c.artist.is_nil() && m.artist != c.artist))
      continue;
    auto entry = c.entry;
    if (c.revoke) {
      const auto given = find_points(s, id, c.entry);
      entry.action = membership::revoked_action(c.entry.action);
      if (!given || has_points(s, id, entry))
        continue;
      entry.points = -given->points;
    } else if (!membership::is_active(m, c.entry.at) || has_points(s, id, entry)) {
      continue;
    }
    entry.id = membership::point_entry_id(id, entry.action, entry.reference);
    m.points += entry.points;
    m.updated_at = entry.at;
    ++m.version;
    s.point_log.push_back({id, entry});
    ++out.memberships;
  }
  return out;
}

ticket_written apply(ticket_state& s, const membership::put_artist_card& c) {
  if (!c.message.is_nil() && !s.processed.insert(c.message).second)
    return ended(commit_status::committed, true);
  if (c.removed)
    s.artists.erase(c.artist.id);
  else
    s.artists[c.artist.id] = c.artist;
  return ended(commit_status::committed);
}

// -- reads ---------------------------------------------------------------------------------------

result<std::optional<ticket::transfer_view>> ticket_store::transfer_view::find(transfer_id id) {
  using found = std::optional<ticket::transfer_view>;
  return shared_->read<found>([&](const ticket_state& s) -> found {
    const auto t = s.transfers.find(id);
    if (t == s.transfers.end())
      return std::nullopt;
    return joined(s, t->second);
  });
}

result<transfer_page> ticket_store::transfer_view::listed(artist_id artist, std::int64_t limit,
                                                          std::int64_t offset) {
  return shared_->read<transfer_page>([&](const ticket_state& s) {
    transfer_page out;
    for (const auto& [id, t] : s.transfers)
      if (t.view.status == transfer_status::listed
          && (artist.is_nil() || t.view.terms.artist == artist))
        out.transfers.push_back(joined(s, t));
    out.total = static_cast<std::int64_t>(out.transfers.size());
    out.transfers = page_of(newest_first(std::move(out.transfers)), limit, offset);
    return out;
  });
}

result<std::vector<ticket::transfer_view>>
ticket_store::transfer_view::offered_by(user_id seller, std::int64_t limit) {
  return shared_->read<std::vector<ticket::transfer_view>>([&](const ticket_state& s) {
    std::vector<ticket::transfer_view> out;
    for (const auto& [id, t] : s.transfers)
      if (t.view.seller == seller)
        out.push_back(joined(s, t));
    return page_of(newest_first(std::move(out)), limit, 0);
  });
}

result<std::optional<artist_id>> ticket_store::transfer_view::artist_of(reservation_id id) {
  using found = std::optional<artist_id>;
  return shared_->read<found>([&](const ticket_state& s) -> found {
    const auto r = s.reservations.find(id);
    if (r == s.reservations.end())
      return std::nullopt;
    const auto e = s.events.find(r->second.view.event);
    return e == s.events.end() ? artist_id{} : e->second.artist;
  });
}

result<std::optional<membership::membership_view>>
ticket_store::membership_view::find(membership_id id) {
  using found = std::optional<membership::membership_view>;
  return shared_->read<found>([&](const ticket_state& s) -> found {
    const auto m = s.memberships.find(id);
    if (m == s.memberships.end())
      return std::nullopt;
    return joined(s, m->second);
  });
}

result<std::optional<membership::membership_view>>
ticket_store::membership_view::find_of(user_id user, artist_id artist) {
  using found = std::optional<membership::membership_view>;
  return shared_->read<found>([&](const ticket_state& s) -> found {
    for (const auto& [id, m] : s.memberships)
      if (m.user == user && m.artist == artist)
        return joined(s, m);
    return std::nullopt;
  });
}

result<std::vector<membership::membership_view>>
ticket_store::membership_view::memberships_of(user_id user, std::size_t limit) {
  return shared_->read<std::vector<membership::membership_view>>([&](const ticket_state& s) {
    std::vector<membership::membership_view> out;
    for (const auto& [id, m] : s.memberships)
      if (m.user == user)
        out.push_back(joined(s, m));
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return std::tie(a.row.joined_at, a.row.id) > std::tie(b.row.joined_at, b.row.id);
    });
    return page_of(std::move(out), static_cast<std::int64_t>(limit), 0);
  });
}

result<std::vector<membership::point_entry>>
ticket_store::membership_view::points_of(membership_id id, std::size_t limit) {
  return shared_->read<std::vector<membership::point_entry>>([&](const ticket_state& s) {
    std::vector<membership::point_entry> out;
    for (const auto& p : s.point_log)
      if (p.membership == id)
        out.push_back(p.entry);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return std::tie(a.at, a.id) > std::tie(b.at, b.id);
    });
    return page_of(std::move(out), static_cast<std::int64_t>(limit), 0);
  });
}

result<bool> ticket_store::membership_view::has_points_for(membership_id id,
                                                           const uuid& reference) {
  return shared_->read<bool>([&](const ticket_state& s) {
    return std::any_of(s.point_log.begin(), s.point_log.end(), [&](const auto& p) {
      return p.membership == id && p.entry.reference == reference;
    });
  });
}

result<std::optional<membership::artist_card>> ticket_store::membership_view::artist(artist_id id) {
  using found = std::optional<membership::artist_card>;
  return shared_->read<found>([&](const ticket_state& s) -> found {
    const auto a = s.artists.find(id);
    if (a == s.artists.end())
      return std::nullopt;
    return a->second;
  });
}

result<artist_id> ticket_store::membership_view::artist_of(event_id event) {
  return shared_->read<artist_id>([&](const ticket_state& s) {
    const auto e = s.events.find(event);
    return e == s.events.end() ? artist_id{} : e->second.artist;
  });
}

result<std::vector<membership::membership_row>>
ticket_store::membership_view::over(time_point now, std::size_t limit) {
  return shared_->read<std::vector<membership::membership_row>>([&](const ticket_state& s) {
    std::vector<membership::membership_row> out;
    for (const auto& [id, m] : s.memberships)
      if (m.status == membership_status::active && m.expires_at <= now)
        out.push_back(m);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return std::tie(a.expires_at, a.id) < std::tie(b.expires_at, b.id);
    });
    return page_of(std::move(out), static_cast<std::int64_t>(limit), 0);
  });
}

} // namespace tiketi::memory
