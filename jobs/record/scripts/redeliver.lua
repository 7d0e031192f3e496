-- Make a delivery due now.
-- ARGV: owner, host, holder, delivery, record as it was read (empty: it is new), record, body
-- Answers 1; 0: the record has changed meanwhile; 2: the delivery is under way.
local hooks, member = keys.hooks .. ARGV[3], ARGV[3] .. '/' .. ARGV[4]
if redis.call('ZSCORE', keys.hooks_sent .. ARGV[1], ARGV[2] .. '/' .. member) then return 2 end
if (redis.call('HGET', hooks, ARGV[4]) or '') ~= ARGV[5] then return 0 end
redis.call('HSET', hooks, ARGV[4], ARGV[6])
if ARGV[5] == '' then
  redis.call('HSET', hooks, ARGV[4] .. ':body', ARGV[7])
  redis.call('EXPIRE', hooks, TEST_SECONDS)
end
post(ARGV[1], ARGV[2], member, now_ms())
return 1
