-- Note what became of a delivery that was taken.
-- ARGV: host, holder, delivery, end of lease, record (empty: it is gone), next time (ms; empty: none)
-- Answers 1; 0 where the lease ended and somebody else has it.
local host, member = ARGV[1], ARGV[2] .. '/' .. ARGV[3]
local due, sent, hooks = P .. 'hookdue:' .. host, P .. 'hooksent:' .. host, P .. 'hooks:' .. ARGV[2]
if tonumber(redis.call('ZSCORE', sent, member) or '0') ~= tonumber(ARGV[4]) then return 0 end
redis.call('ZREM', sent, member)
if ARGV[5] ~= '' and redis.call('EXISTS', hooks) == 1 then
  redis.call('HSET', hooks, ARGV[3], ARGV[5])
  if ARGV[6] ~= '' then post(host, member, tonumber(ARGV[6])) end
end
-- There is room at this host now.
local soonest = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
if soonest then
  redis.call('ZADD', P .. 'hookhosts', 'LT', soonest, host)
elseif redis.call('EXISTS', sent) == 0 then
  redis.call('ZREM', P .. 'hookhosts', host)
end
return 1
