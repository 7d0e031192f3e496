-- Serving a job: whether a slot is free for it, which provider it gets, and what is written when it is sent. What was read
-- is kept for the rest of the script.
local now = now_ms()

local free_now
-- Free slots of live workers.
local function free_slots()
  if free_now then return free_now end
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', keys.WORKERS, '-inf', now)) do
    redis.call('ZREM', keys.WORKERS, worker)
    redis.call('HDEL', keys.SLOTS, worker)
  end
  free_now = 0
  for _, slots in ipairs(redis.call('HVALS', keys.SLOTS)) do free_now = free_now + (tonumber(slots) or 0) end
  free_now = free_now - redis.call('ZCARD', keys.RUNNING) - redis.call('ZCARD', keys.SENT)
  return free_now
end

local states = {} -- provider → its state
local function state_at(provider)
  states[provider] = states[provider] or state_of(provider, now)
  return states[provider]
end

local quotas = {} -- provider and account → its allowance
local function quota_at(provider, account)
  local name = provider .. '|' .. account
  quotas[name] = quotas[name] or allowance(provider, account, state_at(provider), now)
  return quotas[name]
end

-- Whether a provider of a lane's route is no last resort.
local function is_sound(lane)
  for provider in each_provider(route_of(lane)) do
    if not state_at(provider).last_resort then return true end
  end
end

-- The first provider of a lane's route that has room, unless a later one is faster by FASTER_FACTOR; a last resort
-- only if all are.
local function provider_for(lane, owner)
  local account, subject, sound, best = account_of(lane), subject_of(lane, owner), is_sound(lane), nil
  for provider in each_provider(route_of(lane)) do
    local state = state_at(provider)
    local has_room = room_for(state, quota_at(provider, account)) > 0 and not (sound and state.last_resort)
    if has_room and not kept_until(state, provider, subject, owner, now) then
      local cost = best and state_at(best).cost
      local faster = cost and state.cost and state.cost * FASTER_FACTOR < cost
      if not best or faster then best = provider end
    end
  end
  return best
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

-- An owner and its user are served. Answers the number of this turn.
local function count_turn(owner, user)
  local tick = redis.call('INCR', keys.TICK)
  redis.call('ZADD', keys.SERVED, tick, keys.TURN .. '|' .. owner, tick, keys.turn .. owner .. '|' .. user)
  return tick
end

-- Give the job its slots, and send it to a worker.
local function hand_over(id, owner, user, lane, provider)
  local account = account_of(lane)
  occupy(provider, account, id, state_at(provider), quota_at(provider, account), now)
  redis.call('ZADD', keys.SENT, now, id)
  redis.call('HSET', keys.job .. id, 'provider', provider)
  for _, group in ipairs(groups(owner, user)) do
    redis.call('SADD', keys.held .. group, id)
    may[group] = may[group] and may[group] - 1
    if may[group] == 0 then fill(owner, group, now) end
  end
  push(id)
end
