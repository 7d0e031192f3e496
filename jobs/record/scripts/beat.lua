-- A worker's heartbeat: its slots, and the leases of the jobs that it runs.
-- ARGV: the database's id, worker, slots, lease in ms, then id, fence for each lease
-- Answers a number for each lease: 0 it is lost, 1 it holds, 2 it holds and a cancel was asked for; or {'elsewhere'}.
if elsewhere(ARGV[1]) then return {'elsewhere'} end
although_full()
local ends = now_ms() + ARGV[4]
if tonumber(ARGV[3]) > 0 then
  redis.call('ZADD', keys.WORKERS, ends, ARGV[2])
  redis.call('HSET', keys.SLOTS, ARGV[2], ARGV[3])
else
  redis.call('ZREM', keys.WORKERS, ARGV[2])
  redis.call('HDEL', keys.SLOTS, ARGV[2])
end
local answer = {}
for i = 5, #ARGV, 2 do
  local f = leased(ARGV[i], ARGV[i + 1], 'cancel')
  if f then
    redis.call('ZADD', keys.RUNNING, 'XX', ends, ARGV[i])
    answer[#answer + 1] = f[3] and 2 or 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
