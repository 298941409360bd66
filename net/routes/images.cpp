#include "net/routes/images.hpp"

#include "net/http/multipart.hpp"
#include "net/routes/admin_json.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <caf/send.hpp>
#include <fmt/format.h>

namespace tiketi::net {

namespace {

constexpr audited upload_call{"UPLOAD_IMAGE", "image"};
/// What a form adds to its image.
constexpr std::size_t form_bytes = 64 * 1024;

using deps_ptr = std::shared_ptr<const image_routes>;

failure bad(std::string text) {
  return {errc::invalid_request, std::move(text)};
}

result<std::string_view> image_of(const std::vector<form_part>& parts, std::size_t bytes_max) {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [](const form_part& p) { return p.name == "image"; });
  if (found == parts.end() || found->data.empty())
    return bad("Image file is required");
  if (found->data.size() > bytes_max) {
    constexpr std::size_t mega = 1024 * 1024;
    return bad(bytes_max % mega == 0
                   ? fmt::format("Image size must be under {}MB", bytes_max / mega)
                   : fmt::format("Image size must be under {} bytes", bytes_max));
  }
  return found->data;
}

void upload(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto refuse = [&](const failure& why) {
    refuse_call(x, deps->admin, upload_call, error_response(why));
  };
  const auto type = x->req().header("content-type");
  const auto boundary = type ? multipart_boundary(*type) : std::nullopt;
  if (!boundary)
    return refuse({errc::unsupported_media_type, "Content-Type must be multipart/form-data"});
  const auto parts = parse_multipart(x->req().body, *boundary);
  if (!parts)
    return refuse(parts.error());
  const auto image = image_of(*parts, deps->bytes_max);
  if (!image)
    return refuse(image.error());
  const auto kind = catalog::sniff_image(*image);
  if (!kind)
    return refuse(bad("Only image files (JPEG, PNG, WebP, GIF) are allowed"));
  auto bytes = std::make_shared<const std::string>(*image);
  f.ask<catalog::stored_image>(
      x, deps->images, catalog::store_image{std::move(bytes), *kind},
      [x, deps](const catalog::stored_image& stored) {
        catalog::audit_note note;
        const auto by = caller_of(x);
        note.admin = by.user;
        note.address = by.address;
        note.action = upload_call.action;
        note.resource_type = upload_call.resource_type;
        note.detail = nlohmann::json{{"key", "files/" + stored.name}}.dump();
        caf::anon_send(deps->admin, catalog::note_refusal{std::move(note)});
        return json_response({{"url", catalog::address_of_image(deps->public_address, stored.name)},
                              {"key", "files/" + stored.name}});
      });
}

/// Any of the tags in `If-None-Match`, weak or strong, or `*`.
bool has_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto end = list.find(',');
    auto one = list.substr(0, end);
    list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
    while (!one.empty() && one.front() == ' ')
      one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ')
      one.remove_suffix(1);
    if (one.starts_with("W/"))
      one.remove_prefix(2);
    if (one == tag || one == "*")
      return true;
  }
  return false;
}

void show(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto& name = x->req().captures.at(0);
  if (!catalog::type_of_name(name))
    return x->reply(error_response({errc::not_found, "Image not found"}));
  f.ask<catalog::loaded_image>(
      x, deps->images, catalog::load_image{name}, [x](const catalog::loaded_image& image) {
        // The name says what the content is, so it is the tag too, and never goes stale.
        const auto tag = '"' + x->req().captures.at(0) + '"';
        response out;
        out.content_type = std::string{catalog::media_type(image.type)};
        out.headers = {{"ETag", tag}, {"Cache-Control", "public, max-age=31536000, immutable"}};
        const auto known = x->req().header("if-none-match");
        if (known && has_tag(*known, tag))
          out.status = 304;
        else
          out.shared_body = image.bytes;
        return out;
      });
}

using handle_fn = void (*)(front&, const exchange_ptr&, const deps_ptr&);

} // namespace

void add_image_routes(router& routes, image_routes deps) {
  const auto shared = std::make_shared<const image_routes>(std::move(deps));
  const auto with = [&shared](handle_fn handle) {
    return [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
  };
  route post;
  post.method = verb::post;
  post.pattern = "/api/image/upload";
  post.who = access::admin;
  post.handle = with(upload);
  post.body_bytes_max = shared->bytes_max + form_bytes;
  post.refused = note_forbidden(shared->admin, upload_call);
  routes.add(std::move(post));
  route get;
  get.method = verb::get;
  get.pattern = "/api/image/files/{name}";
  get.handle = with(show);
  routes.add(std::move(get));
}

} // namespace tiketi::net
