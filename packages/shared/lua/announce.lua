-- Says that a gateway lives, by the server's own clock, and whether its last word is still here.
--
-- Atomic: what is lost between two words is told with the second one.
--
-- KEYS  1 gateways (hash: name -> "deadline (ms) \n url")
-- ARGV  1 name   2 url   3 how long its word is good for, ms; 0 withdraws it   4 its last word, or ""
-- Answers  {"ok", its word, "kept" or "lost"}
local before = redis.call('HGET', KEYS[1], ARGV[1])
local word = ''
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local now = redis.call('TIME')
  local deadline = now[1] * 1000 + math.floor(now[2] / 1000) + tonumber(ARGV[3])
  word = string.format('%.0f', deadline) .. '\n' .. ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], word)
end
return {'ok', word, before == ARGV[4] and 'kept' or 'lost'}
