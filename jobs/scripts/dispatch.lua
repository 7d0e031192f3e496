-- Choose which queued jobs to send to workers now: as many as there are free slots, users in turn.
-- A job is sent only when a worker can take it at once, so the broker's queue stays short and a new
-- user's first job never stands behind another's backlog.
-- ARGV: most jobs to choose, milliseconds that a scout is waited for
-- Answers a list of job ids; each is now in dr:sent and holds a slot of its provider.
local now = now_ms()
if redis.call('EXISTS', P .. 'paused') == 1 then return {} end

-- Parked jobs whose time has come may run.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', P .. 'due', id)
  enlist(id)
end

-- Free slots of live workers.
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', P .. 'workers', '-inf', now)) do
  redis.call('ZREM', P .. 'workers', worker)
  redis.call('HDEL', P .. 'slots', worker)
end
local free = 0
for _, worker in ipairs(redis.call('ZRANGE', P .. 'workers', 0, -1)) do
  free = free + tonumber(redis.call('HGET', P .. 'slots', worker) or '0')
end
free = free - redis.call('ZCARD', P .. 'running') - redis.call('ZCARD', P .. 'sent')
free = math.min(free, tonumber(ARGV[1]))

local seen = {} -- provider → how it stands
local function at(provider)
  seen[provider] = seen[provider] or look_at(provider, now, tonumber(ARGV[2]))
  return seen[provider]
end

-- A lane is "user|provider,provider,…", best first. The first with room takes its head, unless another one is
-- expected to be done in two thirds of the time. A provider that is a last resort is asked only where all are.
local function provider_for(lane)
  local route, sound = {}, false
  for provider in string.gmatch(string.match(lane, '|([^|]*)$'), '[^,]+') do
    route[#route + 1] = provider
    sound = sound or not at(provider).shun
  end
  local best
  for _, provider in ipairs(route) do
    local found = at(provider)
    if found.room > 0 and not (sound and found.shun) then
      local cost = best and at(best).cost
      local faster = cost and found.cost and found.cost * 1.5 < cost
      if not best or faster then best = provider end
    end
  end
  return best
end

-- The lane of this user whose head should run first, and where.
local function best_lane(user)
  local best, where, rank
  for _, lane in ipairs(redis.call('SMEMBERS', P .. 'lanes:' .. user)) do
    local head = redis.call('ZRANGE', P .. 'lane:' .. lane, 0, 0, 'WITHSCORES')
    if head[1] and (not rank or tonumber(head[2]) < rank) then
      local provider = provider_for(lane)
      if provider then best, where, rank = lane, provider, tonumber(head[2]) end
    end
  end
  return best, where
end

local sent = {}
while free > 0 do
  local served = 0
  for _, user in ipairs(redis.call('ZRANGE', P .. 'turn', 0, 199)) do
    if free <= 0 then break end
    -- Whoever had a turn goes to the end, also when nothing of theirs can run now.
    local tick = redis.call('INCR', P .. 'tick')
    redis.call('ZADD', P .. 'turn', tick, user)
    local lane, provider = best_lane(user)
    if lane then
      local id = redis.call('ZRANGE', P .. 'lane:' .. lane, 0, 0)[1]
      delist(id, user, lane)
      redis.call('ZADD', P .. 'sent', now, id)
      redis.call('HSET', P .. 'job:' .. id, 'provider', provider)
      occupy(provider, id, at(provider), now)
      free = free - 1
      served = served + 1
      redis.call('ZADD', P .. 'served', tick, user)
      sent[#sent + 1] = id
    end
  end
  if served == 0 then break end
end
redis.call('ZREMRANGEBYRANK', P .. 'served', 0, -10001)
return sent
