-- A job for somebody who looks at it often: its snapshot only where it has changed since.
-- ARGV: id, event id of the snapshot that they have
-- Answers {version, event id, how many were queued before it, snapshot}, the last two only where there is one; or nil.
local f = redis.call('HMGET', P .. 'job:' .. ARGV[1], 'v', 'oe', 'status')
if not f[1] then return nil end
local rank = f[3] == 'queued' and redis.call('ZRANK', P .. 'queued', ARGV[1])
local doc = f[2] ~= ARGV[2] and redis.call('HGET', P .. 'job:' .. ARGV[1], 'doc')
return {f[1], f[2], rank, doc}
