-- A worker's sign of life: its slots, and the leases of all it runs.
-- ARGV: worker, slots, lease in ms, then id, fence for each lease
-- Answers a number a lease: 0 it is lost, 1 go on, 2 a cancel was asked for.
local ends = now_ms() + ARGV[3]
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', P .. 'workers', ends, ARGV[1])
  redis.call('HSET', P .. 'slots', ARGV[1], ARGV[2])
else
  redis.call('ZREM', P .. 'workers', ARGV[1])
  redis.call('HDEL', P .. 'slots', ARGV[1])
end
local answer = {}
for i = 4, #ARGV, 2 do
  local f = redis.call('HMGET', P .. 'job:' .. ARGV[i], 'status', 'fence', 'cancel')
  if f[1] == 'running' and f[2] == ARGV[i + 1] then
    redis.call('ZADD', P .. 'running', 'XX', ends, ARGV[i])
    answer[#answer + 1] = f[3] and 2 or 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
