-- Lets go of a client id, if this connection still holds it.
--
-- KEYS  1 session (string: "gateway \n connection")
-- ARGV  1 holder
-- Answers  {"ok"}
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
