-- Shared by the scripts below; put in front of each when it is loaded.
local P = 'dr:'

-- Unix milliseconds by the server's clock, to the microsecond: what is done within one keeps its order.
local function moment()
  local t = redis.call('TIME')
  return t[1] * 1000 + t[2] / 1000
end

local function now_ms()
  return math.floor(moment())
end

-- Whether this is another database than the caller's (jobs/record/identity.py); any is right where it names none.
local function elsewhere(epoch)
  return epoch ~= '' and redis.call('HGET', P .. 'epoch', 'id') ~= epoch
end

-- Into a turn: among the owners (dr:turn), or among the users of one (dr:turn:{owner}).
-- Who was idle comes in just before the one who was served last (in order of arrival), without credit for the time
-- away; who was served since then waits for the others' turn first.
local function enter(turn, name)
  if redis.call('ZSCORE', turn, name) then return end
  local tick = tonumber(redis.call('GET', P .. 'tick') or '0')
  local served = tonumber(redis.call('ZSCORE', P .. 'served', turn .. '|' .. name) or '0')
  local entry = tick - 0.5 + redis.call('ZCARD', turn) * 1e-6
  redis.call('ZADD', turn, math.max(entry, served), name)
end

-- Into its lane: the job may be sent to a worker.
local function enlist(id)
  local f = redis.call('HMGET', P .. 'job:' .. id, 'user', 'lane', 'rank', 'status', 'owner')
  if f[4] ~= 'queued' then return end
  redis.call('ZADD', P .. 'lane:' .. f[2], f[3], id)
  redis.call('SADD', P .. 'lanes:' .. f[1], f[2])
  enter(P .. 'turn:' .. f[5], f[1])
  enter(P .. 'turn', f[5])
end

-- Out of a turn; its mark goes with the last one who stood there.
local function leave(turn, name)
  redis.call('ZREM', turn, name)
  if redis.call('EXISTS', turn) == 0 then redis.call('HDEL', P .. 'look', turn) end
end

-- Out of its lane, wherever that is.
local function delist(id, owner, user, lane)
  redis.call('ZREM', P .. 'lane:' .. lane, id)
  if redis.call('EXISTS', P .. 'lane:' .. lane) == 1 then return end
  redis.call('SREM', P .. 'lanes:' .. user, lane)
  if redis.call('EXISTS', P .. 'lanes:' .. user) == 1 then return end
  local turn = P .. 'turn:' .. owner
  leave(turn, user)
  if redis.call('EXISTS', turn) == 0 then leave(P .. 'turn', owner) end
end

-- Whose jobs are counted together: the owner's, and the end user's where the job names one.
local function parties(owner, user)
  if user == owner then return {owner} end
  return {owner, user}
end

-- What an owner may have at most: as its key says, else as everybody ('' is no limit).
local own = {}
local function limit_of(owner, name, everybody)
  if own[owner] == nil then
    local key = redis.call('HGET', P .. 'keys', owner)
    own[owner] = key and cjson.decode(key).limits or {}
  end
  if own[owner][name] == 'none' then return math.huge end
  return own[owner][name] or tonumber(everybody) or math.huge
end

-- What an earlier sending of the same request made: its fingerprint and id, or nothing.
local function made_before(once)
  if once.key then
    local f = redis.call('HMGET', P .. 'once:' .. once.key, 'print', 'id')
    if f[2] then return f[1], f[2] end
  elseif once.repeated then
    local id = redis.call('GET', P .. 'twin:' .. once.print)
    local status = id and redis.call('HGET', P .. 'job:' .. id, 'status')
    if status == 'queued' or status == 'running' or status == 'succeeded' then return once.print, id end
  end
end

-- Note what this request made, for when it is sent again.
local function remember(once, id)
  if once.key then
    redis.call('HSET', P .. 'once:' .. once.key, 'print', once.print, 'id', id)
    redis.call('EXPIRE', P .. 'once:' .. once.key, once.key_seconds)
  else
    redis.call('SET', P .. 'twin:' .. once.print, id, 'EX', once.repeat_seconds)
  end
end

-- Put a webhook delivery among those that are due at a time.
local function post(owner, host, member, at)
  redis.call('ZADD', P .. 'hookdue:' .. owner .. '/' .. host, at, member)
  redis.call('ZADD', P .. 'hookhosts:' .. owner, 'LT', at, host)
  redis.call('ZADD', P .. 'hookowners', 'LT', at, owner)
end

-- The lowest score of a sorted set; nothing where it is empty.
local function first(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

-- Give back what the job holds: the slots of its provider and of its hedge's, of its owner and of its end user.
local function release(id, provider, owner, user)
  if not provider then return end
  redis.call('SREM', P .. 'busy:' .. provider, id)
  for _, party in ipairs(parties(owner, user)) do redis.call('SREM', P .. 'held:' .. party, id) end
  local hedge = redis.call('HGET', P .. 'job:' .. id, 'hedge')
  if hedge then
    redis.call('SREM', P .. 'busy:' .. hedge, id)
    redis.call('HDEL', P .. 'job:' .. id, 'hedge')
  end
end

-- Whose quota the jobs of a lane use: that of credentials of their own, or '' for this installation's.
-- A lane is "user|provider,provider,…", with the account between where there is one.
local function account_of(lane)
  return string.match(lane, '|([^|]*)|[^|]*$') or ''
end

-- Where it is kept what is known of a quota: whether it rests, and whether it was seen to work.
local function quota_key(provider, account)
  if account == '' then return P .. 'provider:' .. provider end
  return P .. 'account:' .. account .. '/' .. provider
end

-- Accounts come and go: what is known of one goes when it must be stale.
local function forget_later(provider, account)
  if account ~= '' then redis.call('EXPIRE', quota_key(provider, account), 2 * 86400) end
end

-- What a provider has room for that has to show that it works before it gets more than one job: after a rest, and
-- where it may have a quota and nobody has asked lately. Without that, every free slot would find the same quota used
-- up. While its scout is on the way there is no room; but where nothing was ever refused, only so long (wary, ms).
-- Answers the room, and whether who takes it is the scout.
local function proven_room(provider, quota, wary, room, now)
  local rested, works = quota[1], tonumber(quota[2] or '')
  if not rested and not wary or works and works > now then return room, false end
  if quota[3] and redis.call('SISMEMBER', P .. 'busy:' .. provider, quota[3]) == 1 then
    return not rested and quota[4] + wary <= now and room or 0, false
  end
  return math.min(room, 1), true
end

-- How a provider stands for an account: room (free slots), cost (expected seconds), shun (a last resort only), doubtful (its circuit
-- was opened, and nothing has succeeded since), scouted (it gets one job first).
local function look_at(provider, account, now)
  local p = redis.call('HMGET', P .. 'provider:' .. provider, 'limit', 'paused', 'wary', 'open', 'cost', 'shun', 'cap')
  local quota = redis.call('HMGET', quota_key(provider, account), 'until', 'works', 'scout', 'scouted')
  local open = tonumber(p[4] or '')
  local found = {room = 0, cost = tonumber(p[5] or ''), shun = p[6] == '1', doubtful = open ~= nil, scouted = false}
  -- Where nobody has said yet which there are, any will do.
  local closed = redis.call('SISMEMBER', P .. 'providers', provider) == 0 and redis.call('EXISTS', P .. 'providers') == 1
  if closed or p[2] == '1' or (quota[1] and tonumber(quota[1]) > now) or (open and open > now) then return found end
  local limit = tonumber(p[7] or '') or tonumber(p[1] or '') or math.huge
  -- A circuit that was open lets one job through, to see.
  if open then limit = math.min(limit, 1) end
  local room = limit == math.huge and limit or limit - redis.call('SCARD', P .. 'busy:' .. provider)
  found.room, found.scouted = proven_room(provider, quota, tonumber(p[3] or ''), room, now)
  return found
end

-- Take one of the provider's slots for the job; `found` is how the provider stands for the account.
local function occupy(provider, account, id, found, now)
  redis.call('SADD', P .. 'busy:' .. provider, id)
  found.room = found.room - 1
  if found.scouted then
    found.scouted = false
    redis.call('HSET', quota_key(provider, account), 'scout', id, 'scouted', now)
    forget_later(provider, account)
  end
end

-- Among those that wait, by the time of their creation.
local function wait(id, created, owner, user)
  redis.call('ZADD', P .. 'queued', created, id)
  for _, party in ipairs(parties(owner, user)) do redis.call('ZADD', P .. 'waiting:' .. party, created, id) end
end

-- Out of them.
local function stop_waiting(id, owner, user)
  redis.call('ZREM', P .. 'queued', id)
  for _, party in ipairs(parties(owner, user)) do redis.call('ZREM', P .. 'waiting:' .. party, id) end
end

-- Whether so many more jobs would be more than may wait: {'full', name of the limit, limit}.
-- users: jobs by whose they are; most: the limits for everybody, queued and user_queued.
local function too_many(owner, jobs, users, most)
  local limit = limit_of(owner, 'queued', most.queued)
  if redis.call('ZCARD', P .. 'waiting:' .. owner) + jobs > limit then return {'full', 'queued', limit} end
  limit = limit_of(owner, 'user_queued', most.user_queued)
  for user, count in pairs(users) do
    if user ~= owner and redis.call('ZCARD', P .. 'waiting:' .. user) + count > limit then
      return {'full', 'user_queued', limit}
    end
  end
end
