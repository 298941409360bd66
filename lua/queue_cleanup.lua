#!lua
-- Removes slots that have ended, a bounded number at a time.
--
-- KEYS  {<event>}:active
-- ARGV  now (ms), most slots to remove
-- ->    how many were removed; call again while it is the bound
local ended = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #ended > 0 then
  redis.call('ZREM', KEYS[1], unpack(ended))
end
return #ended
