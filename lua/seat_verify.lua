#!lua flags=no-writes
-- Before a payment is taken: are these still the newest tokens of the reservation's seats?
--
-- KEYS  {<event>}:seat:<seat>, one per seat
-- ARGV  reservation, then for each seat its token
-- ->    for each seat: 1 the newest token, given to this reservation; 0 a newer one was given, or
--       this one to somebody else; -1 Redis does not know, so only the database can say
--
-- The end of a lock changes nothing here: only a newer token takes a seat away.
local out = {}
local seats = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local given = tonumber(ARGV[1 + i])
  out[i] = -1
  if seats[i] then
    local token, _, holder = string.match(seats[i], '^(%d+):(%d+):([^:]*):')
    local last = token and tonumber(token) or 0
    if last > given then
      out[i] = 0
    elseif last == given and given > 0 then
      out[i] = holder == ARGV[1] and 1 or 0
    end
  end
end
return out
