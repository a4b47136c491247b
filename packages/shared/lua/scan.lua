-- A page of all instances, if the partition stands where the reader believes it does.
--
-- Atomic with the check: a store that was wiped or set back would answer that there are no more.
--
-- KEYS  1 meta (hash)   2 instances (hash: id -> index "\n" json)
-- ARGV  1 journal bookmark that must be held   2 cursor of HSCAN   3 how many, more or less
-- Answers  {"ok", next cursor, id, value, ...}   {"at", bookmark held or ""}
local held = redis.call('HGET', KEYS[1], 'journal')
if held ~= ARGV[1] then return {'at', held or ''} end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
local answer = {'ok', page[1]}
for _, one in ipairs(page[2]) do answer[#answer + 1] = one end
return answer
