#!lua flags=no-writes
-- Where does a user stand? For whoever is not the owner of the queue; changes nothing.
--
-- KEYS  {<event>}:queue, {<event>}:active, {<event>}:threshold
-- ARGV  user, now (ms), default threshold
-- ->    {inQueue, inActive, position, queueSize, activeCount, threshold}; position is 1-based, 0
--       for nobody in line; who is in both counts as waiting
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
local till = redis.call('ZSCORE', KEYS[2], ARGV[1])
local active = till and tonumber(till) > tonumber(ARGV[2])
return {
  rank and 1 or 0,
  (active and not rank) and 1 or 0,
  rank and rank + 1 or 0,
  redis.call('ZCARD', KEYS[1]),
  redis.call('ZCOUNT', KEYS[2], '(' .. ARGV[2], '+inf'),
  tonumber(redis.call('GET', KEYS[3]) or ARGV[3]),
}
