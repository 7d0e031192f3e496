-- With standing.lua.
-- A job for a caller that looks often: the snapshot only if it has changed since.
-- ARGV: id, event id of the caller's snapshot, limits for all keys: running, user_running
-- Answers nil, or {version, event id, snapshot (nil: it has not changed)}, and for a queued job where it stands
--   (standing.lua).
local f = redis.call('HMGET', keys.job .. ARGV[1], 'v', 'oe', 'status', 'owner', 'user')
if not f[1] then return nil end
local doc = f[2] ~= ARGV[2] and redis.call('HGET', keys.job .. ARGV[1], 'doc')
if f[3] ~= Status.QUEUED then return {f[1], f[2], doc} end
local is_sent = redis.call('ZSCORE', keys.SENT, ARGV[1])
return {f[1], f[2], doc, unpack(standing(ARGV[1], f[4], f[5], is_sent, {ARGV[3], ARGV[4]}))}
