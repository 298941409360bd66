#!lua
-- New fencing tokens for all seats of a reservation, all or nothing.
--
-- KEYS  {<event>}:seat:<seat>, one per seat, no seat twice
-- ARGV  reservation, user, now (ms), life of the lock (ms), how long tokens are remembered (ms),
--       then for each seat the highest token that is known to the caller (its floor)
-- ->    {1, token, ...} in the order of KEYS, each greater than its floor and than every token that
--       this Redis remembers for the seat
--       {0, index, ...} nothing changed: these seats (1-based) are locked by other reservations
--
-- A seat is a string `token:until:reservation:user`. A lock counts while `now < until` and its
-- token is newer than the floor: the caller has seen the end of every older one. The same
-- reservation may come again and gets newer tokens. Numbers are exact up to 2^53.
local now = tonumber(ARGV[3])
local seats = redis.call('MGET', unpack(KEYS))
local tokens, busy = {1}, {0}
for i = 1, #KEYS do
  local floor, last = tonumber(ARGV[5 + i]), 0
  if seats[i] then
    local token, till, holder = string.match(seats[i], '^(%d+):(%d+):([^:]*):')
    if token then
      last = tonumber(token)
      if last > floor and tonumber(till) > now and holder ~= ARGV[1] then
        busy[#busy + 1] = i
      end
    end
  end
  tokens[i + 1] = math.max(last, floor) + 1
end
if #busy > 1 then
  return busy
end
local lock = string.format(':%.0f:%s:%s', now + tonumber(ARGV[4]), ARGV[1], ARGV[2])
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', tokens[i + 1]) .. lock, 'PX', ARGV[5])
end
return tokens
