#include "actors/catalog/role.hpp"

#include "actors/catalog/demo_data.hpp"
#include "actors/store/store_metrics.hpp"

#include <stdexcept>
#include <utility>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace tiketi::catalog {

catalog_role start_catalog(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           catalog_options options, catalog_storage storage,
                           ticket::reader_actor stock, relay_actor relay) {
  if (!storage.target || storage.readers.empty())
    throw std::logic_error("the catalog needs a connection for writing and one for reading");
  auto metrics = std::make_shared<catalog_metrics>(registry);
  catalog_role role;
  // Writes are rare here: a short queue is enough, and refuses early.
  role.writer = sys.spawn<caf::detached>(
      writer<catalog_write, catalog_written>, std::move(storage.target),
      writer_options{.batch_max = 64, .waiting_max = 1000}, count_commits(registry, "catalog"));
  // Behind it the writer is open for others; a start that misses it does it the next time.
  caf::anon_send(role.writer, catalog_write{announce_artists{}});
  for (auto& store : storage.readers)
    role.readers.push_back(sys.spawn<caf::detached>(reader, &env, std::move(store)));
  role.catalog = sys.spawn(catalog, &env, std::move(metrics), options, role.writer, role.readers,
                           std::move(stock), std::move(relay));
  return role;
}

void stop(catalog_role& role) {
  caf::anon_send_exit(role.catalog, caf::exit_reason::user_shutdown);
  for (auto& r : role.readers)
    caf::anon_send_exit(r, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.writer, caf::exit_reason::user_shutdown);
  role = {};
}

result<bool> seed_demo_data(caf::actor_system& sys, environment& env, const catalog_role& role) {
  caf::scoped_actor self{sys};
  result<bool> out = failure{errc::unavailable};
  self->request(role.catalog, std::chrono::seconds{60}, catalog_write{make_demo_data(env.now())})
      .receive([&out](const catalog_written& written) { out = written.changed; },
               [&out](const caf::error& err) { out = to_failure(err); });
  return out;
}

} // namespace tiketi::catalog
