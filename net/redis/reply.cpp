#include "net/redis/reply.hpp"

#include <cstddef>

#include <hiredis/hiredis.h>

namespace tiketi::net {

namespace {

redis::reply convert(const redisReply& r, int depth) {
  redis::reply out;
  switch (r.type) {
  case REDIS_REPLY_INTEGER:
    out.what = redis::reply::kind::integer;
    out.integer = r.integer;
    break;
  case REDIS_REPLY_STRING:
  case REDIS_REPLY_STATUS:
  case REDIS_REPLY_ERROR:
    out.what = redis::reply::kind::text;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ARRAY:
    out.what = redis::reply::kind::list;
    for (std::size_t i = 0; depth > 0 && i < r.elements; ++i)
      out.items.push_back(convert(*r.element[i], depth - 1));
    break;
  default:
    break;
  }
  return out;
}

} // namespace

redis::reply to_reply(const redisReply& r) {
  return convert(r, 8);
}

} // namespace tiketi::net
