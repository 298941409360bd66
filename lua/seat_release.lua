#!lua
-- The reservation gives its seats back. Tokens are remembered and never go back.
--
-- KEYS  {<event>}:seat:<seat>, one per seat
-- ARGV  reservation, how long tokens are remembered (ms), then for each seat the token it had
-- ->    how many locks were dropped
--
-- A lock with another reservation or a newer token stays. Where Redis knows only an older token
-- (it lost its data, or the token was issued while it was away) it learns the newer one.
local dropped = 0
local seats = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local given, last, holder = tonumber(ARGV[2 + i]), 0, ''
  if seats[i] then
    local token, _, who = string.match(seats[i], '^(%d+):(%d+):([^:]*):')
    if token then
      last, holder = tonumber(token), who
    end
  end
  if last < given or (last == given and holder == ARGV[1]) then
    redis.call('SET', KEYS[i], string.format('%.0f:0::', given), 'PX', ARGV[2])
    if last == given then
      dropped = dropped + 1
    end
  end
end
return dropped
