#pragma once

#include "actors/community/community_actor.hpp"
#include "actors/community/reader.hpp"
#include "tests/community/store_fixture.hpp"
#include "tests/support/actor_fixture.hpp"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace tiketi::test {

/// Hands on to a real store unless a failure is ordered.
class fragile_writes final : public community::community_writes {
public:
  explicit fragile_writes(std::shared_ptr<community::community_writes> real)
      : real_(std::move(real)) {}

  std::vector<community::community_written>
  commit(std::vector<community::community_write>& batch) override {
    if (!next)
      return real_->commit(batch);
    std::vector<community::community_written> out(batch.size());
    for (auto& o : out)
      o.status = *next;
    next.reset();
    return out;
  }

  std::optional<commit_status> next; ///< what the next commit answers without writing

private:
  std::shared_ptr<community::community_writes> real_;
};

struct other_roles {
  std::unordered_map<user_id, std::string> names;
  std::unordered_set<artist_id> artists;
  int grew = 0;
};

inline community::accounts_view::behavior_type accounts(community::accounts_view::pointer,
                                                        other_roles* r) {
  return {[r](const auth::get_user& q) -> caf::result<auth::user_view> {
    const auto found = r->names.find(q.id);
    if (found == r->names.end())
      return to_caf(errc::not_found);
    return auth::user_view{q.id, "someone@example.com", found->second, "user", {}};
  }};
}

inline community::artists_view::behavior_type artists(community::artists_view::pointer,
                                                      other_roles* r) {
  return {[r](const catalog::get_artist& q) -> caf::result<catalog::answer> {
    if (!r->artists.contains(q.artist))
      return to_caf({errc::not_found, "Artist not found"});
    return catalog::answer{std::make_shared<const std::string>("{}")};
  }};
}

inline relay_actor::behavior_type relay_probe(relay_actor::pointer, other_roles* r) {
  return {[r](const outbox_grew&) { ++r->grew; }};
}

/// The community role on one thread, with its real store.
class community_test : public actor_test {
protected:
  void SetUp() override {
    ada = add_user("Ada");
    bob = add_user("Bob");
    artist = artist_id{make_uuid(*env)};
    roles.artists.insert(artist);
    start();
  }

  void TearDown() override { stop(); }

  void start() {
    names = sys.spawn(accounts, &roles);
    bands = sys.spawn(artists, &roles);
    relay = sys.spawn(relay_probe, &roles);
    writer = sys.spawn(tiketi::writer<community::community_write, community::community_written>,
                       std::shared_ptr<community::community_writes>(store), writer_options{},
                       batch_observer{});
    auto reader = sys.spawn(community::reader, db.queries, std::size_t{100});
    role = community::spawn_community(sys, *env, metrics, options,
                                      {writer, {reader}, names, bands, relay});
    sched.run();
  }

  void stop() {
    const auto quit = caf::exit_reason::user_shutdown;
    self->send_exit(role, quit);
    sched.run();
    for (const auto& a : {caf::actor_cast<caf::actor>(names), caf::actor_cast<caf::actor>(bands),
                          caf::actor_cast<caf::actor>(relay)})
      self->send_exit(a, quit);
    role = nullptr;
    writer = nullptr;
    names = nullptr;
    bands = nullptr;
    relay = nullptr;
    sched.run();
  }

  user_id add_user(const std::string& name) {
    const user_id id{make_uuid(*env)};
    roles.names[id] = name;
    return id;
  }

  other_roles roles;
  user_id ada;
  user_id bob;
  artist_id artist;
  community_database db;
  std::shared_ptr<fragile_writes> store = std::make_shared<fragile_writes>(db.writes);
  prometheus::Registry registry;
  std::shared_ptr<community::community_metrics> metrics =
      std::make_shared<community::community_metrics>(registry);
  community::community_options options;
  community::accounts_view names;
  community::artists_view bands;
  relay_actor relay;
  community::community_writer writer;
  community::community_actor role;
};

} // namespace tiketi::test
