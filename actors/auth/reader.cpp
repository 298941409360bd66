#include "actors/auth/reader.hpp"

namespace tiketi::auth {

auth_reader::behavior_type reader(auth_reader::pointer self, std::shared_ptr<auth_queries> queries,
                                  std::size_t waiting_max) {
  const auto find = [self, waiting_max](auto query) -> caf::result<found_account> {
    if (self->mailbox().size() > waiting_max)
      return to_caf(errc::overloaded);
    auto row = query();
    if (!row)
      return to_caf(row.error());
    return found_account{std::move(*row)};
  };
  return {
      [find, queries](const find_by_id& rq) {
        return find([&] { return queries->find_account(rq.id); });
      },
      [find, queries](const find_by_email& rq) {
        return find([&] { return queries->find_account(rq.email); });
      },
      [find, queries](const find_by_google& rq) {
        return find([&] { return queries->find_google(rq.google_id); });
      },
      [self, queries, waiting_max](const find_by_ids& rq) -> caf::result<found_accounts> {
        if (self->mailbox().size() > waiting_max)
          return to_caf(errc::overloaded);
        auto rows = queries->find_accounts(rq.ids);
        if (!rows)
          return to_caf(rows.error());
        return found_accounts{std::move(*rows)};
      },
  };
}

} // namespace tiketi::auth
