#include "actors/auth/reader.hpp"

namespace tiketi::auth {

auth_reader::behavior_type reader(auth_reader::pointer self, std::shared_ptr<auth_queries> queries,
                                  std::size_t waiting_max) {
  const auto find = [self, queries, waiting_max](const auto& key) -> caf::result<found_account> {
    if (self->mailbox().size() > waiting_max)
      return to_caf(errc::overloaded);
    auto row = queries->find_account(key);
    if (!row)
      return to_caf(row.error());
    return found_account{std::move(*row)};
  };
  return {
      [find](const find_by_id& rq) { return find(rq.id); },
      [find](const find_by_email& rq) { return find(rq.email); },
  };
}

} // namespace tiketi::auth
