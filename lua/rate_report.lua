#!lua
-- Adds a node's requests of one client and category, and tells how many all nodes have had.
--
-- KEYS  rate:<category>:{<client>}
-- ARGV  number of the present slice of time, slices of the window, how long the key lives (ms),
--       then pairs of slice and requests to add to it (of slices that are still in the window)
-- ->    {slice, requests, ...} of all nodes, slices of the window only, in no order
--
-- A window is cut into slices of equal length, numbered from 1970. Slices that are over are
-- removed, so a client costs a bounded number of fields.
local first = tonumber(ARGV[1]) - tonumber(ARGV[2])
for i = 4, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local out, over = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local slice = tonumber(all[i])
  if slice and slice > first then
    out[#out + 1] = slice
    out[#out + 1] = tonumber(all[i + 1])
  else
    over[#over + 1] = all[i]
  end
end
if #over > 0 then
  redis.call('HDEL', KEYS[1], unpack(over))
end
return out
