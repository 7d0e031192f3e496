-- A worker's sign of life: its slots, and the leases of all it runs.
-- ARGV: worker, slots, life in ms, lease in ms, then id, fence for each running job
-- Answers a number a job: 0 the lease is lost, 1 go on, 2 a cancel was asked for.
local now = now_ms()
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', P .. 'workers', now + ARGV[3], ARGV[1])
  redis.call('HSET', P .. 'slots', ARGV[1], ARGV[2])
else
  redis.call('ZREM', P .. 'workers', ARGV[1])
  redis.call('HDEL', P .. 'slots', ARGV[1])
end
local answer = {}
for i = 5, #ARGV, 2 do
  local id = ARGV[i]
  local f = redis.call('HMGET', P .. 'job:' .. id, 'status', 'fence', 'cancel', 'provider')
  if f[1] == 'running' and f[2] == ARGV[i + 1] then
    redis.call('ZADD', P .. 'running', 'XX', now + ARGV[4], id)
    if f[4] then redis.call('ZADD', P .. 'busy:' .. f[4], 'XX', now + ARGV[4], id) end
    answer[#answer + 1] = f[3] and 2 or 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
