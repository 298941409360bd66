#pragma once

#include "actors/base/environment.hpp"
#include "actors/catalog/admin.hpp"
#include "actors/catalog/images.hpp"
#include "actors/remote/messages.hpp"
#include "storage/catalog_admin_store.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::catalog {

/// Name of the target among those of the remote role.
inline constexpr std::string_view enrich_target = "spotify";

struct enrich_options {
  std::string client_id; ///< empty, or the secret empty: nothing is asked
  std::string client_secret;
  std::string accounts_url = "https://accounts.spotify.com";
  std::string api_url = "https://api.spotify.com";
  /// Images are fetched from addresses that begin with this, and from nowhere else: an answer must
  /// not make this program call whomever it likes.
  std::string image_prefix = "https://i.scdn.co/";
  std::string public_address; ///< as in `net::image_routes`
  std::size_t image_bytes_max = 5 * 1024 * 1024;
  std::chrono::milliseconds pause{100}; ///< between two searches
  /// One call ends after this with what it has; the next goes on.
  std::chrono::milliseconds patience{8'000};
  std::int32_t artists_max = 500; ///< of one call
};

/// Command: look up the artists that have no image; each image is copied into our own store (the
/// web client shows no others). Answered by `artists_enriched`. Fails with conflict while another
/// one runs, and with unavailable when the catalog cannot be read.
struct enrich_artists {
  admin_caller by;
};

struct artists_enriched {
  std::string message;
  std::int64_t enriched = 0;
  std::int64_t total = -1; ///< artists without an image; -1: nobody was asked
};

using enrich_actor = caf::typed_actor<caf::replies_to<enrich_artists>::with<artists_enriched>>;

struct enrich_neighbours {
  catalog_actor catalog;
  std::shared_ptr<catalog_admin_queries> queries; ///< a connection of its own
  image_actor images;
  remote::client_actor remote; ///< may be null without credentials
};

struct enrich_role {
  enrich_actor enrich;
  std::vector<caf::actor> helpers;
};

/// `env` outlives the actor system.
enrich_role start_enrich(caf::actor_system& sys, environment& env, enrich_options options,
                         enrich_neighbours neighbours, bool detached = true);

/// Asks all of them to quit. Returns at once.
void stop(enrich_role& role);

// -- rules
// -----------------------------------------------------------------------------------------

/// What a search found about an artist.
struct found_description {
  std::string image_url;   ///< empty: none
  std::string description; ///< genres, joined; empty: none
};

/// Reads the answer of `GET /v1/search?type=artist`; nothing found is an empty description.
found_description read_search(std::string_view body);

/// `application/x-www-form-urlencoded`
std::string url_encoded(std::string_view text);

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::enrich_artists)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::artists_enriched)
