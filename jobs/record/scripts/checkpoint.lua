-- Store what a later attempt must know. ARGV: id, fence, checkpoint. Answers 1, or 0 where the lease is lost.
local f = redis.call('HMGET', P .. 'job:' .. ARGV[1], 'status', 'fence')
if f[1] ~= 'running' or f[2] ~= ARGV[2] then return 0 end
redis.call('HSET', P .. 'job:' .. ARGV[1], 'ckpt', ARGV[3])
return 1
