-- With turns.lua.
-- Release the slot of a hedged job's losing attempt. ARGV: id, fence, provider of the other attempt.
-- Answers 1; 0: the lease is lost.
local f = leased(ARGV[1], ARGV[2], 'provider', 'hedge', 'lane', 'owner')
if not f then return 0 end
if f[4] then
  vacate(f[4] == ARGV[3] and f[3] or f[4], ARGV[1])
  wake(subject_of(f[5] or '', f[6] or ''))
  redis.call('HSET', keys.job .. ARGV[1], 'provider', ARGV[3])
  redis.call('HDEL', keys.job .. ARGV[1], 'hedge')
end
return 1
