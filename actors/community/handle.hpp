#pragma once

#include "actors/auth/messages.hpp"
#include "actors/catalog/handle.hpp"
#include "actors/community/messages.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::community {

/// News, artist boards and their comments.
using community_actor = caf::typed_actor<
    caf::replies_to<list_news>::with<news_page>, caf::replies_to<show_news>::with<news_row>,
    caf::replies_to<list_posts>::with<post_page>, caf::replies_to<show_post>::with<post_row>,
    caf::replies_to<list_comments>::with<comment_page>,
    // Durable when answered. unauthenticated when the author's account is gone.
    caf::replies_to<publish_news>::with<news_row>, caf::replies_to<edit_news>::with<news_row>,
    caf::replies_to<delete_news>::with<deleted>, caf::replies_to<publish_post>::with<post_row>,
    caf::replies_to<edit_post>::with<post_row>, caf::replies_to<delete_post>::with<deleted>,
    caf::replies_to<publish_comment>::with<comment_row>,
    caf::replies_to<delete_comment>::with<deleted>>;

/// What is asked of other roles: how an author is called, and whether an artist exists. The auth
/// and the catalog actor are supersets of these.
using accounts_view = caf::typed_actor<caf::replies_to<auth::get_user>::with<auth::user_view>>;
using artists_view = caf::typed_actor<caf::replies_to<catalog::get_artist>::with<catalog::answer>>;

/// One connection for reading. Blocks, so run it detached.
using reader_actor = caf::typed_actor<
    caf::replies_to<list_news>::with<news_page>, caf::replies_to<show_news>::with<news_row>,
    caf::replies_to<list_posts>::with<post_page>, caf::replies_to<show_post>::with<post_row>,
    caf::replies_to<list_comments>::with<comment_page>>;

} // namespace tiketi::community
