#!lua
-- What the owner of an event's queue has decided and journaled, as others may see it: joins,
-- admissions, departures. The owner decides alone; this only copies.
--
-- KEYS  {<event>}:queue (user -> place), {<event>}:active (user -> end of the slot, ms),
--       {<event>}:seen (user -> last heard of, ms), {<event>}:threshold,
--       {<event>}:revision (what this copy holds)
-- ARGV  revision it must hold now, revision it will hold, now (ms), then changes in order:
--         J user place       stands in line, and is heard of
--         A user until       admitted: out of the line, active until then
--         R user until       the slot of an active user lives longer; nothing for others
--         L user -           gone, from line and slot
--         T threshold -      of the event; 0: the default
--         C - -              nobody is here any more; the threshold stays
-- ->    {1, waiting, active}
--       {0} nothing changed: the copy holds another revision, so it must be made anew
--
-- Revision "" to hold now: begin anew, whatever is there. A copy is forgotten a day after its owner's
-- last word; a living owner has one every few seconds.
if ARGV[1] == '' then
  redis.call('DEL', unpack(KEYS))
elseif redis.call('GET', KEYS[5]) ~= ARGV[1] then
  return {0}
end
for i = 4, #ARGV, 3 do
  local what, a, b = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if what == 'J' then
    redis.call('ZADD', KEYS[1], b, a)
    redis.call('ZADD', KEYS[3], ARGV[3], a)
  elseif what == 'A' then
    redis.call('ZREM', KEYS[1], a)
    redis.call('ZREM', KEYS[3], a)
    redis.call('ZADD', KEYS[2], b, a)
  elseif what == 'R' then
    redis.call('ZADD', KEYS[2], 'XX', b, a)
  elseif what == 'L' then
    redis.call('ZREM', KEYS[1], a)
    redis.call('ZREM', KEYS[2], a)
    redis.call('ZREM', KEYS[3], a)
  elseif what == 'T' then
    if a == '0' then
      redis.call('DEL', KEYS[4])
    else
      redis.call('SET', KEYS[4], a)
    end
  elseif what == 'C' then
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  end
end
redis.call('SET', KEYS[5], ARGV[2])
for i = 1, #KEYS do
  redis.call('PEXPIRE', KEYS[i], 86400000)
end
return {1, redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])}
