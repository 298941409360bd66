#pragma once

#include "actors/idempotency/messages.hpp"
#include "net/http/router.hpp"

#include <string>

namespace tiketi::net {

/// Makes every route that declares `repeats` honour the header `Idempotency-Key`, 1 to 255
/// printable ASCII characters. A key is its caller's own and belongs to one method and path.
///
///     same request again          the first answer, with `Idempotent-Replayed: true`
///     the first one still runs    409 idempotency_in_progress
///     another query or body       422 idempotency_mismatch
///     interrupted, may have run   409 idempotency_interrupted, for routes that are `once`
///     too many live keys          429 idempotency_keys_exhausted, or 503
///
/// Access, limits and media type are checked before; the entry gate is the handler's, so a replay
/// does not pass it again. Answers that are 5xx, 401, 403 or 429 are not kept: a retry runs. An
/// answer leaves when it is kept. Call it once, when all routes are there. Requests without the
/// header go straight to their handler.
void honour_idempotency_keys(router& routes, idempotency::keeper keys);

/// For routes whose domain compares keys itself: the header as such a key, 64 characters at most,
/// never equal to one that a client puts into a body. Empty without the header.
std::string domain_key(const request& req);

} // namespace tiketi::net
