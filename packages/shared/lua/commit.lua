-- Brings a partition from one journal position to a later one: all of it or nothing.
--
-- Taken if from <= held <= to, so that a repeat (the client sends it again after a reconnect) is
-- answered as the first was, and if no newer claim is known. Every list below is one bulk call: the
-- cost of an instance is that of its fields.
--
-- KEYS  1 meta (hash)              2 stamps (hash: writer -> "n:time")
--       3 instances (hash: id -> index "\n" json)
--       4 steps (hash: id -> journal offsets, 9 base-36 digits each, the last 64)
--       5 due (sorted set: id by ms)      6 parked (set of ids)
--       7 names (sorted set of "kind name \0 id", all of score 0: look-ups in the order of ids)
--       8 rejections (hash: offset -> json)   9 rejections by time (sorted set: offset by ms)
-- ARGV  1 epoch   2 from (offset)   3 to (bookmark)   4 to (offset)   5 input offset   6 input time
--       7 due after   8 due by   9 due page size   10 rejections kept   11 floor or ""
--       then lists, each preceded by its length in arguments:
--       stamps to set (writer, "n:time")          stamps to forget (writer)
--       instances (id, value)                     ids of those whose names must be looked up and taken back
--       ids to forget
--       names to take back                        names to add (0, name)
--       due to set (ms, id)                       due to take back (id)
--       parked to add (id)                        parked to take back (id)
--       steps (id, "1" if they begin a generation, offsets)
--       rejections (offset, ms, json)
-- Answers  {"ok", id, time, ...} the instances due   {"newer", epoch}   {"at", bookmark held or ""}
local held = redis.call('HMGET', KEYS[1], 'epoch', 'journal', 'until')
if held[1] and tonumber(held[1]) > tonumber(ARGV[1]) then return {'newer', held[1]} end
if not held[1] then return {'at', ''} end
local journal = held[2] or '0/-1/0'
local at = tonumber(string.match(journal, '^(%d+)/'))
if at < tonumber(ARGV[2]) or at > tonumber(ARGV[4]) then return {'at', journal} end

local next = 12
local function list()
  local length = tonumber(ARGV[next])
  local first = next + 1
  next = first + length
  return first, next - 1
end
local function bulk(command, key, step)
  local first, last = list()
  while first <= last do
    local till = math.min(first + 1000 * step - 1, last)
    redis.call(command, key, unpack(ARGV, first, till))
    first = till + 1
  end
end

bulk('HSET', KEYS[2], 2)
bulk('HDEL', KEYS[2], 1)

local firstInstance, lastInstance = list()
local function takeBackNames(id)
  local value = redis.call('HGET', KEYS[3], id)
  if not value then return end
  -- the index is names "\t" ... , then the JSON
  for name in string.gmatch(string.match(value, '^[^\n]*'), '[^\t]+') do
    redis.call('ZREM', KEYS[7], name .. '\0' .. id)
  end
end
local firstUnknown, lastUnknown = list()
for i = firstUnknown, lastUnknown do takeBackNames(ARGV[i]) end
local firstForgotten, lastForgotten = list()
for i = firstForgotten, lastForgotten do
  takeBackNames(ARGV[i])
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('HDEL', KEYS[4], ARGV[i])
  redis.call('ZREM', KEYS[5], ARGV[i])
  redis.call('SREM', KEYS[6], ARGV[i])
end
while firstInstance <= lastInstance do
  local till = math.min(firstInstance + 1999, lastInstance)
  redis.call('HSET', KEYS[3], unpack(ARGV, firstInstance, till))
  firstInstance = till + 1
end

bulk('ZREM', KEYS[7], 1)
bulk('ZADD', KEYS[7], 2)
bulk('ZADD', KEYS[5], 2)
bulk('ZREM', KEYS[5], 1)
bulk('SADD', KEYS[6], 1)
bulk('SREM', KEYS[6], 1)

local first, last = list()
for i = first, last, 3 do
  local id, begins, steps = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local known = begins == '1' and '' or redis.call('HGET', KEYS[4], id) or ''
  while #known > 0 and string.sub(known, -9) >= string.sub(steps, 1, 9) do
    known = string.sub(known, 1, -10)
  end
  redis.call('HSET', KEYS[4], id, string.sub(known .. steps, -576))
end

first, last = list()
for i = first, last, 3 do
  redis.call('HSET', KEYS[8], ARGV[i], ARGV[i + 2])
  redis.call('ZADD', KEYS[9], ARGV[i + 1], ARGV[i])
end
if last >= first then
  local over = redis.call('ZCARD', KEYS[9]) - tonumber(ARGV[10])
  if over > 0 then
    for _, offset in ipairs(redis.call('ZPOPMIN', KEYS[9], over)) do redis.call('HDEL', KEYS[8], offset) end
  end
end

redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'journal', ARGV[3], 'input', ARGV[5], 'time', ARGV[6],
  'floor', ARGV[11])
if held[3] and tonumber(ARGV[4]) >= tonumber(held[3]) then redis.call('HDEL', KEYS[1], 'until') end
local answer = {'ok'}
local page = redis.call('ZRANGEBYSCORE', KEYS[5], '(' .. ARGV[7], ARGV[8], 'WITHSCORES', 'LIMIT', 0, ARGV[9])
for _, one in ipairs(page) do answer[#answer + 1] = one end
return answer
