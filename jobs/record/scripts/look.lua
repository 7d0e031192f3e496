-- A job for a caller that looks often: the snapshot only if it has changed since.
-- ARGV: id, event id of the caller's snapshot, limits for all keys: running, user_running
-- Answers nil, or {version, event id, snapshot (nil: it has not changed)}, and for a queued job: how many jobs were
-- queued before it; then, unless it is on its way to a worker, for each of its groups: jobs that run, the limit (-1:
-- none), jobs that wait before it.
local f = redis.call('HMGET', keys.job .. ARGV[1], 'v', 'oe', 'status', 'owner', 'user')
if not f[1] then return nil end
local doc = f[2] ~= ARGV[2] and redis.call('HGET', keys.job .. ARGV[1], 'doc')
if f[3] ~= Status.QUEUED then return {f[1], f[2], doc} end
local found = {f[1], f[2], doc, redis.call('ZRANK', keys.QUEUED, ARGV[1])}
if redis.call('ZSCORE', keys.SENT, ARGV[1]) then return found end
for i, group in ipairs(groups(f[4], f[5])) do
  local limit = limit_of(f[4], i == 1 and Limits.running or Limits.user_running, ARGV[i + 2])
  found[#found + 1] = redis.call('SCARD', keys.held .. group)
  found[#found + 1] = limit == math.huge and -1 or limit
  found[#found + 1] = redis.call('ZRANK', keys.waiting .. group, ARGV[1])
end
return found
