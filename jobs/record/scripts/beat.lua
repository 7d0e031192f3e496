-- A worker's sign of life: its slots, and the leases of all it runs.
-- ARGV: the database's id, worker, slots, lease in ms, then id, fence for each lease
-- Answers a number a lease: 0 it is lost, 1 go on, 2 a cancel was asked for; or {'elsewhere'}.
if elsewhere(ARGV[1]) then return {'elsewhere'} end
local ends = now_ms() + ARGV[4]
if tonumber(ARGV[3]) > 0 then
  redis.call('ZADD', P .. 'workers', ends, ARGV[2])
  redis.call('HSET', P .. 'slots', ARGV[2], ARGV[3])
else
  redis.call('ZREM', P .. 'workers', ARGV[2])
  redis.call('HDEL', P .. 'slots', ARGV[2])
end
local answer = {}
for i = 5, #ARGV, 2 do
  local f = redis.call('HMGET', P .. 'job:' .. ARGV[i], 'status', 'fence', 'cancel')
  if f[1] == 'running' and f[2] == ARGV[i + 1] then
    redis.call('ZADD', P .. 'running', 'XX', ends, ARGV[i])
    answer[#answer + 1] = f[3] and 2 or 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
