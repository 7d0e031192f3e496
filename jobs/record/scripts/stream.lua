-- Count an open event stream, or extend it. ARGV: owner, stream, ms for which it counts, most ('': unlimited)
-- Answers 1; 0: the owner has that many streams already.
local now, streams = now_ms(), keys.streams .. ARGV[1]
redis.call('ZREMRANGEBYSCORE', streams, '-inf', now)
if ARGV[4] ~= '' and redis.call('ZCARD', streams) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', streams, now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', streams, ARGV[3])
return 1
