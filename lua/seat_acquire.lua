#!lua
-- New fencing tokens for reservations of one event, each all or nothing, in the given order, as if
-- they had come one by one.
--
-- KEYS  {<event>}:seat:<seat>, one per seat of the first reservation, then of the second, ...; in
--       one reservation no seat twice
-- ARGV  now (ms), life of the lock (ms), how long tokens are remembered (ms), then for each
--       reservation: reservation, user, number of its seats, and for each of those the highest
--       token that is known to the caller (its floor)
-- ->    for each reservation:
--       {1, token, ...} in the order of its keys, each greater than its floor and than every token
--       that this Redis remembers for the seat
--       {0, index, ...} nothing changed: these of its seats (1-based) are locked by other
--       people's reservations
--
-- A seat is a string `token:until:reservation:user`. A lock counts while `now < until` and its
-- token is newer than the floor: the caller has seen the end of every older one. The same user may
-- come again and gets newer tokens: the lock may be what is left of an attempt that died with its
-- node. Numbers are exact up to 2^53.
local now = tonumber(ARGV[1])
local till_then = string.format(':%.0f:', now + tonumber(ARGV[2]))
local remember = ARGV[3]

local function acquire(reservation, user, first, count, floors)
  local seats = redis.call('MGET', unpack(KEYS, first, first + count - 1))
  local tokens, busy = {1}, {0}
  for i = 1, count do
    local floor, last = tonumber(ARGV[floors + i]), 0
    if seats[i] then
      local token, till, who = string.match(seats[i], '^(%d+):(%d+):[^:]*:(.*)$')
      if token then
        last = tonumber(token)
        if last > floor and tonumber(till) > now and who ~= user then
          busy[#busy + 1] = i
        end
      end
    end
    tokens[i + 1] = math.max(last, floor) + 1
  end
  if #busy > 1 then
    return busy
  end
  local lock = till_then .. reservation .. ':' .. user
  for i = 1, count do
    redis.call('SET', KEYS[first + i - 1], string.format('%.0f', tokens[i + 1]) .. lock, 'PX',
               remember)
  end
  return tokens
end

local answers = {}
local key, at = 1, 4
while at <= #ARGV do
  local count = tonumber(ARGV[at + 2])
  answers[#answers + 1] = acquire(ARGV[at], ARGV[at + 1], key, count, at + 2)
  key = key + count
  at = at + 3 + count
end
return answers
