-- Shared by all scripts: jobs/record/scripts.py puts it in front of each, and in front of it what Python declares.

-- Unix milliseconds by the server's clock, with microseconds: calls within one millisecond keep their order.
local function moment()
  local t = redis.call('TIME')
  return t[1] * 1000 + t[2] / 1000
end

local function now_ms()
  return math.floor(moment())
end

-- Whether this is another database than the caller's (jobs/record/identity.py); '': any database is right.
local function elsewhere(epoch)
  return epoch ~= '' and redis.call('HGET', keys.IDENTITY, 'id') ~= epoch
end

-- Status, fence and the named fields of a job, while the attempt with this fence runs it; nil: its lease is lost.
local function leased(id, fence, ...)
  local f = redis.call('HMGET', keys.job .. id, 'status', 'fence', ...)
  if f[1] == Status.RUNNING and f[2] == fence then return f end
end

-- Enter a turn: among the owners (dr:turn), or among the users of one (dr:turn:{owner}). One that was idle enters just
-- before the one that was served last, in order of arrival, without credit for the idle time. One that was served
-- lately waits for the others first.
local function enter(turn, name)
  if redis.call('ZSCORE', turn, name) then return end
  local tick = tonumber(redis.call('GET', keys.TICK) or '0')
  local served = tonumber(redis.call('ZSCORE', keys.SERVED, turn .. '|' .. name) or '0')
  local entry = tick - 0.5 + redis.call('ZCARD', turn) * 1e-6
  redis.call('ZADD', turn, math.max(entry, served), name)
end

-- Enter its lane: from now on the job may be sent to a worker.
local function enlist(id)
  local f = redis.call('HMGET', keys.job .. id, 'user', 'lane', 'rank', 'status', 'owner')
  if f[4] ~= Status.QUEUED then return end
  redis.call('ZADD', keys.lane .. f[2], f[3], id)
  redis.call('SADD', keys.lanes .. f[1], f[2])
  enter(keys.turn .. f[5], f[1])
  enter(keys.TURN, f[5])
end

-- Leave a turn; with the last one goes the place from which to look further.
local function leave(turn, name)
  redis.call('ZREM', turn, name)
  if redis.call('EXISTS', turn) == 0 then redis.call('HDEL', keys.SCANNED, turn) end
end

-- Leave its lane, and the turns that become empty.
local function delist(id, owner, user, lane)
  redis.call('ZREM', keys.lane .. lane, id)
  if redis.call('EXISTS', keys.lane .. lane) == 1 then return end
  redis.call('SREM', keys.lanes .. user, lane)
  if redis.call('EXISTS', keys.lanes .. user) == 1 then return end
  local turn = keys.turn .. owner
  leave(turn, user)
  if redis.call('EXISTS', turn) == 0 then leave(keys.TURN, owner) end
end

-- The groups whose limits hold for a job: its owner's, and its end user's if it names one.
local function groups(owner, user)
  if user == owner then return {owner} end
  return {owner, user}
end

-- A limit of an owner: its key's own, else the one for all keys ('': unlimited).
local own = {}
local function limit_of(owner, name, everybody)
  if own[owner] == nil then
    local key = redis.call('HGET', keys.API_KEYS, owner)
    own[owner] = key and cjson.decode(key).limits or {}
  end
  if own[owner][name] == 'none' then return math.huge end
  return own[owner][name] or tonumber(everybody) or math.huge
end

-- Fingerprint and id of what an earlier sending of the same request made, or nothing.
local function made_before(once)
  if once.key then
    local f = redis.call('HMGET', keys.once .. once.key, 'print', 'id')
    if f[2] then return f[1], f[2] end
  elseif once.repeated then
    local id = redis.call('GET', keys.twin .. once.print)
    local status = id and redis.call('HGET', keys.job .. id, 'status')
    if status and not unsuccessful[status] then return once.print, id end
  end
end

-- Remember what this request made, in case it is sent again.
local function remember(once, id)
  if once.key then
    redis.call('HSET', keys.once .. once.key, 'print', once.print, 'id', id)
    redis.call('EXPIRE', keys.once .. once.key, KEY_SECONDS)
  else
    redis.call('SET', keys.twin .. once.print, id, 'EX', REPEAT_SECONDS)
  end
end

-- Let a webhook delivery be due at a time.
local function post(owner, host, member, at)
  redis.call('ZADD', keys.hooks_due(owner, host), at, member)
  redis.call('ZADD', keys.hook_hosts .. owner, 'LT', at, host)
  redis.call('ZADD', keys.HOOK_OWNERS, 'LT', at, owner)
end

-- The lowest score of a sorted set; nil: it is empty.
local function first(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

-- Give back the slots that the job holds: of its provider and of its hedge's, of its owner and of its end user.
local function release(id, provider, owner, user)
  if not provider then return end
  redis.call('SREM', keys.busy .. provider, id)
  for _, group in ipairs(groups(owner, user)) do redis.call('SREM', keys.held .. group, id) end
  local hedge = redis.call('HGET', keys.job .. id, 'hedge')
  if hedge then
    redis.call('SREM', keys.busy .. hedge, id)
    redis.call('HDEL', keys.job .. id, 'hedge')
  end
end

-- The account whose quota the jobs of a lane use: a hash of their own credentials, or '' for this installation's.
-- A lane is "user|provider,provider,…", or "user|account|provider,provider,…".
local function account_of(lane)
  return string.match(lane, '|([^|]*)|[^|]*$') or ''
end

-- The hash with the state of a quota: until when it rests, and until when it is believed to work.
local function quota_key(provider, account)
  if account == '' then return keys.provider .. provider end
  return keys.account(account, provider)
end

-- Accounts come and go: the state of one is kept only while it can matter.
local function forget_later(provider, account)
  if account ~= '' then redis.call('EXPIRE', quota_key(provider, account), ACCOUNT_SECONDS) end
end

-- A provider gets one job first, on trial, after a rest, and where it may have a quota and got no job lately
-- (`trial_ms`). Without that, every free slot would find the same quota used up. While the trial job runs the others
-- wait; where nothing was ever refused, only for trial_ms. quota: until, works, scout, scouted.
-- Answers nil: it is believed to work; 'due': the next job is on trial; 'runs': a job is.
local function trial_of(provider, quota, trial_ms, now)
  local rested, works = quota[1], tonumber(quota[2] or '')
  if not rested and not trial_ms or works and works > now then return nil end
  local there = quota[3] and redis.call('SISMEMBER', keys.busy .. provider, quota[3]) == 1
  if not there then return 'due' end
  if rested or quota[4] + trial_ms > now then return 'runs' end
end

-- The state of a quota: until, works, scout, scouted, reason.
local function quota_of(provider, account)
  return redis.call('HMGET', quota_key(provider, account), 'until', 'works', 'scout', 'scouted', 'reason')
end

-- The state of a provider for an account: room (free slots), cost (expected seconds), last_resort (to be asked only
-- where no other is left), doubtful (its circuit was opened, and nothing has succeeded since), trial (as trial_of).
local function state_of(provider, account, now)
  local p = redis.call('HMGET', keys.provider .. provider, 'limit', 'paused', 'wary', 'open', 'cost', 'shun', 'cap')
  local quota, open = quota_of(provider, account), tonumber(p[4] or '')
  local found = {room = 0, cost = tonumber(p[5] or ''), last_resort = p[6] == '1', doubtful = open ~= nil}
  -- Before the first announcement of providers any will do.
  local absent = redis.call('SISMEMBER', keys.PROVIDERS, provider) == 0 and redis.call('EXISTS', keys.PROVIDERS) == 1
  if absent or p[2] == '1' or (quota[1] and tonumber(quota[1]) > now) or (open and open > now) then return found end
  local limit = tonumber(p[7] or '') or tonumber(p[1] or '') or math.huge
  -- A circuit that was open lets one job through, as a probe.
  if open then limit = math.min(limit, 1) end
  found.room = limit == math.huge and limit or limit - redis.call('SCARD', keys.busy .. provider)
  found.trial = trial_of(provider, quota, tonumber(p[3] or ''), now)
  if found.trial == 'due' then found.room = math.min(found.room, 1) end
  if found.trial == 'runs' then found.room = 0 end
  return found
end

-- Take one of the provider's slots for the job; `state` is the provider's for the account.
local function occupy(provider, account, id, state, now)
  redis.call('SADD', keys.busy .. provider, id)
  state.room = state.room - 1
  if state.trial == 'due' then
    state.trial = nil
    redis.call('HSET', quota_key(provider, account), 'scout', id, 'scouted', now)
    forget_later(provider, account)
  end
end

-- Put a job among those that wait, by the time of its creation.
local function wait(id, created, owner, user)
  redis.call('ZADD', keys.QUEUED, created, id)
  for _, group in ipairs(groups(owner, user)) do redis.call('ZADD', keys.waiting .. group, created, id) end
end

-- Take a job out of those that wait.
local function stop_waiting(id, owner, user)
  redis.call('ZREM', keys.QUEUED, id)
  for _, group in ipairs(groups(owner, user)) do redis.call('ZREM', keys.waiting .. group, id) end
end

-- {'full', name of the limit, limit} if `jobs` more jobs would exceed a limit of waiting jobs, else nil.
-- users: how many of them are whose; most: the limits for all keys, queued and user_queued.
local function too_many(owner, jobs, users, most)
  local limit = limit_of(owner, Limits.queued, most.queued)
  if redis.call('ZCARD', keys.waiting .. owner) + jobs > limit then return {'full', Limits.queued, limit} end
  limit = limit_of(owner, Limits.user_queued, most.user_queued)
  for user, count in pairs(users) do
    if user ~= owner and redis.call('ZCARD', keys.waiting .. user) + count > limit then
      return {'full', Limits.user_queued, limit}
    end
  end
end
