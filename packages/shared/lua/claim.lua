-- Takes note that the claim at a journal offset owns a partition, and answers what is held.
--
-- Atomic, so that no commit by an earlier claim comes between the check and the note.
--
-- KEYS  1 meta (hash)   2 stamps (hash)
-- ARGV  1 epoch (journal offset of the claim)   2 id of the log
-- Answers  {"ok", journal bookmark, input offset, input time (ms), floor or "", until or "",
--           writer, "n:time", writer, ...}
--          {"newer", epoch}   a newer claim is known
--          {"other", id}      this is the fold of another log
local held = redis.call('HMGET', KEYS[1], 'epoch', 'log', 'journal', 'input', 'time', 'floor', 'until')
if held[1] and tonumber(held[1]) > tonumber(ARGV[1]) then return {'newer', held[1]} end
if held[2] and held[2] ~= ARGV[2] then return {'other', held[2]} end
local journal = held[3] or '0/-1/0'
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'log', ARGV[2], 'journal', journal)
local answer = {'ok', journal, held[4] or '0', held[5] or '0', held[6] or '', held[7] or ''}
for _, one in ipairs(redis.call('HGETALL', KEYS[2])) do answer[#answer + 1] = one end
return answer
