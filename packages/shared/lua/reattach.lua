-- Takes a client id again for a connection that had it, unless another one has it by now.
--
-- Atomic: a client that connects elsewhere meanwhile is not taken back.
--
-- KEYS  1 session (string: "gateway \n connection")
-- ARGV  1 holder   2 seconds after which a session that nobody let go of is forgotten
-- Answers  {"ok", holder of now}
local holder = redis.call('GET', KEYS[1]) or ARGV[1]
if holder == ARGV[1] then redis.call('SET', KEYS[1], holder, 'EX', ARGV[2]) end
return {'ok', holder}
