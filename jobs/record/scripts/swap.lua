-- Write a field of a hash if it still is what was read. ARGV: hash, field, what was read, new value.
-- Answers 1, or 0 where it is not.
if redis.call('HGET', ARGV[1], ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('HSET', ARGV[1], ARGV[2], ARGV[4])
return 1
