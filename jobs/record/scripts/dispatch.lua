-- With turns.lua, push.lua, serving.lua.
-- Send queued jobs to workers: as many as there are free slots, owners in turn and the users of each in turn. A job is
-- sent only when a worker can take it at once, so the broker's queue stays short, and a new user's
-- first job never waits behind another's backlog.
--
-- A call looks at the pools whose time has come, takes of their first owners the one that was served longest ago, of
-- its first users likewise, and of the user's lanes the one whose job is first. So its work grows with the jobs that it
-- sends, and not with those that wait (docs/explanation/decisions/0018-dispatch-by-pools.md).
-- ARGV: most jobs to choose, limits for all keys: running, user_running
-- Answers a list of job ids; each is now in dr:sent, holds a slot of its provider, and has its message.
local now = now_ms()
if redis.call('EXISTS', keys.PAUSED) == 1 then return {} end
only_with_room()

-- Parked jobs whose time has come may run.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys.DUE, '-inf', now, 'LIMIT', 0, LOOKED)) do
  redis.call('ZREM', keys.DUE, id)
  attempt(enlist, id)
end

-- Providers that changed: their pools may have room.
for _, provider in ipairs(redis.call('SPOP', keys.STIRRED, LOOKED)) do
  for _, pool in ipairs(redis.call('SMEMBERS', keys.pools .. provider)) do
    redis.call('ZADD', keys.POOLS, 'XX', 0, pool)
  end
end

local function show_again(lane)
  local head = redis.call('ZRANGE', keys.lane .. lane, 0, 0, 'WITHSCORES')
  local f = redis.call('HMGET', keys.job .. head[1], 'owner', 'user')
  end_rest(lane, f[1], f[2])
  show_lane(lane, f[1], f[2], head[2])
end

-- A subject whose jobs may be taken again: some of its lanes are shown, and the others with the next calls.
local function wake_some(rest)
  local resting = keys.resting(string.match(rest, '^([^|]*)|(.*)$'))
  local lanes = redis.call('ZRANGE', resting, 0, LANES_WOKEN - 1)
  redis.call('ZADD', keys.RESTING, now, rest)
  if not lanes[1] then redis.call('ZREM', keys.RESTING, rest) end
  for _, lane in ipairs(lanes) do
    if not attempt(show_again, lane) then redis.call('ZREM', resting, lane) end
  end
end

local subjects = math.floor(LOOKED / LANES_WOKEN)
for _, rest in ipairs(redis.call('ZRANGEBYSCORE', keys.RESTING, '-inf', now, 'LIMIT', 0, subjects)) do
  if not attempt(wake_some, rest) then redis.call('ZREM', keys.RESTING, rest) end
end

local free = math.min(free_slots(), tonumber(ARGV[1]))
if free <= 0 then return {} end

-- The pools that may have room, each with the owner that is first there and its turn; nil: it has none.
local heads = {}
local looked = redis.call('ZRANGEBYSCORE', keys.POOLS, '-inf', now, 'LIMIT', 0, LOOKED)
local function look_at(pool)
  local head = redis.call('ZRANGE', keys.pool_owners .. pool, 0, 0, 'WITHSCORES')
  heads[pool] = head[1] and {owner = head[1], turn = tonumber(head[2])} or nil
end
for _, pool in ipairs(looked) do look_at(pool) end

local function look_again(owner)
  for pool, head in pairs(heads) do
    if head.owner == owner then look_at(pool) end
  end
end

-- Of these pools those that may have room: the first member that `key` gives for one of them.
local function first_of(pools, key)
  local name, least
  for _, pool in ipairs(pools) do
    local head = heads[pool] and redis.call('ZRANGE', key(pool), 0, 0, 'WITHSCORES') or {}
    if head[1] and (not least or tonumber(head[2]) < least) then name, least = head[1], tonumber(head[2]) end
  end
  return name, least
end

-- The owner that was served longest ago, of those that are first in a pool.
local function next_owner()
  local owner, least
  for _, pool in ipairs(looked) do
    local head = heads[pool]
    if head and (not least or head.turn < least) then owner, least = head.owner, head.turn end
  end
  return owner
end

-- Move an owner and its user who are served to the end of their turns.
local function to_the_end(owner, user)
  local tick = count_turn(owner, user)
  redis.call('ZADD', keys.TURN, tick, owner)
  redis.call('ZADD', keys.turn .. owner, tick, user)
  for _, pool in ipairs(redis.call('SMEMBERS', keys.owner_pools .. owner)) do
    redis.call('ZADD', keys.pool_owners .. pool, 'XX', tick, owner)
  end
  for _, pool in ipairs(redis.call('SMEMBERS', keys.user_pools .. user)) do
    redis.call('ZADD', keys.pool_users(pool, owner), 'XX', tick, user)
  end
end

-- No provider of the pool has room: look again when one changes, or its time comes, or in a second.
local function close(pool, account)
  local again = now + CLOSED_MS
  for provider in each_provider(pool) do
    local state, quota = state_at(provider), quota_at(provider, account)
    again = math.min(again, state.opens or again, quota.rests or again, quota.again or again)
  end
  redis.call('ZADD', keys.POOLS, 'XX', again, pool)
  heads[pool] = nil
end

-- Until when a provider takes no jobs of a lane because of whom they belong to; nil: that is no hindrance.
local function refused_until(provider, lane, owner)
  local account, state = account_of(lane), state_at(provider)
  local till, quota = kept_until(state, provider, subject_of(lane, owner), owner, now), quota_at(provider, account)
  if till or account == '' then return till end
  return quota.rests or quota.trial == 'runs' and (quota.again or math.huge) or nil
end

local rested = {}
-- Nobody takes the first job of the lane now: no provider has room of those that take its owner's jobs, if any do.
local function pass_over(lane, owner, user, rank)
  local account, sound, again, left, may_be = account_of(lane), is_sound(lane), now + RESTED_MS, {}, false
  for provider in each_provider(route_of(lane)) do
    local till = refused_until(provider, lane, owner)
    again = math.min(again, till or again)
    if not till then
      left[#left + 1] = provider
      may_be = may_be or not (sound and state_at(provider).last_resort)
    end
  end
  local pool = may_be and pool_for(account, table.concat(left, ',')) or nil
  if pool == pool_of(lane) then return close(pool_of(lane), account) end
  -- A last resort is left, should the others become one too.
  if left[1] and not pool then again = math.min(again, now + CLOSED_MS) end
  rest_lane(lane, owner, user, rank, pool, again)
  -- An owner whose lanes rest costs the others no more than this: then it is their turn.
  rested[owner] = (rested[owner] or 0) + 1
  if rested[owner] % LANES_WOKEN == 0 then to_the_end(owner, user) end
end

-- A job whose record is gone leaves the queue.
local function forget(id, lane, owner, user)
  stop_waiting(id, owner, user)
  redis.call('ZREM', keys.DEADLINE, id)
  delist(id, owner, user, lane)
end

local sent = {}
local function serve(id, lane, owner, user, provider)
  to_the_end(owner, user)
  delist(id, owner, user, lane)
  hand_over(id, owner, user, lane, provider)
  free = free - 1
  sent[#sent + 1] = id
end

local at = {} -- whom a step looks at: user, lane
-- Serve the next job of an owner, or see to it that what cannot be served is not shown.
local function step(owner)
  at = {}
  if not allowed(owner, owner, Limits.running, ARGV[2]) then return fill(owner, owner, now) end
  local pools = redis.call('SMEMBERS', keys.owner_pools .. owner)
  local user = first_of(pools, function(pool) return keys.pool_users(pool, owner) end)
  at.user = user
  if user ~= owner and not allowed(user, owner, Limits.user_running, ARGV[3]) then return fill(owner, user, now) end
  local lane, rank = first_of(redis.call('SMEMBERS', keys.user_pools .. user), function(pool)
    return keys.pool_lanes(pool, user)
  end)
  at.lane = lane
  local provider = provider_for(lane, owner)
  if not provider then return pass_over(lane, owner, user, rank) end
  local id = redis.call('ZRANGE', keys.lane .. lane, 0, 0)[1]
  if redis.call('HGET', keys.job .. id, 'status') ~= Status.QUEUED then return forget(id, lane, owner, user) end
  serve(id, lane, owner, user, provider)
end

local dropped = {}
-- What a step stumbles over costs itself alone: it is not shown, until recheck.lua shows what is right.
local function drop(owner, user, lane)
  if lane and not dropped[lane] then
    dropped[lane] = true
    return hide_lane(lane, owner, user)
  end
  for pool, head in pairs(heads) do
    if user and not dropped[user] then
      hide_user(pool, owner, user)
    elseif head.owner == owner then
      withdraw_owner(pool, owner)
    end
  end
  if user then dropped[user] = true end
end

-- Each look serves one, or ends with one that will not be looked at again soon.
for _ = 1, free + LOOKED do
  local owner = free > 0 and next_owner()
  if not owner then break end
  if not attempt(step, owner) then drop(owner, at.user, at.lane) end
  look_again(owner)
end
-- Where there are more pools than a call looks at, the others come first in the next.
if #looked == LOOKED then
  for pool in pairs(heads) do redis.call('ZADD', keys.POOLS, 'XX', now, pool) end
end
redis.call('ZREMRANGEBYRANK', keys.SERVED, 0, -1 - SERVED_KEPT)
return sent
