-- Write a field of a hash if it still has the value that was read. ARGV: hash, field, old value, new value.
-- Answers 1; 0: it has another value.
if redis.call('HGET', ARGV[1], ARGV[2]) ~= ARGV[3] then return 0 end
although_full()
redis.call('HSET', ARGV[1], ARGV[2], ARGV[4])
return 1
