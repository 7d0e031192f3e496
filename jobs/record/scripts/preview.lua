-- Keep a preview of a running attempt. ARGV: id, fence, index, index to drop, seconds, picture.
-- Answers 1, or 0 where the lease is lost.
local f = redis.call('HMGET', P .. 'job:' .. ARGV[1], 'status', 'fence')
if f[1] ~= 'running' or f[2] ~= ARGV[2] then return 0 end
local key = P .. 'previews:' .. ARGV[1]
redis.call('HSET', key, ARGV[3], ARGV[6])
redis.call('HDEL', key, ARGV[4])
redis.call('EXPIRE', key, ARGV[5])
return 1
