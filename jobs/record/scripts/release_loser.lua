-- One of the job's two attempts has ended: only this provider's slot is still needed. ARGV: id, fence, provider.
-- Answers 1, or 0 where the lease is lost.
local f = leased(ARGV[1], ARGV[2], 'provider', 'hedge')
if not f then return 0 end
if f[4] then
  redis.call('SREM', keys.busy .. (f[4] == ARGV[3] and f[3] or f[4]), ARGV[1])
  redis.call('HSET', keys.job .. ARGV[1], 'provider', ARGV[3])
  redis.call('HDEL', keys.job .. ARGV[1], 'hedge')
end
return 1
