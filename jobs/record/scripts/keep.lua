-- One of the job's two attempts has ended: only this provider's slot is still needed. ARGV: id, fence, provider.
-- Answers 1, or 0 where the lease is lost.
local key = P .. 'job:' .. ARGV[1]
local f = redis.call('HMGET', key, 'status', 'fence', 'provider', 'hedge')
if f[1] ~= 'running' or f[2] ~= ARGV[2] then return 0 end
if f[4] then
  redis.call('SREM', P .. 'busy:' .. (f[4] == ARGV[3] and f[3] or f[4]), ARGV[1])
  redis.call('HSET', key, 'provider', ARGV[3])
  redis.call('HDEL', key, 'hedge')
end
return 1
