-- Replace a finished job by its tombstone. What it took goes first: that is allowed also where the memory is full.
-- ARGV: id, time and field of its tombstone, the tombstone (jobs/record/tombstones.py), seconds that it stands (0: none)
-- Answers 1, also if that was done before; 0: the job is not finished.
local job, stands = keys.job .. ARGV[1], tonumber(ARGV[5])
local f = redis.call('HMGET', job, 'status', 'owner', 'batch')
if not f[1] then
  local was = stands == 0 or tombstone_of(ARGV[2], ARGV[3]) or redis.call('EXISTS', keys.tombstone .. ARGV[1]) == 1
  return was and 1 or 0
end
if not ended[f[1]] then return 0 end
redis.call('DEL', job, keys.events .. ARGV[1], keys.previews .. ARGV[1], keys.secret .. ARGV[1],
  keys.hooks .. ARGV[1])
redis.call('ZREM', keys.owner .. f[2], ARGV[1])
redis.call('ZREM', keys.JOBS, ARGV[1])
if redis.call('EXISTS', keys.owner .. f[2]) == 0 then redis.call('SREM', keys.OWNERS, f[2]) end
redis.call('ZREM', keys.RETAIN, ARGV[1])
if stands > 0 then
  local number = 0
  while redis.call('HLEN', keys.tombstones(ARGV[2], number)) >= TOMBSTONES_TOGETHER do number = number + 1 end
  local stones = keys.tombstones(ARGV[2], number)
  redis.call('HSET', stones, ARGV[3], ARGV[4])
  redis.call('EXPIRE', stones, stands)
end
-- A batch is kept as long as the tombstones of its jobs.
local batch = f[3] and keys.batch .. f[3]
if batch and redis.call('EXISTS', batch) == 1 and redis.call('HINCRBY', batch, 'left', -1) <= 0 then
  if stands > 0 then redis.call('EXPIRE', batch, stands) else redis.call('DEL', batch) end
end
return 1
