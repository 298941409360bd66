#include "net/http/idempotency.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include <caf/send.hpp>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

namespace tiketi::net {

namespace {

using namespace idempotency;

constexpr std::string_view header_name = "idempotency-key";
constexpr std::size_t key_characters_max = 255;

/// SHA-256 over fields whose lengths count, so that no two lists of fields give the same bytes.
class hasher {
public:
  hasher() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw std::runtime_error("SHA-256 is not available");
  }

  hasher& add(std::string_view field) {
    std::array<unsigned char, 8> size{};
    for (std::size_t i = 0; i < size.size(); ++i)
      size[i] = static_cast<unsigned char>(std::uint64_t{field.size()} >> (8 * i));
    EVP_DigestUpdate(context_.get(), size.data(), size.size());
    EVP_DigestUpdate(context_.get(), field.data(), field.size());
    return *this;
  }

  digest finish() {
    digest out{};
    EVP_DigestFinal_ex(context_.get(), out.data(), nullptr);
    return out;
  }

private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= key_characters_max
         && std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

response coded(int status, const char* code, const char* text, const char* retry_after = nullptr) {
  auto out = json_response(status, {{"error", text}, {"message", text}, {"code", code}});
  if (retry_after)
    out.headers.emplace_back("Retry-After", retry_after);
  return out;
}

std::string owner_of(const request& req, const route& r) {
  if (r.who == access::internal)
    return "internal";
  return req.who ? to_string(req.who->user) : "anonymous " + req.peer;
}

claim claim_of(const request& req, const route& r, std::string_view key) {
  claim out;
  out.owner = owner_of(req, r);
  out.scope =
      hasher{}.add(out.owner).add(to_string_view(req.method)).add(req.path).add(key).finish();
  hasher rest;
  for (const auto& [name, value] : req.query)
    rest.add(name).add(value);
  out.fingerprint = rest.add(req.body).finish();
  out.once = r.repeats == repeatable::once;
  out.trusted = r.who == access::internal;
  return out;
}

response replay_of(const kept_answer& answer) {
  response out;
  out.status = answer.status;
  out.content_type = answer.content_type;
  out.shared_body = answer.body;
  out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

/// Lets the keeper see the answer before the client does.
class keyed_exchange final : public exchange {
public:
  keyed_exchange(exchange_ptr inner, keeper keys, const digest& scope)
      : inner_(std::move(inner)), keys_(std::move(keys)), scope_(scope) {}

  ~keyed_exchange() override {
    if (!answered_.exchange(true))
      end(error_response(errc::internal));
  }

  const request& req() const noexcept override { return inner_->req(); }

  void reply(response r) override {
    if (!answered_.exchange(true))
      end(std::move(r));
  }

private:
  void end(response r) {
    auto body = r.shared_body ? r.shared_body : std::make_shared<const std::string>(r.body);
    end_run message{scope_, {r.status, r.content_type, std::move(body)}, {}};
    message.deliver = [inner = inner_, r = std::move(r)](const kept_answer* first) {
      inner->reply(first != nullptr ? replay_of(*first) : r);
    };
    caf::anon_send(keys_, std::move(message));
  }

  exchange_ptr inner_;
  keeper keys_;
  digest scope_;
  std::atomic<bool> answered_{false};
};

response refusal(verdict v) {
  switch (v) {
  case verdict::running:
    return coded(409, "idempotency_in_progress",
                 "A request with this idempotency key is still being worked on. Please retry.",
                 "1");
  case verdict::mismatch:
    return error_response(errc::idempotency_mismatch);
  case verdict::interrupted:
    return coded(409, "idempotency_interrupted",
                 "A request with this idempotency key was interrupted, and whether it took effect "
                 "is not known. Look at what it would have made before you send it again with "
                 "another key.");
  case verdict::owner_full:
    return coded(429, "idempotency_keys_exhausted",
                 "Too many idempotency keys are in use. Wait until some expire, or send requests "
                 "without one.",
                 "60");
  default:
    return error_response(errc::overloaded);
  }
}

void run_once(const handler& handle, const keeper& keys, const route& r, front& f,
              const exchange_ptr& x) {
  std::size_t count = 0;
  std::string_view key;
  for (const auto& [name, value] : x->req().headers)
    if (name == header_name) {
      key = value;
      ++count;
    }
  if (count == 0)
    return handle(f, x);
  if (count > 1 || !is_key(key))
    return x->reply(coded(400, "invalid_request",
                          "Idempotency-Key must be one value of 1 to 255 printable ASCII "
                          "characters"));
  auto what = claim_of(x->req(), r, key);
  const auto scope = what.scope;
  f.ask<run_verdict>(
      x, keys, begin_run{std::move(what)}, [&handle, keys, scope, &f, x](const run_verdict& found) {
        if (found.what == verdict::run) {
          const exchange_ptr keyed = std::make_shared<keyed_exchange>(x, keys, scope);
          front::guarded(keyed, [&] { handle(f, keyed); });
          return;
        }
        if (found.what != verdict::replay)
          return x->reply(refusal(found.what));
        x->reply(replay_of(found.answer));
      });
}

} // namespace

void honour_idempotency_keys(router& routes, keeper keys) {
  routes.decorate([keys](const route& r) -> handler {
    if (r.repeats == repeatable::no)
      return r.handle;
    const auto inner = std::make_shared<const handler>(r.handle);
    return [inner, keys, &r](front& f, const exchange_ptr& x) { run_once(*inner, keys, r, f, x); };
  });
}

std::string domain_key(const request& req) {
  const auto key = req.header(header_name);
  if (!key || !is_key(*key))
    return {};
  const auto hash = hasher{}.add(to_string_view(req.method)).add(req.path).add(*key).finish();
  constexpr std::string_view digits = "0123456789abcdef";
  // 62 digits behind a mark: 248 bits of the hash are plenty.
  std::string out = "h:";
  for (std::size_t i = 0; i < 31; ++i) {
    out += digits[hash[i] >> 4];
    out += digits[hash[i] & 0x0f];
  }
  return out;
}

} // namespace tiketi::net
