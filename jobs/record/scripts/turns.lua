-- The jobs that may run now, in the order in which dispatch.lua takes them.
--
-- A job stands in a lane: jobs of one user, with one route and one account. Owners take turns (dr:turn), and the users
-- of an owner (dr:turn:{owner}), as long as they have lanes. Beside that, a *pool* shows who can be served by the same
-- slots: the lanes with one route, those of this installation's account apart from those with accounts of their own.
-- Who cannot be served is not shown, so that dispatch.lua never has to look past anybody:
--   * an owner or a user at its limit (dr:full) is shown again when one of its jobs gives back its slot;
--   * a lane whose jobs some providers do not take because of whom they belong to (dr:resting: their own account is used
--     up, or the circuit is open for their owner) is shown in the pool of the others (dr:narrowed), if there are any,
--     until that is over;
--   * a pool without room is looked at again when one of its providers changes (dr:stirred), or at a time.

-- Do it; false: it failed over a record that is not as it should be. The other records do not wait for it.
local function attempt(act, ...)
  local done, fault = pcall(act, ...)
  if not done then redis.log(redis.LOG_WARNING, 'darkroom: ' .. tostring(type(fault) == 'table' and fault.err or fault)) end
  return done
end

-- A lane is "user|provider,provider,…", or "user|account|provider,provider,…".
local function route_of(lane)
  return string.match(lane, '|([^|]*)$')
end

local function pool_for(account, route)
  return account == '' and route or '+' .. route
end

-- The pool where a lane is shown.
local function pool_of(lane)
  return redis.call('HGET', keys.NARROWED, lane) or pool_for(account_of(lane), route_of(lane))
end

-- The providers of a route, or of a pool.
local function each_provider(route)
  return string.gmatch(route, '[^,+]+')
end

-- Enter a turn: among the owners (dr:turn), or among the users of one (dr:turn:{owner}). One that was idle enters just
-- before the one that was served last, in order of arrival, without credit for the idle time. One that was served
-- lately waits for the others first. Answers its place.
local function enter(turn, name)
  local place = redis.call('ZSCORE', turn, name)
  if place then return place end
  local tick = tonumber(redis.call('GET', keys.TICK) or '0')
  local served = tonumber(redis.call('ZSCORE', keys.SERVED, turn .. '|' .. name) or '-1')
  local arrival = redis.call('INCR', keys.ARRIVALS) % 1e6 * 4e-7
  redis.call('ZADD', turn, math.max(tick - 0.5 + arrival, served), name)
  return redis.call('ZSCORE', turn, name)
end

-- Whether an owner, or one of its users, was found at its limit.
local function is_full(owner, group)
  return redis.call('SISMEMBER', keys.full .. owner, group) == 1
end

local function show_owner(pool, owner)
  redis.call('SADD', keys.owner_pools .. owner, pool)
  if is_full(owner, owner) then return end
  redis.call('ZADD', keys.pool_owners .. pool, enter(keys.TURN, owner), owner)
  if redis.call('ZADD', keys.POOLS, 'NX', 0, pool) == 0 then return end
  for provider in each_provider(pool) do redis.call('SADD', keys.pools .. provider, pool) end
end

local function show_user(pool, owner, user)
  if user ~= owner and is_full(owner, user) then return end
  redis.call('ZADD', keys.pool_users(pool, owner), enter(keys.turn .. owner, user), user)
  show_owner(pool, owner)
end

-- Show a lane whose first job has this rank.
local function show_lane(lane, owner, user, rank)
  local pool = pool_of(lane)
  redis.call('ZADD', keys.pool_lanes(pool, user), rank, lane)
  redis.call('SADD', keys.user_pools .. user, pool)
  show_user(pool, owner, user)
end

-- No longer show an owner; it stays among those of the pool.
local function withdraw_owner(pool, owner)
  redis.call('ZREM', keys.pool_owners .. pool, owner)
  if redis.call('EXISTS', keys.pool_owners .. pool) == 1 then return end
  redis.call('ZREM', keys.POOLS, pool)
  for provider in each_provider(pool) do redis.call('SREM', keys.pools .. provider, pool) end
end

local function hide_user(pool, owner, user)
  redis.call('ZREM', keys.pool_users(pool, owner), user)
  if redis.call('EXISTS', keys.pool_users(pool, owner)) == 1 then return end
  redis.call('SREM', keys.owner_pools .. owner, pool)
  withdraw_owner(pool, owner)
end

-- No longer show a lane.
local function hide_lane(lane, owner, user)
  local pool = pool_of(lane)
  if redis.call('ZREM', keys.pool_lanes(pool, user), lane) == 0 then return end
  if redis.call('EXISTS', keys.pool_lanes(pool, user)) == 0 then
    redis.call('SREM', keys.user_pools .. user, pool)
    hide_user(pool, owner, user)
  end
end

-- An owner, or one of its users, is at its limit.
local function fill(owner, group, now)
  redis.call('SADD', keys.full .. owner, group)
  redis.call('ZADD', keys.FULL, now, owner)
  if group == owner then
    for _, pool in ipairs(redis.call('SMEMBERS', keys.owner_pools .. owner)) do withdraw_owner(pool, owner) end
  else
    for _, pool in ipairs(redis.call('SMEMBERS', keys.user_pools .. group)) do hide_user(pool, owner, group) end
  end
end

-- It may be below its limit again.
local function unfill(owner, group)
  if redis.call('SREM', keys.full .. owner, group) == 0 then return end
  if redis.call('EXISTS', keys.full .. owner) == 0 then redis.call('ZREM', keys.FULL, owner) end
  if group == owner then
    for _, pool in ipairs(redis.call('SMEMBERS', keys.owner_pools .. owner)) do show_owner(pool, owner) end
  else
    for _, pool in ipairs(redis.call('SMEMBERS', keys.user_pools .. group)) do show_user(pool, owner, group) end
  end
end

-- Providers do not take a lane's jobs because of whom they belong to. `pool`: of those that do; nil: there are none.
local function narrow_lane(lane, owner, user, rank, pool)
  redis.call('ZADD', keys.resting(subject_of(lane, owner), route_of(lane)), rank, lane)
  if not pool then return end
  redis.call('HSET', keys.NARROWED, lane, pool)
  show_lane(lane, owner, user, rank)
end

-- Likewise; `again`: when to look again (ms).
local function rest_lane(lane, owner, user, rank, pool, again)
  local subject, route = subject_of(lane, owner), route_of(lane)
  hide_lane(lane, owner, user)
  redis.call('HDEL', keys.NARROWED, lane)
  redis.call('ZADD', keys.RESTING, again, subject .. '|' .. route)
  redis.call('SADD', keys.rests .. subject, route)
  narrow_lane(lane, owner, user, rank, pool)
end

-- A lane leaves those that rest, and is not shown.
local function end_rest(lane, owner, user)
  local subject, route = subject_of(lane, owner), route_of(lane)
  hide_lane(lane, owner, user)
  if redis.call('ZREM', keys.resting(subject, route), lane) == 0 then return end
  redis.call('HDEL', keys.NARROWED, lane)
  if redis.call('EXISTS', keys.resting(subject, route)) == 1 then return end
  redis.call('ZREM', keys.RESTING, subject .. '|' .. route)
  redis.call('SREM', keys.rests .. subject, route)
end

-- Look again at the lanes of a subject that rest.
local function wake(subject)
  for _, route in ipairs(redis.call('SMEMBERS', keys.rests .. subject)) do
    redis.call('ZADD', keys.RESTING, 'XX', 0, subject .. '|' .. route)
  end
end

-- A provider works: other jobs may follow. Answers false where the attempt began (since, ms) before the end of a rest:
-- then it proves nothing.
local function show_life(provider, account, since)
  local key = quota_key(provider, account)
  if tonumber(redis.call('HGET', key, 'until') or '0') > tonumber(since) then return false end
  redis.call('HDEL', key, 'until', 'reason', 'scout', 'scouted')
  redis.call('HSET', key, 'works', now_ms() + PROOF_SECONDS * 1000)
  forget_later(provider, account)
  redis.call('SADD', keys.STIRRED, provider)
  wake(account)
  return true
end

-- The first job of a lane is another, with this rank.
local function rank_lane(lane, owner, user, rank)
  if redis.call('ZADD', keys.pool_lanes(pool_of(lane), user), 'XX', 'CH', rank, lane) == 1 then return end
  redis.call('ZADD', keys.resting(subject_of(lane, owner), route_of(lane)), 'XX', rank, lane)
end

-- Enter its lane: from now on the job may be sent to a worker.
local function enter_lane(id, lane, rank, owner, user)
  redis.call('ZADD', keys.lane .. lane, rank, id)
  if redis.call('SADD', keys.lanes .. user, lane) == 0 then
    if redis.call('ZRANGE', keys.lane .. lane, 0, 0)[1] == id then rank_lane(lane, owner, user, rank) end
    return
  end
  enter(keys.turn .. owner, user)
  enter(keys.TURN, owner)
  local account, route = account_of(lane), route_of(lane)
  -- It fares as the account's other lanes do.
  local other = account ~= '' and redis.call('ZRANGE', keys.resting(account, route), 0, 0)[1]
  if other then
    narrow_lane(lane, owner, user, rank, redis.call('HGET', keys.NARROWED, other))
  else
    show_lane(lane, owner, user, rank)
  end
end

-- Likewise a job that waited for its time.
local function enlist(id)
  local f = redis.call('HMGET', keys.job .. id, 'status', 'lane', 'rank', 'owner', 'user')
  if f[1] == Status.QUEUED then enter_lane(id, unpack(f, 2)) end
end

-- Leave its lane, and the turns that become empty.
local function delist(id, owner, user, lane)
  redis.call('ZREM', keys.lane .. lane, id)
  local head = redis.call('ZRANGE', keys.lane .. lane, 0, 0, 'WITHSCORES')
  if head[1] then return rank_lane(lane, owner, user, head[2]) end
  redis.call('SREM', keys.lanes .. user, lane)
  end_rest(lane, owner, user)
  if redis.call('EXISTS', keys.lanes .. user) == 1 then return end
  redis.call('ZREM', keys.turn .. owner, user)
  if redis.call('EXISTS', keys.turn .. owner) == 0 then redis.call('ZREM', keys.TURN, owner) end
end

-- Give back a slot of a provider.
local function vacate(provider, id)
  redis.call('SREM', keys.busy .. provider, id)
  redis.call('SADD', keys.STIRRED, provider)
end

-- Give back the slots that the job holds: of its provider and of its hedge's, of its owner and of its end user.
local function release(id, provider, owner, user, lane, hedge)
  if not provider then return end
  vacate(provider, id)
  for _, group in ipairs(groups(owner, user)) do
    redis.call('SREM', keys.held .. group, id)
    unfill(owner, group)
  end
  wake(subject_of(lane, owner))
  if hedge then
    vacate(hedge, id)
    redis.call('HDEL', keys.job .. id, 'hedge')
  end
end
