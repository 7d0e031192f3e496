-- With turns.lua.
-- Look after what dispatch.lua relies on: limits that were changed meanwhile, and queued jobs that stand nowhere (those
-- of an earlier version of Darkroom).
-- ARGV: most groups, and most jobs, to look at; limits for all keys: running, user_running
local now = now_ms()
although_full()

local function recheck_limits(owner)
  for _, group in ipairs(redis.call('SMEMBERS', keys.full .. owner)) do
    local limit = group == owner and limit_of(owner, Limits.running, ARGV[2])
      or limit_of(owner, Limits.user_running, ARGV[3])
    if redis.call('SCARD', keys.held .. group) < limit then unfill(owner, group) end
  end
end

local function recheck_job(id)
  local lane = redis.call('HGET', keys.job .. id, 'lane')
  if not lane or redis.call('ZSCORE', keys.SENT, id) or redis.call('ZSCORE', keys.DUE, id) then return end
  redis.call('ZADD', keys.lane .. lane, redis.call('HGET', keys.job .. id, 'rank'), id)
  local head = redis.call('ZRANGE', keys.lane .. lane, 0, 0, 'WITHSCORES')
  if head[1] ~= id then return end
  local f = redis.call('HMGET', keys.job .. id, 'owner', 'user')
  local rests = redis.call('ZSCORE', keys.resting(subject_of(lane, f[1]), route_of(lane)), lane)
  if rests and redis.call('HEXISTS', keys.NARROWED, lane) == 0 then return end
  redis.call('SADD', keys.lanes .. f[2], lane)
  show_lane(lane, f[1], f[2], head[2])
end

for _, owner in ipairs(redis.call('ZRANGE', keys.FULL, 0, ARGV[1] - 1)) do
  redis.call('ZADD', keys.FULL, now, owner)
  attempt(recheck_limits, owner)
end

local from = tonumber(redis.call('GET', keys.RECHECKED) or '0')
local ids = redis.call('ZRANGE', keys.QUEUED, from, from + ARGV[1] - 1)
for _, id in ipairs(ids) do attempt(recheck_job, id) end
redis.call('SET', keys.RECHECKED, #ids < tonumber(ARGV[1]) and 0 or from + #ids)
