-- Replace a finished job by its tombstone. ARGV: id, tombstone.
-- Answers 1, also if that was done before; 0: the job is not finished.
local job = keys.job .. ARGV[1]
local f = redis.call('HMGET', job, 'status', 'owner', 'batch')
if not f[1] then return redis.call('EXISTS', keys.tombstone .. ARGV[1]) end
if not ended[f[1]] then return 0 end
redis.call('SET', keys.tombstone .. ARGV[1], ARGV[2], 'EX', TOMBSTONE_SECONDS)
redis.call('DEL', job, keys.events .. ARGV[1], keys.previews .. ARGV[1], keys.secret .. ARGV[1],
  keys.hooks .. ARGV[1])
redis.call('ZREM', keys.owner .. f[2], ARGV[1])
if redis.call('EXISTS', keys.owner .. f[2]) == 0 then redis.call('SREM', keys.OWNERS, f[2]) end
redis.call('ZREM', keys.RETAIN, ARGV[1])
-- A batch is kept as long as the tombstones of its jobs.
local batch = f[3] and keys.batch .. f[3]
if batch and redis.call('EXISTS', batch) == 1 and redis.call('HINCRBY', batch, 'left', -1) <= 0 then
  redis.call('EXPIRE', batch, TOMBSTONE_SECONDS)
end
return 1
