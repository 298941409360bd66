#include "storage/memory/ticket_store.hpp"
#include "storage/sql/membership_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "storage/sql/transfer_store.hpp"
#include "tests/support/test_database.hpp"

#include <chrono>
#include <set>

#include <gtest/gtest.h>

// Resale and memberships: the store in memory and the one in SQL do the same.

namespace tiketi::ticket {
namespace {

using membership::membership_status;

constexpr time_point now = from_millis(1'771'754'400'000);

struct backend {
  virtual ~backend() = default;
  virtual ticket_writes& writes() = 0;
  virtual std::unique_ptr<ticket_queries> queries() = 0;
  virtual std::unique_ptr<transfer_queries> transfers() = 0;
  virtual std::unique_ptr<membership::membership_queries> memberships() = 0;
  virtual std::unique_ptr<outbox_store> outbox() = 0;
};

struct memory_backend final : backend {
  ticket_writes& writes() override { return store; }
  std::unique_ptr<ticket_queries> queries() override { return store.queries(); }
  std::unique_ptr<transfer_queries> transfers() override { return store.transfers(); }
  std::unique_ptr<membership::membership_queries> memberships() override {
    return store.memberships();
  }
  std::unique_ptr<outbox_store> outbox() override { return store.outbox(); }

  memory::ticket_store store;
};

struct sql_backend final : backend {
  sql_backend() { store = sql::make_ticket_writes(open(), *env); }

  sql::database open() {
    auto options = stored.options();
    options.busy_timeout = milliseconds(2000);
    options.server.lock_timeout = milliseconds(2000);
    auto db = sql::database::open(options);
    if (!db)
      throw std::runtime_error(db.error().text);
    return std::move(*db);
  }

  ticket_writes& writes() override { return *store; }
  std::unique_ptr<ticket_queries> queries() override { return sql::make_ticket_queries(open()); }
  std::unique_ptr<transfer_queries> transfers() override {
    return sql::make_transfer_queries(open());
  }
  std::unique_ptr<membership::membership_queries> memberships() override {
    return sql::make_membership_queries(open());
  }
  std::unique_ptr<outbox_store> outbox() override { return sql::make_outbox_store(open()); }

  test::test_database stored{"ticket"};
  std::unique_ptr<environment> env = make_seeded_environment(7, [] { return now; });
  std::shared_ptr<ticket_writes> store;
};

class benefit_store_test : public ::testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    change_catalog c;
    c.event.id = event;
    c.event.title = "Night";
    c.event.venue = "Hall";
    c.event.event_date = now + std::chrono::hours{240};
    c.event.artist = artist;
    c.event.artist_name = "Old name";
    c.event.poster_url = "https://img/p.png";
    for (int i = 0; i < 2; ++i) {
      seat_row s;
      s.id = seat_id{make_uuid(*env)};
      s.section = "A";
      s.row = 1;
      s.number = i + 1;
      s.label = "A-1-" + std::to_string(i + 1);
      s.price = 10'000;
      seats.push_back(s.id);
      c.seats.push_back(s);
    }
    membership::put_artist_card card{make_uuid(*env), {artist, "Artist", "https://img/a.png", 700}};
    ASSERT_EQ(one({c}).status, commit_status::committed);
    ASSERT_EQ(one({card}).status, commit_status::committed);
    EXPECT_TRUE(one({card}).duplicate);
    reservation = sold();
  }

  ticket_written one(ticket_write w) {
    std::vector<ticket_write> batch{std::move(w)};
    return data->writes().commit(batch).at(0);
  }

  domain_event fact(std::string type) {
    domain_event e;
    e.id = make_uuid(*env);
    e.topic = "t";
    e.key = "k";
    e.type = std::move(type);
    e.occurred_at = now;
    e.payload = "{}";
    return e;
  }

  std::vector<std::string> sent() {
    std::vector<std::string> out;
    for (const auto& e : *data->outbox()->read(0, 1000))
      out.push_back(e.type);
    return out;
  }

  /// A confirmed reservation of both seats.
  reservation_id sold() {
    create_reservation c;
    auto& r = c.reservation;
    r.id = make_reservation_id(event, *env);
    r.user = seller;
    r.event = event;
    r.number = "TK1";
    r.total_amount = 20'000;
    r.created_at = now;
    r.expires_at = now + seconds{300};
    for (const auto& s : seats) {
      reservation_item item;
      item.seat = s;
      item.unit_price = 10'000;
      item.token = 5;
      item.seat_version = 1;
      r.items.push_back(item);
    }
    c.idempotency_key = "key";
    EXPECT_EQ(one({c}).status, commit_status::committed);
    auto confirm = change(r.id);
    confirm.from = reservation_status::pending;
    confirm.stock = stock_effect::sell;
    confirm.items = r.items;
    confirm.paid_by = first_payment;
    confirm.payment_method = "card";
    EXPECT_EQ(one({confirm}).status, commit_status::committed);
    return r.id;
  }

  change_reservation change(reservation_id id) {
    change_reservation c;
    c.reservation = id;
    c.from = c.to = reservation_status::confirmed;
    c.payment = payment_state::completed;
    c.history = {now, "something", ""};
    return c;
  }

  change_reservation offer(user_id who, transfer_id id, milliseconds later = milliseconds{0}) {
    auto c = change(reservation);
    c.listing.effect = listing_effect::open;
    c.listing.terms = {id, artist, 20'000, 1'000, 5, 21'000, now + later};
    c.listing.seller = who;
    c.listing.at = now + later;
    c.events.push_back(fact("TRANSFER_LISTED"));
    return c;
  }

  change_reservation close(transfer_id id) {
    auto c = change(reservation);
    c.listing.effect = listing_effect::close;
    c.listing.terms.id = id;
    c.listing.at = now + milliseconds{5};
    c.events.push_back(fact("TRANSFER_CANCELLED"));
    return c;
  }

  change_reservation sale(transfer_id id, user_id from, user_id to, payment_id paid,
                          payment_id before) {
    auto c = change(reservation);
    c.listing.effect = listing_effect::sell;
    c.listing.terms.id = id;
    c.listing.seller = from;
    c.listing.buyer = to;
    c.listing.payment = paid;
    c.listing.seller_payment = before;
    c.listing.at = now + milliseconds{9};
    c.paid_by = paid;
    c.message = make_uuid(*env);
    c.events.push_back(fact("TRANSFER_COMPLETED"));
    return c;
  }

  membership::membership_row member(user_id who) {
    membership::membership_row m;
    m.id = membership_id{make_uuid(*env)};
    m.user = who;
    m.artist = artist;
    m.price = 700;
    m.joined_at = m.expires_at = m.created_at = m.updated_at = now;
    m.version = 1;
    return m;
  }

  membership::change_membership activation(membership::membership_row m) {
    membership::change_membership c;
    m.status = membership_status::active;
    m.points = 200;
    m.paid_by = payment_id{make_uuid(*env)};
    m.expires_at = now + std::chrono::hours{1};
    ++m.version;
    c.next = m;
    c.points = membership::point_entry{make_uuid(*env), "MEMBERSHIP_JOIN", 200,
                                       "Welcome",       m.paid_by.value,   now};
    c.message = make_uuid(*env);
    c.events.push_back(fact("MEMBERSHIP_ACTIVATED"));
    return c;
  }

  membership::post_points points(std::string action, uuid reference, uuid message = {},
                                 bool revoke = false) {
    return {message, buyer, artist, revoke, {{}, std::move(action), 30, "text", reference, now}};
  }

  std::int64_t balance(const membership_id& m) {
    return (**data->memberships()->find(m)).row.points;
  }

  /// The sum of its entries.
  std::int64_t account(const membership_id& m) {
    std::int64_t sum = 0;
    const auto entries = data->memberships()->points_of(m, 100);
    for (const auto& e : *entries)
      sum += e.points;
    return sum;
  }

  std::unique_ptr<environment> env = make_seeded_environment(3, [] { return now; });
  std::unique_ptr<backend> data =
      GetParam() ? std::unique_ptr<backend>(std::make_unique<sql_backend>())
                 : std::unique_ptr<backend>(std::make_unique<memory_backend>());
  event_id event{make_uuid(*env)};
  artist_id artist{make_uuid(*env)};
  user_id seller{make_uuid(*env)};
  user_id buyer{make_uuid(*env)};
  payment_id first_payment{make_uuid(*env)};
  payment_id second_payment{make_uuid(*env)};
  transfer_id first{make_uuid(*env)};
  transfer_id second{make_uuid(*env)};
  std::vector<seat_id> seats;
  reservation_id reservation;
};

TEST_P(benefit_store_test, an_offer_is_found_with_everything_about_it) {
  ASSERT_EQ(one({offer(seller, first)}).status, commit_status::committed);
  const auto t = *data->transfers()->find(first);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->reservation, reservation);
  EXPECT_EQ(t->seller, seller);
  EXPECT_TRUE(t->buyer.is_nil());
  EXPECT_EQ(t->status, transfer_status::listed);
  EXPECT_EQ(t->terms, (transfer_terms{first, artist, 20'000, 1'000, 5, 21'000, now}));
  EXPECT_EQ(t->completed_at, time_point{});
  EXPECT_EQ(t->event_title, "Night");
  EXPECT_EQ(t->venue, "Hall");
  EXPECT_EQ(t->event_date, now + std::chrono::hours{240});
  EXPECT_EQ(t->poster_url, "https://img/p.png");
  EXPECT_EQ(t->artist_name, "Artist") << "as the artist is called now";
  EXPECT_EQ(t->artist_image_url, "https://img/a.png");
  EXPECT_EQ(t->seats, "A-1-1, A-1-2");
  const auto r = **data->queries()->find_reservation(reservation);
  EXPECT_EQ(r.listing, t->terms);
  EXPECT_TRUE(r.bought_through.is_nil());
  EXPECT_TRUE(r.spent.empty());
  EXPECT_FALSE(**data->transfers()->artist_of(reservation) != artist);
  EXPECT_FALSE(*data->transfers()->artist_of(make_reservation_id(event, *env)));
  EXPECT_FALSE(*data->transfers()->find(second));
}

TEST_P(benefit_store_test, one_open_offer_per_reservation_and_only_of_its_owner) {
  const auto stranger = one({offer(buyer, first)});
  EXPECT_EQ(stranger.status, commit_status::rejected);
  EXPECT_FALSE(stranger.found_listing);
  ASSERT_EQ(one({offer(seller, first)}).status, commit_status::committed);
  const auto again = one({offer(seller, second)});
  EXPECT_EQ(again.status, commit_status::rejected);
  EXPECT_EQ(again.found, reservation_status::confirmed);
  EXPECT_FALSE(again.found_listing);
  EXPECT_EQ(one({offer(seller, first)}).found_listing, transfer_status::listed) << "a repeat";
  ASSERT_EQ(one({close(first)}).status, commit_status::committed);
  EXPECT_EQ(one({close(first)}).found_listing, transfer_status::cancelled);
  EXPECT_EQ(one({offer(seller, second)}).status, commit_status::committed);
  EXPECT_EQ(data->transfers()->offered_by(seller, 10)->size(), 2u);
  EXPECT_EQ(sent(),
            (std::vector<std::string>{"TRANSFER_LISTED", "TRANSFER_CANCELLED", "TRANSFER_LISTED"}))
      << "nothing of what was rejected";
}

TEST_P(benefit_store_test, a_sale_moves_everything_in_one_transaction) {
  ASSERT_EQ(one({offer(seller, first)}).status, commit_status::committed);
  const auto command = sale(first, seller, buyer, second_payment, first_payment);
  ASSERT_EQ(one({command}).status, commit_status::committed);
  EXPECT_TRUE(one({command}).duplicate) << "the same message";
  auto other =
      sale(first, seller, user_id{make_uuid(*env)}, payment_id{make_uuid(*env)}, first_payment);
  const auto late = one({other});
  EXPECT_EQ(late.status, commit_status::rejected);
  EXPECT_EQ(late.found_listing, transfer_status::completed);
  EXPECT_EQ(one({close(first)}).found_listing, transfer_status::completed);

  const auto r = **data->queries()->find_reservation(reservation);
  EXPECT_EQ(r.user, buyer);
  EXPECT_EQ(r.paid_by, second_payment);
  EXPECT_EQ(r.bought_through, first);
  EXPECT_EQ(r.spent, std::vector<payment_id>{first_payment});
  EXPECT_TRUE(r.listing.id.is_nil());
  EXPECT_FALSE(*data->queries()->find_by_key(seller, "key")) << "the key was the seller's";
  EXPECT_FALSE(*data->queries()->find_by_key(buyer, "key"));
  EXPECT_EQ(data->queries()->reservations_of(buyer, 10)->size(), 1u);
  EXPECT_TRUE(data->queries()->reservations_of(seller, 10)->empty());
  const auto t = **data->transfers()->find(first);
  EXPECT_EQ(t.status, transfer_status::completed);
  EXPECT_EQ(t.buyer, buyer);
  EXPECT_EQ(t.completed_at, now + milliseconds{9});

  // And on to the next one.
  ASSERT_EQ(one({offer(buyer, second)}).status, commit_status::committed);
  const payment_id third{make_uuid(*env)};
  ASSERT_EQ(one({sale(second, buyer, seller, third, second_payment)}).status,
            commit_status::committed);
  const auto back = **data->queries()->find_reservation(reservation);
  EXPECT_EQ(back.user, seller);
  EXPECT_EQ(back.bought_through, second);
  EXPECT_EQ(std::set<payment_id>(back.spent.begin(), back.spent.end()),
            (std::set<payment_id>{first_payment, second_payment}));
}

TEST_P(benefit_store_test, what_ends_the_reservation_ends_the_offer_or_nothing_is_written) {
  ASSERT_EQ(one({offer(seller, first)}).status, commit_status::committed);
  auto end = close(first);
  end.to = reservation_status::cancelled;
  end.payment = payment_state::refunded;
  end.stock = stock_effect::free;
  end.items = (**data->queries()->find_reservation(reservation)).items;
  auto wrong = end;
  wrong.from = reservation_status::pending; // the listing fits, the reservation does not
  ASSERT_EQ(one({wrong}).status, commit_status::rejected);
  EXPECT_EQ((**data->transfers()->find(first)).status, transfer_status::listed);
  // In a batch with others too.
  std::vector<ticket_write> batch{{wrong}, {end}};
  const auto out = data->writes().commit(batch);
  EXPECT_EQ(out[0].status, commit_status::rejected);
  EXPECT_EQ(out[1].status, commit_status::committed);
  EXPECT_EQ((**data->transfers()->find(first)).status, transfer_status::cancelled);
  EXPECT_EQ((**data->queries()->find_reservation(reservation)).status,
            reservation_status::cancelled);
}

TEST_P(benefit_store_test, offers_are_listed_newest_first_by_page_and_artist) {
  ASSERT_EQ(one({offer(seller, first)}).status, commit_status::committed);
  ASSERT_EQ(one({close(first)}).status, commit_status::committed);
  ASSERT_EQ(one({offer(seller, second, milliseconds{7})}).status, commit_status::committed);
  auto page = *data->transfers()->listed({}, 10, 0);
  EXPECT_EQ(page.total, 1);
  ASSERT_EQ(page.transfers.size(), 1u);
  EXPECT_EQ(page.transfers[0].terms.id, second);
  EXPECT_EQ(data->transfers()->listed(artist, 10, 0)->total, 1);
  EXPECT_EQ(data->transfers()->listed(artist_id{make_uuid(*env)}, 10, 0)->total, 0);
  page = *data->transfers()->listed({}, 10, 5);
  EXPECT_EQ(page.total, 1);
  EXPECT_TRUE(page.transfers.empty());
  const auto own = *data->transfers()->offered_by(seller, 10);
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[0].terms.id, second);
}

TEST_P(benefit_store_test, a_membership_is_one_row_moved_by_compare_and_set) {
  const auto m = member(buyer);
  membership::change_membership c;
  c.next = m;
  ASSERT_EQ(one({c}).status, commit_status::committed);
  auto twin = member(buyer);
  c.next = twin;
  EXPECT_EQ(one({c}).status, commit_status::rejected) << "one per user and artist";
  const auto active = activation(m);
  ASSERT_EQ(one({active}).status, commit_status::committed);
  EXPECT_TRUE(one({active}).duplicate);
  EXPECT_EQ(one({activation(m)}).status, commit_status::rejected) << "an old version";
  const auto found = **data->memberships()->find(m.id);
  EXPECT_EQ(found.row, active.next);
  EXPECT_EQ(found.artist.name, "Artist");
  EXPECT_EQ(found.artist.membership_price, 700);
  EXPECT_EQ((**data->memberships()->find_of(buyer, artist)).row, active.next);
  EXPECT_FALSE(*data->memberships()->find_of(seller, artist));
  EXPECT_EQ(data->memberships()->memberships_of(buyer, 10)->size(), 1u);
  EXPECT_EQ(sent(), std::vector<std::string>{"MEMBERSHIP_ACTIVATED"});
  EXPECT_EQ(data->memberships()->over(now, 10)->size(), 0u);
  EXPECT_EQ(data->memberships()->over(now + std::chrono::hours{1}, 10)->size(), 1u);
  EXPECT_EQ(*data->memberships()->artist_of(event), artist);
  EXPECT_TRUE(data->memberships()->artist_of(event_id{make_uuid(*env)})->is_nil());
  EXPECT_EQ((**data->memberships()->artist(artist)).name, "Artist");
  membership::put_artist_card gone{make_uuid(*env), {artist, "", "", 0}, true};
  ASSERT_EQ(one({gone}).status, commit_status::committed);
  EXPECT_FALSE(*data->memberships()->artist(artist));
  EXPECT_EQ((**data->memberships()->find(m.id)).row, active.next) << "its members stay";
}

TEST_P(benefit_store_test, the_same_thing_gives_points_once) {
  const auto m = member(buyer);
  membership::change_membership c;
  c.next = m;
  ASSERT_EQ(one({c}).status, commit_status::committed);
  const auto reference = make_uuid(*env);
  EXPECT_EQ(one({points("POST", reference)}).memberships, 0) << "pending";
  ASSERT_EQ(one({activation(m)}).status, commit_status::committed);
  auto of_nobody = points("POST", reference);
  of_nobody.user = seller;
  auto of_another = points("POST", make_uuid(*env));
  of_another.artist = artist_id{make_uuid(*env)};
  std::vector<ticket_write> batch{{points("POST", reference)},
                                  {points("POST", reference)},
                                  {points("COMMENT", reference)},
                                  {of_nobody},
                                  {of_another}};
  const auto out = data->writes().commit(batch);
  for (const auto& o : out) {
    EXPECT_EQ(o.status, commit_status::committed);
    EXPECT_FALSE(o.duplicate);
  }
  EXPECT_EQ(out[0].memberships, 1);
  EXPECT_EQ(out[1].memberships, 0);
  EXPECT_EQ(out[2].memberships, 1);
  EXPECT_EQ(out[3].memberships, 0);
  EXPECT_EQ(out[4].memberships, 0);
  EXPECT_EQ(balance(m.id), 260);
  EXPECT_EQ((**data->memberships()->find(m.id)).row.version, 4u);
  EXPECT_EQ(data->memberships()->points_of(m.id, 10)->size(), 3u);
  EXPECT_EQ(data->memberships()->points_of(m.id, 2)->size(), 2u);
}

TEST_P(benefit_store_test, what_was_given_is_taken_back_once_and_nothing_else) {
  const auto m = member(buyer);
  membership::change_membership c;
  c.next = m;
  ASSERT_EQ(one({c}).status, commit_status::committed);
  ASSERT_EQ(one({activation(m)}).status, commit_status::committed);
  const auto kept = make_uuid(*env);
  const auto undone = make_uuid(*env);
  EXPECT_EQ(one({points("POST", undone, {}, true)}).memberships, 0) << "never given";
  ASSERT_EQ(one({points("POST", kept)}).memberships, 1);
  ASSERT_EQ(one({points("POST", undone)}).memberships, 1);
  auto much = points("POST", undone, {}, true);
  much.entry.points = 1'000; // what it says does not matter, what was given does
  EXPECT_EQ(one({much}).memberships, 1);
  EXPECT_EQ(one({much}).memberships, 0);
  EXPECT_EQ(balance(m.id), 230);
  EXPECT_EQ(account(m.id), 230);
  EXPECT_EQ(one({points("POST", undone)}).memberships, 0) << "it cannot be earned again";
  EXPECT_TRUE(*data->memberships()->has_points_for(m.id, undone));
  EXPECT_FALSE(*data->memberships()->has_points_for(m.id, make_uuid(*env)));
  const auto entries = data->memberships()->points_of(m.id, 10);
  ASSERT_EQ(entries->size(), 4u);
  EXPECT_EQ(std::count_if(entries->begin(), entries->end(),
                          [&](const auto& e) {
                            return e.action == "POST_REVOKED" && e.points == -30
                                   && e.reference == undone;
                          }),
            1);
}

TEST_P(benefit_store_test, a_message_about_points_is_applied_once_whatever_has_changed_since) {
  const auto m = member(buyer);
  membership::change_membership c;
  c.next = m;
  ASSERT_EQ(one({c}).status, commit_status::committed);
  const auto early = points("POST", make_uuid(*env), make_uuid(*env));
  EXPECT_EQ(one({early}).memberships, 0);
  ASSERT_EQ(one({activation(m)}).status, commit_status::committed);
  EXPECT_TRUE(one({early}).duplicate) << "a member only since";
  EXPECT_EQ(balance(m.id), 200);
  const auto earned = points("POST", make_uuid(*env), make_uuid(*env));
  EXPECT_EQ(one({earned}).memberships, 1);
  EXPECT_TRUE(one({earned}).duplicate);
  const auto revoked = points("POST", earned.entry.reference, make_uuid(*env), true);
  EXPECT_EQ(one({revoked}).memberships, 1);
  EXPECT_TRUE(one({revoked}).duplicate);
  EXPECT_EQ(balance(m.id), 200);
  EXPECT_EQ(account(m.id), 200);
}

TEST_P(benefit_store_test, news_count_for_every_active_membership_and_back_for_all_that_got) {
  const auto one_band = member(buyer);
  auto other_band = member(buyer);
  other_band.artist = artist_id{make_uuid(*env)};
  auto over = member(buyer);
  over.artist = artist_id{make_uuid(*env)};
  const auto foreign = member(seller);
  for (const auto& m : {one_band, other_band, over, foreign}) {
    membership::change_membership c;
    c.next = m;
    ASSERT_EQ(one({c}).status, commit_status::committed);
    auto active = activation(m);
    if (m.id == over.id)
      active.next.expires_at = now;
    ASSERT_EQ(one({active}).status, commit_status::committed);
  }
  auto news = points("NEWS_CREATION", make_uuid(*env), make_uuid(*env));
  news.artist = {};
  EXPECT_EQ(one({news}).memberships, 2);
  EXPECT_EQ(balance(one_band.id), 230);
  EXPECT_EQ(balance(other_band.id), 230);
  EXPECT_EQ(balance(over.id), 200);
  EXPECT_EQ(balance(foreign.id), 200);
  // One of them ends before the article goes.
  auto ended = (**data->memberships()->find(one_band.id)).row;
  ended.status = membership_status::expired;
  ++ended.version;
  membership::change_membership c;
  c.next = ended;
  ASSERT_EQ(one({c}).status, commit_status::committed);
  news.message = make_uuid(*env);
  news.revoke = true;
  EXPECT_EQ(one({news}).memberships, 2);
  for (const auto& m : {one_band, other_band, over, foreign}) {
    EXPECT_EQ(balance(m.id), 200);
    EXPECT_EQ(account(m.id), 200);
  }
}

INSTANTIATE_TEST_SUITE_P(stores, benefit_store_test, ::testing::Values(false, true),
                         [](const auto& x) { return x.param ? "sql" : "memory"; });

} // namespace
} // namespace tiketi::ticket
