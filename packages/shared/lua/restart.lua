-- Forgets all that is held of a partition, and takes it that the fold begins anew at a position.
--
-- Atomic, so that nothing of the fold before is ever found beside the new one.
--
-- KEYS  1 meta (hash)   2 stamps (hash)   3... all other keys of the partition
-- ARGV  1 epoch   2 journal bookmark   3 input offset   4 input time (ms)   5 floor or ""
--       6 journal offset until which the fold is a part of the whole   7... writer, "n:time", ...
-- Answers  {"ok"}   {"newer", epoch}
local held = redis.call('HMGET', KEYS[1], 'epoch', 'log')
if held[1] and tonumber(held[1]) > tonumber(ARGV[1]) then return {'newer', held[1]} end
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'log', held[2] or '', 'journal', ARGV[2],
  'input', ARGV[3], 'time', ARGV[4], 'floor', ARGV[5], 'until', ARGV[6])
for i = 7, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return {'ok'}
