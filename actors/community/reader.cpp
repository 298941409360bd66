#include "actors/community/reader.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

namespace tiketi::community {

reader_actor::behavior_type reader(reader_actor::pointer self,
                                   std::shared_ptr<community_queries> store,
                                   std::size_t waiting_max) {
  // The mailbox is the queue; its length is asked before the database is.
  const auto full = [self, waiting_max] { return self->mailbox().size() > waiting_max; };
  return {
      [store, full](const list_news& query) -> caf::result<news_page> {
        if (full())
          return to_caf(errc::overloaded);
        auto page = store->news(query);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
      [store, full](const show_news& query) -> caf::result<news_row> {
        if (full())
          return to_caf(errc::overloaded);
        auto row = store->find_news(query.id);
        if (!row)
          return to_caf(row.error());
        if (!*row)
          return to_caf({errc::not_found, "News not found"});
        return std::move(**row);
      },
      [store, full](const list_posts& query) -> caf::result<post_page> {
        if (full())
          return to_caf(errc::overloaded);
        auto page = store->posts(query);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
      [store, full](const show_post& query) -> caf::result<post_row> {
        if (full())
          return to_caf(errc::overloaded);
        auto row = store->find_post(query.id);
        if (!row)
          return to_caf(row.error());
        if (!*row)
          return to_caf({errc::not_found, "Post not found"});
        return std::move(**row);
      },
      [store, full](const list_comments& query) -> caf::result<comment_page> {
        if (full())
          return to_caf(errc::overloaded);
        auto page = store->comments(query);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
  };
}

} // namespace tiketi::community
