#include "storage/sql/cluster_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace cluster;

/// The database's clock at the moment of the statement, in milliseconds.
const char* clock_of(dialect kind) {
  return kind == dialect::postgresql
             ? "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
             : "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";
}

/// The condition that a shard's owner is a member.
constexpr const char* owner_is_member =
    "EXISTS (SELECT 1 FROM cluster_nodes n WHERE n.node = cluster_shards.owner "
    "AND n.incarnation = cluster_shards.incarnation AND n.member = 1)";

/// The condition that `:self` under `:inc` is one.
constexpr const char* self_is_member =
    "EXISTS (SELECT 1 FROM cluster_nodes s WHERE s.node = :self AND s.incarnation = :inc "
    "AND s.member = 1)";

std::string joined_by_comma(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names)
    out += (out.empty() ? "" : ",") + name;
  return out;
}

std::vector<std::string> split_by_comma(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// Without the clock: SOCI reads that separately, see `renew`.
struct node_fields {
  std::string node;
  long long incarnation = 0;
  std::string address;
  std::string roles;
  int weight = 0;
  std::string version;
  int protocol = 0;
  long long lease = 0;
  int draining = 0;
  long long renewals = 0;
  long long renewed = 0;

  member value() const {
    return {{node, static_cast<std::uint64_t>(incarnation)},
            address,
            split_by_comma(roles),
            static_cast<std::uint32_t>(weight),
            {version, static_cast<std::uint32_t>(protocol)},
            milliseconds{lease},
            draining != 0,
            static_cast<std::uint64_t>(renewals),
            from_millis(renewed)};
  }
};

/// Epoch and members in one statement, so that they belong together.
struct select_view {
  explicit select_view(soci::session& sql)
      : st((sql.prepare << "SELECT s.epoch, s.cluster_id, coalesce(n.node, ''), "
                           "coalesce(n.incarnation, 0), coalesce(n.address, ''), "
                           "coalesce(n.roles, ''), coalesce(n.weight, 0), coalesce(n.version, ''), "
                           "coalesce(n.protocol, 0), coalesce(n.lease_ms, 0), "
                           "coalesce(n.draining, 0), coalesce(n.renewals, 0), "
                           "coalesce(n.renewed_at, 0) FROM cluster_state s "
                           "LEFT JOIN cluster_nodes n ON n.member = 1 ORDER BY 3",
            soci::into(epoch), soci::into(cluster), soci::into(f.node), soci::into(f.incarnation),
            soci::into(f.address), soci::into(f.roles), soci::into(f.weight), soci::into(f.version),
            soci::into(f.protocol), soci::into(f.lease), soci::into(f.draining),
            soci::into(f.renewals), soci::into(f.renewed))) {}

  long long epoch = 0;
  std::string cluster;
  node_fields f;
  soci::statement st;
};

struct key_bound {
  void bind(const node_key& key) {
    node = key.node;
    incarnation = static_cast<long long>(key.incarnation);
  }

  std::string node;
  long long incarnation = 0;
};

struct update_renewal : key_bound {
  update_renewal(soci::session& sql, dialect kind)
      : st((sql.prepare << std::string{"UPDATE cluster_nodes SET renewals = renewals + 1, "
                                       "renewed_at = "}
                               + clock_of(kind)
                               + " WHERE node = :n AND incarnation = :i AND member = 1",
            soci::use(node), soci::use(incarnation))) {}

  soci::statement st;
};

/// `database::prepared` makes statements from a session alone.
template <dialect Kind>
struct renewal_of : update_renewal {
  explicit renewal_of(soci::session& sql) : update_renewal(sql, Kind) {}
};

/// Shards and epochs as one parameter, whatever their number: `[[shard,epoch],…]`, by shard.
template <class List>
std::string list_of(const List& sorted) {
  std::string out = "[";
  for (const auto& [shard, epoch] : sorted)
    out +=
        (out.size() == 1 ? "[" : ",[") + std::to_string(shard) + "," + std::to_string(epoch) + "]";
  return out + "]";
}

/// The rows of the parameter `:list`.
std::string listed(dialect kind) {
  return kind == dialect::postgresql
             ? "(SELECT CAST(value->>0 AS INTEGER) AS shard, CAST(value->>1 AS BIGINT) AS epoch "
               "FROM json_array_elements(CAST(:list AS JSON)))"
             : "(SELECT CAST(json_extract(value, '$[0]') AS INTEGER) AS shard, "
               "CAST(json_extract(value, '$[1]') AS INTEGER) AS epoch FROM json_each(:list))";
}

class sql_cluster_store final : public cluster_store {
public:
  explicit sql_cluster_store(database db) : guard_(std::move(db), "cluster") {}

  result<join_answer> join(const join_request& request) override {
    if (auto why = problem_of(request))
      return failure{errc::invalid_request, std::move(*why)};
    return guard_.run<join_answer>([&] {
      join_answer out;
      transaction tx{db()};
      lock_state();
      auto row = find(request.node);
      const bool repeated = row.is_member && row.boot == to_string(request.boot);
      if (row.is_member && !repeated) {
        out.what = join_answer::outcome::name_taken;
        out.text = "a process with the name " + request.node + " is a member";
      }
      for (const auto& other : read_view().members)
        if (out.what == join_answer::outcome::joined && other.key.node != request.node)
          if (auto why = incompatible(request.runs, other.key.node, other.runs)) {
            out.what = join_answer::outcome::incompatible;
            out.text = std::move(*why);
          }
      if (out.what == join_answer::outcome::joined) {
        if (repeated) {
          renew_row({request.node, static_cast<std::uint64_t>(row.incarnation)});
        } else {
          // The first of all names the cluster.
          const auto id = to_string(request.boot);
          db().session() << "UPDATE cluster_state SET cluster_id = :c WHERE cluster_id = ''",
              soci::use(id);
          write(request, row.incarnation++);
          grow_epoch();
        }
        out.incarnation = static_cast<std::uint64_t>(row.incarnation);
      }
      out.view = read_view();
      out.cluster = cluster_;
      out.database_now = read_clock();
      tx.commit();
      return out;
    });
  }

  result<renew_answer> renew(const node_key& self) override {
    return guard_.run<renew_answer>([&] {
      renew_answer out;
      out.alive = renew_row(self);
      out.view = read_view();
      out.database_now = read_clock();
      return out;
    });
  }

  result<cluster_view> end_leases(std::span<const seen_lease> leases) override {
    return guard_.run<cluster_view>([&] {
      transaction tx{db()};
      lock_state();
      std::size_t ended = 0;
      for (const auto& lease : leases) {
        const auto& node = lease.key.node;
        const auto incarnation = static_cast<long long>(lease.key.incarnation);
        const auto renewals = static_cast<long long>(lease.renewals);
        soci::statement st =
            (db().session().prepare << "UPDATE cluster_nodes SET member = 0 WHERE node = :n "
                                       "AND incarnation = :i AND renewals = :r AND member = 1",
             soci::use(node), soci::use(incarnation), soci::use(renewals));
        const auto was_member = sql::run(st);
        if (was_member != 0)
          end_sessions(node, find(node).boot);
        ended += was_member;
      }
      if (ended != 0)
        grow_epoch();
      auto out = read_view();
      tx.commit();
      return out;
    });
  }

  result<void> leave(const node_key& self) override {
    return change("UPDATE cluster_nodes SET member = 0 WHERE node = :n AND incarnation = :i "
                  "AND member = 1",
                  self)
               ? result<void>{}
               : result<void>{failure{errc::unavailable}};
  }

  result<bool> set_draining(std::string_view node, bool draining) override {
    return set(node, draining ? 1 : 0, "draining");
  }

  result<bool> set_weight(std::string_view node, std::uint32_t weight) override {
    if (weight > weight_max)
      return failure{errc::invalid_request, "the weight is too high"};
    return set(node, static_cast<int>(weight), "weight");
  }

  result<cluster_view> view() override {
    return guard_.run<cluster_view>([&] { return read_view(); });
  }

  result<time_point> clock() override {
    return guard_.run<time_point>([&] { return read_clock(); });
  }

  result<std::vector<shard_lease>> acquire(std::string_view role, std::span<const shard_id> shards,
                                           const node_key& self) override {
    return guard_.run<std::vector<shard_lease>>([&] {
      std::map<shard_id, std::uint64_t> wanted;
      for (const auto shard : shards)
        wanted.emplace(shard, 0);
      const std::string name{role};
      const auto list = list_of(wanted);
      const auto incarnation = static_cast<long long>(self.incarnation);
      const auto rows = listed(db().kind());
      auto& sql = db().session();
      transaction tx{db()};
      auto found = read_shards(name, list, rows, true);
      if (found.size() < wanted.size()) {
        sql << "INSERT INTO cluster_shards(role, shard, owner, incarnation, epoch) SELECT "
               "CAST(:r AS VARCHAR(32)), x.shard, '', 0, 0 FROM "
                   + rows + " x WHERE true ORDER BY x.shard ON CONFLICT (role, shard) DO NOTHING",
            soci::use(name), soci::use(list);
        read_shards(name, list, rows, true);
      }
      sql << std::string{"UPDATE cluster_shards SET owner = :o, incarnation = :i, "
                         "epoch = epoch + 1 WHERE role = :r AND shard IN (SELECT shard FROM "}
                 + rows + " x) AND NOT " + owner_is_member + " AND " + self_is_member,
          soci::use(self.node), soci::use(incarnation), soci::use(name), soci::use(list),
          soci::use(self.node), soci::use(incarnation);
      found = read_shards(name, list, rows, false);
      tx.commit();
      std::vector<shard_lease> out;
      out.reserve(shards.size());
      for (const auto shard : shards)
        out.push_back(found.contains(shard) ? found[shard] : shard_lease{shard, {}, 0});
      return out;
    });
  }

  result<void> release(std::string_view role, std::span<const shard_release> shards,
                       const node_key& self) override {
    const auto done = guard_.run<bool>([&] {
      const std::string name{role};
      const auto incarnation = static_cast<long long>(self.incarnation);
      const auto rows = listed(db().kind());
      transaction tx{db()};
      const auto members = read_view();
      std::map<std::pair<std::string, std::uint64_t>, std::map<shard_id, std::uint64_t>> by_next;
      std::map<shard_id, std::uint64_t> all;
      for (const auto& one : shards) {
        const auto* to = members.find(one.to.node);
        const auto next = to != nullptr && to->key == one.to ? one.to : node_key{};
        by_next[{next.node, next.incarnation}].emplace(one.shard, one.epoch);
        all.emplace(one.shard, one.epoch);
      }
      read_shards(name, list_of(all), rows, true);
      for (const auto& [next, leases] : by_next) {
        const auto list = list_of(leases);
        const auto next_incarnation = static_cast<long long>(next.second);
        // The epoch grows only where somebody may begin to serve.
        const int more = next.first.empty() ? 0 : 1;
        db().session() << "UPDATE cluster_shards SET owner = :t, incarnation = :ti, "
                          "epoch = epoch + :more WHERE role = :r AND owner = :o "
                          "AND incarnation = :i AND EXISTS (SELECT 1 FROM "
                              + rows
                              + " x WHERE x.shard = cluster_shards.shard "
                                "AND x.epoch = cluster_shards.epoch)",
            soci::use(next.first), soci::use(next_incarnation), soci::use(more), soci::use(name),
            soci::use(self.node), soci::use(incarnation), soci::use(list);
      }
      tx.commit();
      return true;
    });
    return done ? result<void>{} : result<void>{done.error()};
  }

  result<std::vector<shard_lease>> shards(std::string_view role) override {
    return guard_.run<std::vector<shard_lease>>([&] {
      std::vector<shard_lease> out;
      const std::string name{role};
      int shard = 0;
      std::string owner;
      long long incarnation = 0;
      long long epoch = 0;
      soci::statement st =
          (db().session().prepare << "SELECT shard, owner, incarnation, epoch FROM cluster_shards "
                                     "WHERE role = :r AND epoch > 0 ORDER BY shard",
           soci::use(name), soci::into(shard), soci::into(owner), soci::into(incarnation),
           soci::into(epoch));
      for (bool more = st.execute(true); more; more = st.fetch())
        out.push_back({static_cast<shard_id>(shard),
                       {owner, static_cast<std::uint64_t>(incarnation)},
                       static_cast<std::uint64_t>(epoch)});
      return out;
    });
  }

  result<std::vector<owned_shard>> owned(std::string_view role, const node_key& self) override {
    return guard_.run<std::vector<owned_shard>>([&] {
      std::vector<owned_shard> out;
      const std::string name{role};
      const auto incarnation = static_cast<long long>(self.incarnation);
      int shard = 0;
      long long epoch = 0;
      soci::statement st =
          (db().session().prepare << "SELECT shard, epoch FROM cluster_shards WHERE owner = :o "
                                     "AND incarnation = :i AND role = :r ORDER BY shard",
           soci::use(self.node), soci::use(incarnation), soci::use(name), soci::into(shard),
           soci::into(epoch));
      for (bool more = st.execute(true); more; more = st.fetch())
        out.push_back({static_cast<shard_id>(shard), static_cast<std::uint64_t>(epoch)});
      return out;
    });
  }

private:
  struct stored_node {
    long long incarnation = 0;
    std::string boot;
    bool is_member = false;
  };

  database& db() noexcept { return guard_.db(); }

  /// Whoever changes the members does so alone.
  void lock_state() { db().session() << "UPDATE cluster_state SET epoch = epoch WHERE id = 1"; }
  /// In the same transaction, so nobody can take its shards before. A server that does not allow it
  /// is no reason to keep the lease: the versions of what is written are the last word anyway.
  void end_sessions(const std::string& node, const std::string& boot) {
    if (db().kind() != dialect::postgresql)
      return;
    auto& sql = db().session();
    sql << "SAVEPOINT sessions";
    try {
      int allowed = 0;
      long long left = 0;
      sql << "SELECT CAST(pg_has_role(current_user, 'pg_signal_backend', 'USAGE') "
             "AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS INTEGER)",
          soci::into(allowed);
      // The databases of one set have names that begin like this one's.
      sql << "SELECT count(*) FROM (SELECT pg_terminate_backend(a.pid, 200) AS ended FROM "
             "(SELECT pid, datname, application_name, "
             "split_part(split_part(application_name, '@', 1), '/', 2) AS role "
             "FROM pg_stat_activity WHERE application_name LIKE 'tiketi/%@%') a "
             "WHERE a.datname = left(current_database(), -length('cluster')) || a.role "
             "AND a.application_name = 'tiketi/' || a.role || '@' || :boot) s "
             "WHERE NOT s.ended",
          soci::use(boot), soci::into(left);
      if (allowed == 0)
        warn("its user may not", node);
      else if (left != 0)
        warn(fmt::format("{} did not end in time", left), node);
    } catch (const soci::soci_error& e) {
      sql << "ROLLBACK TO SAVEPOINT sessions";
      warn(cause_of(e), node);
    }
    sql << "RELEASE SAVEPOINT sessions";
  }

  static void warn(const std::string& why, const std::string& node) {
    spdlog::warn("cluster: the sessions of node {} at the database cannot be ended: {}", node, why);
  }

  void grow_epoch() { db().session() << "UPDATE cluster_state SET epoch = epoch + 1 WHERE id = 1"; }

  stored_node find(const std::string& node) {
    stored_node out;
    int is_member = 0;
    soci::statement st =
        (db().session().prepare << "SELECT incarnation, boot, member FROM cluster_nodes "
                                   "WHERE node = :n",
         soci::use(node), soci::into(out.incarnation), soci::into(out.boot), soci::into(is_member));
    one(st);
    out.is_member = is_member != 0;
    return out;
  }

  void write(const join_request& request, long long incarnation_before) {
    const auto incarnation = incarnation_before + 1;
    const auto boot = to_string(request.boot);
    const auto roles = joined_by_comma(request.roles);
    const auto weight = static_cast<int>(request.weight);
    const auto protocol = static_cast<int>(request.runs.protocol);
    const auto lease = static_cast<long long>(request.lease.count());
    const std::string statement =
        std::string{
            "INSERT INTO cluster_nodes(node, incarnation, boot, member, address, roles, weight, "
            "version, protocol, lease_ms, draining, renewals, renewed_at) "
            "VALUES (:n, :i, :b, 1, :a, :r, :w, :v, :p, :l, 0, 0, "}
        + clock_of(db().kind())
        + ") ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation, "
          "boot = excluded.boot, member = 1, address = excluded.address, roles = excluded.roles, "
          "weight = excluded.weight, version = excluded.version, protocol = excluded.protocol, "
          "lease_ms = excluded.lease_ms, draining = 0, renewals = 0, "
          "renewed_at = excluded.renewed_at";
    db().session() << statement, soci::use(request.node), soci::use(incarnation), soci::use(boot),
        soci::use(request.address), soci::use(roles), soci::use(weight),
        soci::use(request.runs.version), soci::use(protocol), soci::use(lease);
  }

  bool renew_row(const node_key& self) {
    const auto run_with = [&](update_renewal& q) {
      q.bind(self);
      return sql::run(q.st) == 1;
    };
    return db().kind() == dialect::postgresql
               ? run_with(db().prepared<renewal_of<dialect::postgresql>>())
               : run_with(db().prepared<renewal_of<dialect::sqlite>>());
  }

  cluster_view read_view() {
    cluster_view out;
    auto& q = db().prepared<select_view>();
    for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
      out.epoch = static_cast<std::uint64_t>(q.epoch);
      cluster_ = q.cluster;
      if (!q.f.node.empty())
        out.members.push_back(q.f.value());
    }
    // The database sorts as its language does.
    std::sort(out.members.begin(), out.members.end(),
              [](const member& a, const member& b) { return a.key.node < b.key.node; });
    return out;
  }

  time_point read_clock() {
    long long now = 0;
    db().session() << std::string{"SELECT "} + clock_of(db().kind()), soci::into(now);
    return from_millis(now);
  }

  /// `lock`: for this transaction, in one order on all nodes, so that two of them never wait for
  /// each other.
  std::map<shard_id, shard_lease> read_shards(const std::string& role, const std::string& list,
                                              const std::string& rows, bool lock) {
    std::map<shard_id, shard_lease> out;
    int shard = 0;
    std::string owner;
    long long incarnation = 0;
    long long epoch = 0;
    const bool locks = lock && db().kind() == dialect::postgresql;
    soci::statement st =
        (db().session().prepare << "SELECT shard, owner, incarnation, epoch FROM cluster_shards "
                                   "WHERE role = :r AND shard IN (SELECT shard FROM "
                                       + rows + " x) ORDER BY shard" + (locks ? " FOR UPDATE" : ""),
         soci::use(role), soci::use(list), soci::into(shard), soci::into(owner),
         soci::into(incarnation), soci::into(epoch));
    for (bool more = st.execute(true); more; more = st.fetch()) {
      const auto id = static_cast<shard_id>(shard);
      out.emplace(id, shard_lease{id,
                                  {owner, static_cast<std::uint64_t>(incarnation)},
                                  static_cast<std::uint64_t>(epoch)});
    }
    return out;
  }

  /// A change of the members that a statement about one of them makes, if it touches a row.
  bool change(const char* statement, const node_key& key) {
    const auto done = guard_.run<bool>([&] {
      const auto incarnation = static_cast<long long>(key.incarnation);
      transaction tx{db()};
      lock_state();
      soci::statement st =
          (db().session().prepare << statement, soci::use(key.node), soci::use(incarnation));
      if (sql::run(st) != 0)
        grow_epoch();
      tx.commit();
      return true;
    });
    return done.has_value();
  }

  result<bool> set(std::string_view node, int value, const char* column) {
    return guard_.run<bool>([&] {
      const std::string name{node};
      transaction tx{db()};
      lock_state();
      if (!find(name).is_member)
        return false;
      soci::statement st =
          (db().session().prepare << std::string{"UPDATE cluster_nodes SET "} + column
                                         + " = :v WHERE node = :n AND " + column + " <> :same",
           soci::use(value), soci::use(name), soci::use(value));
      if (sql::run(st) != 0)
        grow_epoch();
      tx.commit();
      return true;
    });
  }

  query_guard guard_;
  std::string cluster_; ///< as last read
};

} // namespace

std::string fenced_session(std::string_view role, const uuid& process) {
  return fmt::format("tiketi/{}@{}", role, to_string(process));
}

std::unique_ptr<cluster::cluster_store> make_cluster_store(database db) {
  return std::make_unique<sql_cluster_store>(std::move(db));
}

} // namespace tiketi::sql
