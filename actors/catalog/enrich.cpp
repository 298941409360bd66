#include "actors/catalog/enrich.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <spdlog/spdlog.h>

namespace tiketi::catalog {

namespace {

struct find_without_image {
  std::int32_t limit = 0;
};
struct artists_without_image {
  std::vector<artist_row> artists;
};
struct next_artist {};

} // namespace
} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::find_without_image)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::artists_without_image)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::next_artist)

namespace tiketi::catalog {

using nlohmann::json;

found_description read_search(std::string_view body) {
  found_description out;
  const auto root = json::parse(body, nullptr, false);
  const auto at = [](const json& object, const char* key) -> const json* {
    if (!object.is_object())
      return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  };
  const auto* artists = at(root, "artists");
  const auto* items = artists ? at(*artists, "items") : nullptr;
  if (!items || !items->is_array() || items->empty())
    return out;
  const auto& first = items->front();
  // The first image is the largest.
  if (const auto* images = at(first, "images"); images && images->is_array() && !images->empty())
    if (const auto* url = at(images->front(), "url"); url && url->is_string())
      out.image_url = url->get<std::string>();
  if (const auto* genres = at(first, "genres"); genres && genres->is_array())
    for (const auto& genre : *genres)
      if (genre.is_string() && out.description.size() < 1'000)
        out.description += (out.description.empty() ? "" : ", ") + genre.get<std::string>();
  return out;
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
        || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

namespace {

using reader = caf::typed_actor<caf::replies_to<find_without_image>::with<artists_without_image>>;

struct reader_memory {
  reader_memory() = default;

  std::shared_ptr<catalog_admin_queries> queries;
};

reader::behavior_type reader_behavior(reader::stateful_pointer<reader_memory> self,
                                      std::shared_ptr<catalog_admin_queries> queries) {
  self->state.queries = std::move(queries);
  return {[self](const find_without_image& q) -> caf::result<artists_without_image> {
    auto found = self->state.queries->artists_without_image({}, q.limit);
    if (!found)
      return to_caf(found.error());
    return artists_without_image{std::move(*found)};
  }};
}

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const auto n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                 reinterpret_cast<const unsigned char*>(text.data()),
                                 static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

using control = enrich_actor::extend<caf::reacts_to<next_artist>>;

class enrichment {
public:
  enrichment(control::pointer self, environment& env, enrich_options options,
             enrich_neighbours neighbours, reader artists)
      : self_(self),
        env_(env),
        options_(std::move(options)),
        to_(std::move(neighbours)),
        artists_(std::move(artists)) {}

  caf::result<artists_enriched> start(const enrich_artists& m) {
    if (options_.client_id.empty() || options_.client_secret.empty() || !to_.remote)
      return artists_enriched{"Spotify credentials not configured", 0, -1};
    if (running_)
      return to_caf({errc::conflict, "Artists are being enriched already"});
    running_ = true;
    by_ = m.by;
    enriched_ = 0;
    todo_.clear();
    next_ = 0;
    until_ = env_.now() + options_.patience;
    promise_ = self_->make_response_promise<artists_enriched>();
    self_->request(artists_, caf::infinite, find_without_image{options_.artists_max})
        .then(
            [this](artists_without_image& found) {
              todo_ = std::move(found.artists);
              if (todo_.empty())
                finish();
              else
                log_in();
            },
            [this](caf::error& err) {
              running_ = false;
              promise_.deliver(std::move(err));
            });
    return promise_;
  }

  void next() {
    if (!running_)
      return;
    if (next_ >= todo_.size() || env_.now() >= until_)
      finish();
    else
      search(todo_[next_++]);
  }

private:
  using answer_fn = std::function<void(const remote::http_answer&)>;

  void call(remote::http_request request, answer_fn done) {
    remote::http_call c;
    c.target = std::string{enrich_target};
    c.request = std::move(request);
    c.repeatable = true;
    c.timeout = std::chrono::duration_cast<milliseconds>(
        std::max<std::chrono::milliseconds>(until_ - env_.now(), milliseconds{1}));
    self_->request(to_.remote, caf::infinite, std::move(c))
        .then([done](const remote::http_answer& a) { done(a); },
              [done](caf::error& err) {
                remote::http_answer gone;
                gone.error = remote::http_failure::rejected;
                gone.text = to_failure(err).text;
                done(gone);
              });
  }

  /// What may be said about a call that failed: no secret, no address.
  static std::string reason_of(const remote::http_answer& a) {
    if (a.error != remote::http_failure::none)
      return std::string{to_string_view(a.error)};
    return fmt::format("status {}", a.status);
  }

  void log_in() {
    remote::http_request rq;
    rq.method = "POST";
    rq.url = options_.accounts_url + "/api/token";
    rq.headers = {
        {"Authorization", "Basic " + base64(options_.client_id + ":" + options_.client_secret)},
        {"Content-Type", "application/x-www-form-urlencoded"}};
    rq.body = "grant_type=client_credentials";
    call(std::move(rq), [this](const remote::http_answer& a) {
      const auto body = json::parse(a.body, nullptr, false);
      const bool good = a.error == remote::http_failure::none && a.status == 200 && body.is_object()
                        && body.contains("access_token") && body["access_token"].is_string();
      if (!good) {
        const bool answered = a.error == remote::http_failure::none && a.status == 200;
        refused(answered ? "no token in the answer" : reason_of(a));
        return;
      }
      token_ = body["access_token"].get<std::string>();
      next();
    });
  }

  void refused(const std::string& reason) {
    running_ = false;
    spdlog::warn("artists are not enriched: {}", reason);
    promise_.deliver(artists_enriched{"Spotify authentication failed: " + reason, enriched_, -1});
  }

  void search(const artist_row& artist) {
    remote::http_request rq;
    rq.url = fmt::format("{}/v1/search?type=artist&limit=1&q={}", options_.api_url,
                         url_encoded(artist.name));
    rq.headers = {{"Authorization", "Bearer " + token_}};
    call(std::move(rq), [this, id = artist.id](const remote::http_answer& a) {
      if (a.error == remote::http_failure::none && a.status == 401) {
        refused(reason_of(a));
        return;
      }
      // Too many calls, or nobody there: the others would fare no better now.
      if (a.error != remote::http_failure::none || a.status != 200) {
        spdlog::warn("artists: a search failed: {}", reason_of(a));
        finish();
        return;
      }
      auto found = read_search(a.body);
      if (found.image_url.starts_with(options_.image_prefix))
        fetch(id, std::move(found));
      else
        write(id, {}, std::move(found.description));
    });
  }

  void fetch(artist_id id, found_description found) {
    remote::http_request rq;
    rq.url = found.image_url;
    call(std::move(rq), [this, id, text = found.description](const remote::http_answer& a) {
      const bool good = a.error == remote::http_failure::none && a.status == 200
                        && a.body.size() <= options_.image_bytes_max;
      const auto kind = good ? sniff_image(a.body) : std::nullopt;
      if (!kind) {
        write(id, {}, text);
        return;
      }
      self_
          ->request(to_.images, caf::infinite,
                    store_image{std::make_shared<const std::string>(a.body), *kind})
          .then(
              [this, id, text](const stored_image& stored) {
                write(id, address_of_image(options_.public_address, stored.name), text);
              },
              [this, id, text](caf::error&) { write(id, {}, text); });
    });
  }

  void write(artist_id id, std::string image, std::string text) {
    if (image.empty() && text.empty()) {
      pause();
      return;
    }
    describe_artist command{id, {}, {}};
    if (!image.empty())
      command.image_url = image;
    if (!text.empty())
      command.description = std::move(text);
    audit_note note;
    note.admin = by_.user;
    note.address = by_.address;
    note.action = "ENRICH_ARTIST";
    note.resource_type = "artist";
    note.resource = id.value;
    self_->request(to_.catalog, caf::infinite, catalog_write{std::move(command), std::move(note)})
        .then(
            [this, counts = !image.empty()](const catalog_written&) {
              enriched_ += counts;
              pause();
            },
            [this](caf::error& err) {
              spdlog::warn("artists: one was not written: {}", to_failure(err).text);
              pause();
            });
  }

  void pause() { self_->delayed_send(self_, options_.pause, next_artist{}); }

  void finish() {
    running_ = false;
    promise_.deliver(artists_enriched{"Artist enrichment complete", enriched_,
                                      static_cast<std::int64_t>(todo_.size())});
  }

  control::pointer self_;
  environment& env_;
  enrich_options options_;
  enrich_neighbours to_;
  reader artists_;
  bool running_ = false;
  admin_caller by_;
  std::string token_;
  std::vector<artist_row> todo_;
  std::size_t next_ = 0;
  std::int64_t enriched_ = 0;
  time_point until_;
  caf::typed_response_promise<artists_enriched> promise_;
};

struct enrich_state {
  enrich_state() = default;

  std::unique_ptr<enrichment> work;
};

control::behavior_type enrich_behavior(control::stateful_pointer<enrich_state> self,
                                       environment* env, enrich_options options,
                                       enrich_neighbours neighbours, reader artists) {
  self->state.work = std::make_unique<enrichment>(self, *env, std::move(options),
                                                  std::move(neighbours), std::move(artists));
  return {
      [self](const enrich_artists& m) { return self->state.work->start(m); },
      [self](next_artist) { self->state.work->next(); },
  };
}

} // namespace

enrich_role start_enrich(caf::actor_system& sys, environment& env, enrich_options options,
                         enrich_neighbours neighbours, bool detached) {
  enrich_role role;
  auto queries = std::move(neighbours.queries);
  reader artists = detached ? sys.spawn<caf::detached>(reader_behavior, std::move(queries))
                            : sys.spawn(reader_behavior, std::move(queries));
  role.helpers.push_back(caf::actor_cast<caf::actor>(artists));
  role.enrich = sys.spawn(enrich_behavior, &env, std::move(options), std::move(neighbours),
                          std::move(artists));
  return role;
}

void stop(enrich_role& role) {
  caf::anon_send_exit(role.enrich, caf::exit_reason::user_shutdown);
  for (const auto& helper : role.helpers)
    caf::anon_send_exit(helper, caf::exit_reason::user_shutdown);
  role = {};
}

} // namespace tiketi::catalog
