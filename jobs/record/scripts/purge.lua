-- Replace a finished job by its tombstone. ARGV: id, tombstone, seconds.
-- Answers 1, also where that was done before; 0 where the job is not finished.
local job = P .. 'job:' .. ARGV[1]
local f = redis.call('HMGET', job, 'status', 'owner', 'batch')
if not f[1] then return redis.call('EXISTS', P .. 'tomb:' .. ARGV[1]) end
if f[1] == 'queued' or f[1] == 'running' then return 0 end
redis.call('SET', P .. 'tomb:' .. ARGV[1], ARGV[2], 'EX', ARGV[3])
redis.call('DEL', job, P .. 'events:' .. ARGV[1], P .. 'previews:' .. ARGV[1], P .. 'secret:' .. ARGV[1],
  P .. 'hooks:' .. ARGV[1])
redis.call('ZREM', P .. 'owner:' .. f[2], ARGV[1])
if redis.call('EXISTS', P .. 'owner:' .. f[2]) == 0 then redis.call('SREM', P .. 'owners', f[2]) end
redis.call('ZREM', P .. 'retain', ARGV[1])
-- A batch is kept as long as the tombstones of its jobs.
local batch = f[3] and P .. 'batch:' .. f[3]
if batch and redis.call('EXISTS', batch) == 1 and redis.call('HINCRBY', batch, 'left', -1) <= 0 then
  redis.call('EXPIRE', batch, ARGV[3])
end
return 1
