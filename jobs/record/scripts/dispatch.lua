-- Choose the queued jobs to send to workers now: as many as there are free slots, owners in turn and the users of each
-- in turn. A job is sent only when a worker can take it at once, so the broker's queue stays short, and a new user's
-- first job never waits behind another's backlog.
-- ARGV: most jobs to choose, users to examine (about), limits for all keys: running, user_running
-- Answers a list of job ids; each is now in dr:sent and holds a slot of its provider.
local now = now_ms()
if redis.call('EXISTS', keys.PAUSED) == 1 then return {} end

-- Parked jobs whose time has come may run.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys.DUE, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', keys.DUE, id)
  enlist(id)
end

-- Free slots of live workers.
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', keys.WORKERS, '-inf', now)) do
  redis.call('ZREM', keys.WORKERS, worker)
  redis.call('HDEL', keys.SLOTS, worker)
end
local free = 0
for _, worker in ipairs(redis.call('ZRANGE', keys.WORKERS, 0, -1)) do
  free = free + tonumber(redis.call('HGET', keys.SLOTS, worker) or '0')
end
free = free - redis.call('ZCARD', keys.RUNNING) - redis.call('ZCARD', keys.SENT)
free = math.min(free, tonumber(ARGV[1]))

local states = {} -- provider → account → its state
local function state_at(provider, account)
  local by_account = states[provider] or {}
  states[provider] = by_account
  by_account[account] = by_account[account] or state_of(provider, account, now)
  return by_account[account]
end

-- The first provider of a lane's route that has room, unless a later one is faster by FASTER_FACTOR; a last resort
-- only if all are.
local closed = {} -- account and route where no provider has room: within a call none ever gets some
local function provider_for(lane)
  local name, account, route, sound = string.match(lane, '|([^|]*)$'), account_of(lane), {}, false
  local key = account .. '|' .. name
  if closed[key] then return nil end
  for provider in string.gmatch(name, '[^,]+') do
    route[#route + 1] = provider
    sound = sound or not state_at(provider, account).last_resort
  end
  local best
  for _, provider in ipairs(route) do
    local state = state_at(provider, account)
    if state.room > 0 and not (sound and state.last_resort) then
      local cost = best and state_at(best, account).cost
      local faster = cost and state.cost and state.cost * FASTER_FACTOR < cost
      if not best or faster then best = provider end
    end
  end
  closed[key] = not best
  return best
end

-- The lane of this user whose first job should run first, and its provider.
local function best_lane(user)
  local best, where, rank
  for _, lane in ipairs(redis.call('SMEMBERS', keys.lanes .. user)) do
    local provider = provider_for(lane)
    local head = provider and redis.call('ZRANGE', keys.lane .. lane, 0, 0, 'WITHSCORES')
    if head and head[1] and (not rank or tonumber(head[2]) < rank) then
      best, where, rank = lane, provider, tonumber(head[2])
    end
  end
  return best, where
end

-- Slots that a group may still take.
local may = {}
local function allowed(group, owner, name, everybody)
  if may[group] == nil then
    local limit = limit_of(owner, name, everybody)
    may[group] = limit == math.huge and limit or limit - redis.call('SCARD', keys.held .. group)
  end
  return may[group] > 0
end

-- Serve the first in a turn that can be served, or with `all` everyone in the examined part of it. Half of the part
-- are the first in the turn; the other half moves on from call to call, so that many who cannot run hide the others
-- for a short time only. Those who cannot run keep their place, and are the next once they can.
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
        further[turn] = math.max(size, tonumber(redis.call('HGET', keys.SCANNED, turn) or '0'))
        local length = redis.call('ZCARD', turn)
        if further[turn] >= length then further[turn] = size end
        if length > size then redis.call('HSET', keys.SCANNED, turn, further[turn] + size) end
      end
      names = redis.call('ZRANGE', turn, further[turn], further[turn] + size - 1)
    end
  end
  return served
end

-- Move an owner or user who was served to the end of the turn.
local function to_the_end(turn, name, tick)
  redis.call('ZADD', turn, tick, name)
  redis.call('ZADD', keys.SERVED, tick, turn .. '|' .. name)
end

local sent = {}
local function serve(owner, user)
  if user ~= owner and not allowed(user, owner, Limits.user_running, ARGV[4]) then return false end
  local lane, provider = best_lane(user)
  if not lane then return false end
  local id = redis.call('ZRANGE', keys.lane .. lane, 0, 0)[1]
  local tick = redis.call('INCR', keys.TICK)
  to_the_end(keys.TURN, owner, tick)
  to_the_end(keys.turn .. owner, user, tick)
  delist(id, owner, user, lane)
  local account = account_of(lane)
  local state = state_at(provider, account)
  occupy(provider, account, id, state, now)
  -- Other accounts share its slots: for them its state is read again.
  states[provider] = {[account] = state}
  redis.call('ZADD', keys.SENT, now, id)
  redis.call('HSET', keys.job .. id, 'provider', provider)
  for _, group in ipairs(groups(owner, user)) do
    redis.call('SADD', keys.held .. group, id)
    may[group] = may[group] and may[group] - 1
  end
  free = free - 1
  sent[#sent + 1] = id
  return true
end

local looks = tonumber(ARGV[2])
local owners = math.min(redis.call('ZCARD', keys.TURN), math.floor(looks / 4))
local function serve_owner(owner)
  if not allowed(owner, owner, Limits.running, ARGV[3]) then return false end
  return visit(keys.turn .. owner, looks / owners, function(user) return serve(owner, user) end, false) > 0
end
while free > 0 and visit(keys.TURN, looks / 4, serve_owner, true) > 0 do end
redis.call('ZREMRANGEBYRANK', keys.SERVED, 0, -1 - SERVED_KEPT)
return sent
