-- A job for somebody who looks at it often: its snapshot only where it has changed since.
-- ARGV: id, event id of the snapshot that they have, limits for everybody: running, user_running
-- Answers nil, or {version, event id, snapshot (nil where they have it)}, and while it is queued: how many jobs were
-- queued before it; then, unless it is on its way to a worker, for its owner and for its end user: jobs of theirs that
-- run, how many may (-1: any number), how many wait before it.
local f = redis.call('HMGET', P .. 'job:' .. ARGV[1], 'v', 'oe', 'status', 'owner', 'user')
if not f[1] then return nil end
local doc = f[2] ~= ARGV[2] and redis.call('HGET', P .. 'job:' .. ARGV[1], 'doc')
if f[3] ~= 'queued' then return {f[1], f[2], doc} end
local found = {f[1], f[2], doc, redis.call('ZRANK', P .. 'queued', ARGV[1])}
if redis.call('ZSCORE', P .. 'sent', ARGV[1]) then return found end
for i, party in ipairs(parties(f[4], f[5])) do
  local limit = limit_of(f[4], i == 1 and 'running' or 'user_running', ARGV[i + 2])
  found[#found + 1] = redis.call('SCARD', P .. 'held:' .. party)
  found[#found + 1] = limit == math.huge and -1 or limit
  found[#found + 1] = redis.call('ZRANK', P .. 'waiting:' .. party, ARGV[1])
end
return found
