#pragma once

#include "actors/redis/client.hpp"

struct redisReply;

namespace tiketi::net {

/// What hiredis read, as a value. Deeper lists than any script answers with are cut off.
redis::reply to_reply(const redisReply& r);

} // namespace tiketi::net
