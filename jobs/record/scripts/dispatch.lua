-- Choose which queued jobs to send to workers now: as many as there are free slots, owners in turn and the users of
-- each in turn. A job is sent only when a worker can take it at once, so the broker's queue stays short and a new
-- user's first job never stands behind another's backlog.
-- ARGV: most jobs to choose, most users to look at (about),
--   limits for everybody: running, user_running
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

local seen = {} -- provider → account → how it stands
local function at(provider, account)
  local for_all = seen[provider] or {}
  seen[provider] = for_all
  for_all[account] = for_all[account] or look_at(provider, account, now)
  return for_all[account]
end

-- The providers of a lane stand in it best first. The first with room takes its head, unless another one is
-- expected to be done in two thirds of the time. A provider that is a last resort is asked only where all are.
local closed = {} -- account and route on which nobody has room: within a call there never is more
local function provider_for(lane)
  local name, account, route, sound = string.match(lane, '|([^|]*)$'), account_of(lane), {}, false
  local key = account .. '|' .. name
  if closed[key] then return nil end
  for provider in string.gmatch(name, '[^,]+') do
    route[#route + 1] = provider
    sound = sound or not at(provider, account).shun
  end
  local best
  for _, provider in ipairs(route) do
    local found = at(provider, account)
    if found.room > 0 and not (sound and found.shun) then
      local cost = best and at(best, account).cost
      local faster = cost and found.cost and found.cost * 1.5 < cost
      if not best or faster then best = provider end
    end
  end
  closed[key] = not best
  return best
end

-- The lane of this user whose head should run first, and where.
local function best_lane(user)
  local best, where, rank
  for _, lane in ipairs(redis.call('SMEMBERS', P .. 'lanes:' .. user)) do
    local provider = provider_for(lane)
    local head = provider and redis.call('ZRANGE', P .. 'lane:' .. lane, 0, 0, 'WITHSCORES')
    if head and head[1] and (not rank or tonumber(head[2]) < rank) then
      best, where, rank = lane, provider, tonumber(head[2])
    end
  end
  return best, where
end

-- Slots that this owner, or end user, may still take.
local may = {}
local function allowed(party, owner, name, everybody)
  if may[party] == nil then
    local limit = limit_of(owner, name, everybody)
    may[party] = limit == math.huge and limit or limit - redis.call('SCARD', P .. 'held:' .. party)
  end
  return may[party] > 0
end

-- Go through a turn until somebody was served, or through a whole part of it where `all`: half of it are those whose
-- turn it is. Behind them comes a part that moves on from call to call, so that many who cannot run hide nobody for
-- long. Whoever cannot run keeps the place, and is the next once it is possible.
local further = {}
local function visit(turn, part, serve, all)
  local size, served = math.max(1, math.floor(part / 2)), 0
  local names = redis.call('ZRANGE', turn, 0, size - 1)
  for half = 1, 2 do
    for _, name in ipairs(names) do
      if free <= 0 then return served end
      if serve(name) then
        served = served + 1
        if not all then return served end
      end
    end
    if served > 0 or #names < size then return served end
    if half == 1 then
      if not further[turn] then
        further[turn] = math.max(size, tonumber(redis.call('HGET', P .. 'look', turn) or '0'))
        local length = redis.call('ZCARD', turn)
        if further[turn] >= length then further[turn] = size end
        if length > size then redis.call('HSET', P .. 'look', turn, further[turn] + size) end
      end
      names = redis.call('ZRANGE', turn, further[turn], further[turn] + size - 1)
    end
  end
  return served
end

-- Whoever had a turn goes to the end.
local function to_the_end(turn, name, tick)
  redis.call('ZADD', turn, tick, name)
  redis.call('ZADD', P .. 'served', tick, turn .. '|' .. name)
end

local sent = {}
local function serve(owner, user)
  if user ~= owner and not allowed(user, owner, 'user_running', ARGV[4]) then return false end
  local lane, provider = best_lane(user)
  if not lane then return false end
  local id = redis.call('ZRANGE', P .. 'lane:' .. lane, 0, 0)[1]
  local tick = redis.call('INCR', P .. 'tick')
  to_the_end(P .. 'turn', owner, tick)
  to_the_end(P .. 'turn:' .. owner, user, tick)
  delist(id, owner, user, lane)
  local account = account_of(lane)
  local found = at(provider, account)
  occupy(provider, account, id, found, now)
  -- Other accounts share its slots: for them it is looked at again.
  seen[provider] = {[account] = found}
  redis.call('ZADD', P .. 'sent', now, id)
  redis.call('HSET', P .. 'job:' .. id, 'provider', provider)
  for _, party in ipairs(parties(owner, user)) do
    redis.call('SADD', P .. 'held:' .. party, id)
    may[party] = may[party] and may[party] - 1
  end
  free = free - 1
  sent[#sent + 1] = id
  return true
end

local looks = tonumber(ARGV[2])
local owners = math.min(redis.call('ZCARD', P .. 'turn'), math.floor(looks / 4))
local function serve_owner(owner)
  if not allowed(owner, owner, 'running', ARGV[3]) then return false end
  return visit(P .. 'turn:' .. owner, looks / owners, function(user) return serve(owner, user) end, false) > 0
end
while free > 0 and visit(P .. 'turn', looks / 4, serve_owner, true) > 0 do end
redis.call('ZREMRANGEBYRANK', P .. 'served', 0, -10001)
return sent
