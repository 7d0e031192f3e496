-- Write the result of a delivery that was taken.
-- ARGV: owner, host, holder, delivery, end of lease, record (empty: it is gone), next time (ms; empty: none)
-- Answers 1; 0: the lease has ended, and another sender has it.
local owner, host, member = ARGV[1], ARGV[2], ARGV[3] .. '/' .. ARGV[4]
local sent, hooks = keys.hooks_sent .. owner, keys.hooks .. ARGV[3]
if tonumber(redis.call('ZSCORE', sent, host .. '/' .. member) or '0') ~= tonumber(ARGV[5]) then return 0 end
count_pending(-redis.call('ZREM', sent, host .. '/' .. member))
if ARGV[6] ~= '' and redis.call('EXISTS', hooks) == 1 then
  redis.call('HSET', hooks, ARGV[4], ARGV[6])
  if ARGV[7] ~= '' then post(owner, host, member, tonumber(ARGV[7])) end
end
-- This host has room now, and so has this owner.
local hosts, soonest = keys.hook_hosts .. owner, first(keys.hooks_due(owner, host))
if soonest then redis.call('ZADD', hosts, 'LT', math.max(soonest, moment()), host) end
local waiting = first(hosts)
if waiting then
  redis.call('ZADD', keys.HOOK_OWNERS, 'LT', math.max(waiting, moment()), owner)
elseif redis.call('EXISTS', sent) == 0 then
  redis.call('ZREM', keys.HOOK_OWNERS, owner)
end
return 1
