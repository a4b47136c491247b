-- Says that a gateway lives, by the server's own clock.
--
-- KEYS  1 gateways (hash: name -> "deadline (ms) \n url")
-- ARGV  1 name   2 url   3 how long its word is good for, ms; 0 withdraws it
-- Answers  {"ok"}
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local now = redis.call('TIME')
  local deadline = now[1] * 1000 + math.floor(now[2] / 1000) + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', deadline) .. '\n' .. ARGV[2])
end
return {'ok'}
