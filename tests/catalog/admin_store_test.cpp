// What the administration writes to and reads from the catalog's database, in SQL.

#include "actors/base/environment.hpp"
#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/name_id.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "tests/support/test_database.hpp"

#include <gtest/gtest.h>

namespace tiketi::catalog {
namespace {

using namespace std::chrono_literals;

template <class Id>
Id id_of(std::string_view name) {
  return Id{name_based_uuid({}, name)};
}

class catalog_admin_store_test : public ::testing::Test {
protected:
  void SetUp() override {
    target = sql::make_catalog_target(open(), *env);
    queries = sql::make_catalog_queries(open());
    admin = sql::make_catalog_admin_queries(open());
    outbox = sql::make_outbox_store(open());
    put_layout hall;
    hall.layout.id = id_of<layout_id>("hall");
    hall.layout.name = "hall";
    hall.layout.config = to_json({{"A", 2, 3, 500, 1}});
    ASSERT_EQ(put(hall).status, commit_status::committed);
    put_event x;
    x.event.id = event;
    x.event.title = "Night";
    x.event.venue = "Venue";
    x.event.event_date = from_millis(1'000'000);
    x.event.layout = hall.layout.id;
    x.event.artist_name = "Band";
    x.event.created_by = id_of<user_id>("admin");
    x.event.pre_scaled = true;
    x.types = {{id_of<ticket_type_id>("floor"), "Floor", {}, 100, 10}};
    ASSERT_EQ(put(x).status, commit_status::committed);
  }

  sql::database open() { return stored.open(); }

  template <class Command>
  catalog_written put(Command command, std::optional<audit_note> audit = {}) {
    std::vector<catalog_write> batch;
    batch.push_back({std::move(command), std::move(audit)});
    return target->commit(batch)[0];
  }

  edit_event edit() const {
    edit_event x;
    x.event = event;
    x.to.title = "Day";
    x.to.venue = "Elsewhere";
    x.to.event_date = from_millis(2'000'000);
    x.to.artist_name = "Band";
    return x;
  }

  /// The last message about the event.
  event_changed last() {
    const auto all = outbox->read(0, 1000);
    return parse_event_changed(all->back().payload).value();
  }

  std::size_t sent() { return outbox->read(0, 1000)->size(); }
  long long rows(const std::string& where) {
    auto db = open();
    long long count = 0;
    db.session() << "SELECT count(*) FROM admin_audit_logs WHERE " + where, soci::into(count);
    return count;
  }

  static audit_note note(std::string action, int status) {
    audit_note n;
    n.admin = id_of<user_id>("admin");
    n.address = "192.0.2.1";
    n.action = std::move(action);
    n.resource_type = "event";
    n.resource = id_of<event_id>("event").value;
    n.status = status;
    return n;
  }

  test::test_database stored{"catalog"};
  time_point now = from_millis(1000);
  std::unique_ptr<environment> env = make_seeded_environment(7, [this] { return now; });
  event_id event = id_of<event_id>("event");
  std::shared_ptr<catalog_target> target;
  std::unique_ptr<catalog_queries> queries;
  std::unique_ptr<catalog_admin_queries> admin;
  std::unique_ptr<outbox_store> outbox;
};

TEST_F(catalog_admin_store_test, an_edit_replaces_what_the_form_has_and_keeps_the_rest) {
  now += 5s;
  const auto written = put(edit());
  ASSERT_EQ(written.status, commit_status::committed) << written.why.text;
  ASSERT_TRUE(written.event);
  EXPECT_EQ(written.event->title, "Day");
  EXPECT_EQ(written.event->layout, id_of<layout_id>("hall")) << "not named, so as before";
  EXPECT_TRUE(written.event->pre_scaled);
  EXPECT_EQ(written.event->created_by, id_of<user_id>("admin"));
  EXPECT_EQ(written.event->updated_at, now);
  EXPECT_EQ(last().event.title, "Day");
  EXPECT_EQ(outbox->read(0, 1000)->back().id, written.message);
  EXPECT_EQ((*queries->event(event))->types.size(), 1u);
}

TEST_F(catalog_admin_store_test, a_new_artist_name_links_and_none_unlinks) {
  const auto before = *admin->event(event);
  auto x = edit();
  x.to.artist_name = "Other band";
  EXPECT_NE(put(x).event->artist, before->artist);
  x.to.artist_name = "Band";
  EXPECT_EQ(put(x).event->artist, before->artist);
  x.to.artist_name.reset();
  EXPECT_TRUE(put(x).event->artist.is_nil());
}

TEST_F(catalog_admin_store_test, a_layout_changes_only_where_the_caller_vouches_for_it) {
  put_layout other;
  other.layout.id = id_of<layout_id>("other");
  other.layout.name = "other";
  other.layout.config = to_json({{"B", 1, 1, 5, 1}});
  ASSERT_EQ(put(other).status, commit_status::committed);
  auto x = edit();
  x.to.layout = other.layout.id;
  EXPECT_EQ(put(x).why.code, errc::conflict);
  x.new_layout = true;
  ASSERT_EQ(put(x).status, commit_status::committed);
  EXPECT_EQ(last().layout->id, other.layout.id);
  EXPECT_EQ(put(remove_layout{other.layout.id}).why.code, errc::conflict);
  EXPECT_EQ(put(remove_layout{id_of<layout_id>("hall")}).status, commit_status::committed);
  EXPECT_EQ(put(remove_layout{id_of<layout_id>("hall")}).why.code, errc::not_found);
}

TEST_F(catalog_admin_store_test, cancelled_is_for_ever_and_happens_once) {
  ASSERT_EQ(put(cancel_event{event}).status, commit_status::committed);
  EXPECT_TRUE(last().event.cancelled);
  const auto messages = sent();
  EXPECT_EQ(put(cancel_event{event}).why,
            failure(errc::not_found, "Event not found or already cancelled"));
  EXPECT_EQ(sent(), messages);
  ASSERT_EQ(put(edit()).status, commit_status::committed);
  EXPECT_TRUE(last().event.cancelled);
  EXPECT_EQ(put(cancel_event{id_of<event_id>("none")}).why.code, errc::not_found);
}

TEST_F(catalog_admin_store_test, a_deleted_event_is_cancelled_for_the_sale_and_shown_to_nobody) {
  EXPECT_EQ(*admin->event_count(), 1);
  const auto artist = (*admin->event(event))->artist;
  ASSERT_EQ(put(delete_event{event}).status, commit_status::committed);
  EXPECT_TRUE(last().event.cancelled);
  EXPECT_FALSE(*queries->event(event));
  EXPECT_FALSE(*admin->event(event));
  EXPECT_EQ(queries->events({}, now)->total, 0);
  EXPECT_EQ(queries->artists(1, 10)->artists.at(0).event_count, 0);
  EXPECT_TRUE((*queries->artist(artist))->events.empty());
  EXPECT_EQ(*admin->event_count(), 0);
  for (const auto& code :
       {put(delete_event{event}).why.code, put(edit()).why.code, put(cancel_event{event}).why.code,
        put(offer_seats{event, true}).why.code,
        put(put_ticket_type{event, {id_of<ticket_type_id>("x"), "X", {}, 1, 1}, false}).why.code,
        put(put_ticket_type{{}, {id_of<ticket_type_id>("floor"), "X", {}, 1, 1}, true}).why.code})
    EXPECT_EQ(code, errc::not_found);
}

TEST_F(catalog_admin_store_test, seats_go_out_of_the_sale_and_come_back) {
  EXPECT_TRUE(last().event.seats_offered);
  ASSERT_EQ(put(offer_seats{event, false}).status, commit_status::committed);
  EXPECT_FALSE(last().event.seats_offered);
  // Other changes do not bring them back.
  ASSERT_EQ(put(edit()).status, commit_status::committed);
  EXPECT_FALSE(last().event.seats_offered);
  ASSERT_EQ(put(offer_seats{event, true}).status, commit_status::committed);
  EXPECT_TRUE(last().event.seats_offered);
}

TEST_F(catalog_admin_store_test, a_message_from_before_offers_its_seats) {
  auto payload = to_json(last());
  const auto at = payload.find(R"("seatsOffered":true,)");
  ASSERT_NE(at, std::string::npos) << payload;
  payload.erase(at, 20);
  EXPECT_TRUE(parse_event_changed(payload)->event.seats_offered);
}

TEST_F(catalog_admin_store_test, ticket_types_are_made_and_changed) {
  const ticket_type_row box{id_of<ticket_type_id>("box"), "Box", "text", 900, 3};
  auto written = put(put_ticket_type{event, box, false});
  ASSERT_EQ(written.status, commit_status::committed);
  ASSERT_TRUE(written.type);
  EXPECT_EQ(written.type->event, event);
  EXPECT_EQ(written.type->created_at, now);
  EXPECT_EQ(last().types.size(), 2u);
  now += 1s;
  auto changed = box;
  changed.total = 5;
  written = put(put_ticket_type{{}, changed, true});
  ASSERT_EQ(written.status, commit_status::committed);
  EXPECT_EQ(written.type->type.total, 5);
  EXPECT_EQ(written.type->updated_at, now);
  EXPECT_EQ(written.type->created_at, now - 1s);
  EXPECT_EQ((*admin->ticket_type(box.id))->type.total, 5);
  changed.id = id_of<ticket_type_id>("none");
  EXPECT_EQ(put(put_ticket_type{{}, changed, true}).why,
            failure(errc::not_found, "Ticket type not found"));
  EXPECT_EQ(put(put_ticket_type{id_of<event_id>("none"), changed, false}).why,
            failure(errc::not_found, "Event not found"));
}

TEST_F(catalog_admin_store_test, artists_without_an_image_come_in_pages) {
  for (const char* name : {"a", "b", "c"})
    ASSERT_EQ(put(put_artist{{id_of<artist_id>(name), name, {}, {}, 1, {}, {}}}).status,
              commit_status::committed);
  ASSERT_EQ(put(put_artist{{id_of<artist_id>("d"), "d", "/d.png", {}, 1, {}, {}}}).status,
            commit_status::committed);
  std::vector<artist_row> all;
  artist_id after;
  for (;;) {
    const auto page = admin->artists_without_image(after, 2);
    ASSERT_TRUE(page);
    if (page->empty())
      break;
    all.insert(all.end(), page->begin(), page->end());
    after = page->back().id;
  }
  EXPECT_EQ(all.size(), 4u) << "and the event's";
  EXPECT_EQ(put(remove_artist{id_of<artist_id>("a")}).status, commit_status::committed);
  EXPECT_EQ(put(remove_artist{(*admin->event(event))->artist}).why.code, errc::conflict);
}

TEST_F(catalog_admin_store_test, others_hear_what_becomes_of_an_artist) {
  const auto id = id_of<artist_id>("solo");
  const auto newest = [&] { return outbox->read(0, 1000)->back(); };
  ASSERT_EQ(put(put_artist{{id, "solo", {}, {}, 1, {}, {}}}).status, commit_status::committed);
  ASSERT_EQ(put(describe_artist{id, "/solo.png", {}}).status, commit_status::committed);
  EXPECT_EQ(newest().type, artist_changed_type);
  EXPECT_EQ(newest().key, to_string(id));
  EXPECT_EQ(parse_artist_changed(newest().payload)->image_url, "/solo.png");

  ASSERT_EQ(put(count_members{name_based_uuid({}, "joined"), id, 1}).status,
            commit_status::committed);
  EXPECT_EQ(put(remove_artist{id}).why, failure(errc::conflict, "This artist has members"));
  ASSERT_EQ(put(count_members{name_based_uuid({}, "left"), id, -1}).status,
            commit_status::committed);
  const auto gone = put(remove_artist{id});
  ASSERT_EQ(gone.status, commit_status::committed);
  EXPECT_EQ(gone.message, newest().id) << "what an administrator's call waits for";
  EXPECT_EQ(newest().type, artist_removed_type);
  EXPECT_EQ(*parse_artist_removed(newest().payload), id);
  for (const char* bad : {"", "{}", R"({"artist":{"id":"x"}})"})
    EXPECT_EQ(parse_artist_removed(bad).error().code, errc::invalid_request) << bad;
}

TEST_F(catalog_admin_store_test, artists_from_before_are_told_once) {
  ASSERT_EQ(put(put_artist{{id_of<artist_id>("solo"), "solo", {}, {}, 1, {}, {}}}).status,
            commit_status::committed);
  const auto before = sent();
  EXPECT_TRUE(put(announce_artists{}).changed);
  EXPECT_EQ(sent(), before + 2) << "this one and the event's";
  EXPECT_FALSE(put(announce_artists{}).changed);
  EXPECT_EQ(sent(), before + 2);
}

TEST_F(catalog_admin_store_test, an_artist_gets_what_it_does_not_have) {
  const auto id = (*admin->event(event))->artist;
  ASSERT_EQ(put(describe_artist{id, "/a.png", {}}).status, commit_status::committed);
  const auto written = put(describe_artist{id, "/b.png", "rock"});
  ASSERT_TRUE(written.artist);
  EXPECT_EQ(written.artist->image_url, "/a.png") << "an administrator's choice stays";
  EXPECT_EQ(written.artist->description, "rock");
  EXPECT_EQ(put(describe_artist{id_of<artist_id>("none"), "/b.png", {}}).why.code, errc::not_found);
}

TEST_F(catalog_admin_store_test, the_audit_row_goes_with_the_change_and_has_its_real_status) {
  ASSERT_EQ(put(cancel_event{event}, note("CANCEL_EVENT", 200)).status, commit_status::committed);
  EXPECT_EQ(rows("action = 'CANCEL_EVENT' AND response_status = 200 AND resource_id = '"
                 + to_string(event) + "' AND client_address = '192.0.2.1'"),
            1);
  // A refusal is written down although its change is not.
  EXPECT_EQ(put(cancel_event{event}, note("CANCEL_EVENT", 200)).status, commit_status::rejected);
  EXPECT_EQ(rows("action = 'CANCEL_EVENT' AND response_status = 404"), 1);
  auto bad = edit();
  bad.to.title = "";
  EXPECT_EQ(put(bad, note("UPDATE_EVENT", 200)).why.code, errc::invalid_request);
  EXPECT_EQ(rows("action = 'UPDATE_EVENT' AND response_status = 400"), 1);
  const auto messages = sent();
  auto nothing = note("CREATE_EVENT", 403);
  nothing.resource.reset();
  const auto written = put(note_call{}, nothing);
  EXPECT_EQ(written.status, commit_status::committed);
  EXPECT_FALSE(written.changed);
  EXPECT_EQ(sent(), messages);
  EXPECT_EQ(rows("resource_id IS NULL AND response_status = 403"), 1);
}

} // namespace
} // namespace tiketi::catalog
