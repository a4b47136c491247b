-- Answers instances whose earliest timer is due in a range, if the partition stands where the reader
-- believes it does: an empty answer of a wiped store would mean that no timer ever fires again.
--
-- KEYS  1 meta (hash)   2 due (sorted set: id by log time, ms)
-- ARGV  1 journal bookmark that must be held   2 after (ms, exclusive)   3 by (ms)   4 page size
-- Answers  {"ok", id, time, ...}   {"at", bookmark held or ""}
local held = redis.call('HGET', KEYS[1], 'journal')
if held ~= ARGV[1] then return {'at', held or ''} end
local answer = {'ok'}
local page = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for _, one in ipairs(page) do answer[#answer + 1] = one end
return answer
