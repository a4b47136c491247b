-- Takes a client id for a connection, and says who held it.
--
-- Atomic: of two gateways that take one client at once, each hears of the other or is heard of.
--
-- KEYS  1 session (string: "gateway \n connection")
-- ARGV  1 holder   2 seconds after which a session that nobody let go of is forgotten
-- Answers  {"ok", holder before or ""}
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return {'ok', before or ''}
