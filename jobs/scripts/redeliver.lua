-- Make a delivery due now. ARGV: host, holder, delivery, record as it was read (empty: it is new), record, body, seconds
-- Answers 1; 0 where the record has changed meanwhile; 2 where it is being sent right now.
local hooks, member = P .. 'hooks:' .. ARGV[2], ARGV[2] .. '/' .. ARGV[3]
if redis.call('ZSCORE', P .. 'hooksent:' .. ARGV[1], member) then return 2 end
if (redis.call('HGET', hooks, ARGV[3]) or '') ~= ARGV[4] then return 0 end
redis.call('HSET', hooks, ARGV[3], ARGV[5])
if ARGV[4] == '' then
  redis.call('HSET', hooks, ARGV[3] .. ':body', ARGV[6])
  redis.call('EXPIRE', hooks, ARGV[7])
end
post(ARGV[1], member, now_ms())
return 1
