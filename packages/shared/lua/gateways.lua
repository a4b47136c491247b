-- Lists the gateways that live, and forgets those that have gone silent.
--
-- KEYS  1 gateways (hash: name -> "deadline (ms) \n url")
-- Answers  {"ok", name, url, ...}
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local answer = {'ok'}
for i = 1, #all, 2 do
  local deadline, url = string.match(all[i + 1], '^(%d+)\n(.*)$')
  if tonumber(deadline) < ms then
    redis.call('HDEL', KEYS[1], all[i])
  else
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = url
  end
end
return answer
