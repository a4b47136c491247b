-- Reads instances, if the partition stands where the reader believes it does.
--
-- Atomic with the check: a store that was wiped or set back would answer "absent", and the next event
-- would begin an instance anew.
--
-- KEYS  1 meta (hash)   2 instances (hash: id -> index "\n" json)
-- ARGV  1 journal bookmark that must be held   2... ids
-- Answers  {"ok", value or false, ...} in the order asked   {"at", bookmark held or ""}
local held = redis.call('HGET', KEYS[1], 'journal')
if held ~= ARGV[1] then return {'at', held or ''} end
local answer = {'ok'}
local first = 2
while first <= #ARGV do
  local last = math.min(first + 999, #ARGV)
  for _, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, first, last))) do
    answer[#answer + 1] = value
  end
  first = last + 1
end
return answer
