-- Shared by all scripts: jobs/record/script_loader.py puts it in front of each, and in front of it what Python declares.

local read_at
-- Unix milliseconds by the server's clock, with microseconds: calls within one millisecond keep their order. All of a
-- script happens in one moment.
local function moment()
  if not read_at then
    local t = redis.call('TIME')
    read_at = t[1] * 1000 + t[2] / 1000
  end
  return read_at
end

local function now_ms()
  return math.floor(moment())
end

-- Whether this is another database than the caller's (jobs/record/identity.py); '': any database is right.
local function elsewhere(epoch)
  return epoch ~= '' and redis.call('HGET', keys.IDENTITY, 'id') ~= epoch
end

-- Let all that follows be written although the server's memory is full. Such a server refuses a script's first write if
-- it may take memory, and takes every write after one that cannot (Redis 6.2 to 8 and Valkey, measured). Only for what
-- frees memory, or takes little and must go on: what was accepted comes to its end.
local function although_full()
  redis.call('DEL', keys.PROBE)
end

-- Status, fence and the named fields of a job, while the attempt with this fence runs it; nil: its lease is lost.
local function leased(id, fence, ...)
  local f = redis.call('HMGET', keys.job .. id, 'status', 'fence', ...)
  if f[1] == Status.RUNNING and f[2] == fence then return f end
end

-- The groups whose limits hold for a job: its owner's, and its end user's if it names one.
local function groups(owner, user)
  if user == owner then return {owner} end
  return {owner, user}
end

-- An object in JSON; one that cannot be read is empty, and the log says so: others must not pay for it.
local function decoded(text)
  local done, found = pcall(cjson.decode, text)
  if done and type(found) == 'table' then return found end
  redis.log(redis.LOG_WARNING, 'darkroom: a record cannot be read')
  return {}
end

-- A limit of an owner: its key's own, else the one for all keys ('': unlimited).
local own = {}
local function limit_of(owner, name, everybody)
  if own[owner] == nil then
    local key = redis.call('HGET', keys.API_KEYS, owner)
    local limits = key and decoded(key).limits
    own[owner] = type(limits) == 'table' and limits or {}
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
    for _, mark in ipairs({once.print, unpack(once.older or {})}) do
      local id = redis.call('GET', keys.twin .. mark)
      local status = id and redis.call('HGET', keys.job .. id, 'status')
      if status and not unsuccessful[status] then return mark, id end
    end
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
  if once.server then
    redis.call('HSET', keys.unanswered .. once.print, id, once.server)
    redis.call('EXPIRE', keys.unanswered .. once.print, REPEAT_SECONDS)
  end
end

-- Deliveries came or went that are due or being made.
local function count_pending(more)
  if more ~= 0 and redis.call('EXISTS', keys.HOOKS_PENDING) == 1 then redis.call('INCRBY', keys.HOOKS_PENDING, more) end
end

-- Let a webhook delivery be due at a time.
local function post(owner, host, member, at)
  count_pending(redis.call('ZADD', keys.hooks_due(owner, host), at, member))
  redis.call('ZADD', keys.hook_hosts .. owner, 'LT', at, host)
  redis.call('ZADD', keys.HOOK_OWNERS, 'LT', at, owner)
end

-- The tombstone of a deleted job, by its time and its field (jobs/record/tombstones.py); nil: there is none.
local function tombstone_of(time, field)
  local number = 0
  repeat
    local stones = keys.tombstones(time, number)
    local found = redis.call('HGET', stones, field)
    if found then return found end
    number = number + 1
  until redis.call('EXISTS', stones) == 0
end

-- The lowest score of a sorted set; nil: it is empty.
local function first(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

-- The account whose quota the jobs of a lane use: a hash of their own credentials, or '' for this installation's.
-- A lane is "user|provider,provider,…", or "user|account|provider,provider,…".
local function account_of(lane)
  return string.match(lane, '|([^|]*)|[^|]*$') or ''
end

-- Who answers for the jobs of a lane: the account of their own credentials, else their owner.
local function subject_of(lane, owner)
  local account = account_of(lane)
  return account == '' and '@' .. owner or account
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

-- The fields of a quota.
local quota_fields = {'until', 'works', 'scout', 'scouted', 'reason'}

-- The state of a quota: until, works, scout, scouted, reason.
local function quota_of(provider, account)
  return redis.call('HMGET', quota_key(provider, account), unpack(quota_fields))
end

-- The state of a provider, for jobs of all accounts: room (free slots), cost (expected seconds), last_resort (to be
-- asked only where no other is left), doubtful (its circuit was opened, and nothing has succeeded since), wary (ms for
-- which others wait for a trial job, where nothing was refused), opens (when its circuit lets a job through, if later),
-- shut (the subjects for whose jobs alone its circuit was opened, and when it lets one through), quota (the state of
-- this installation's, which is in the same hash).
local function state_of(provider, now)
  local p = redis.call('HMGET', keys.provider .. provider,
    'limit', 'paused', 'wary', 'open', 'cost', 'shun', 'cap', 'shut', unpack(quota_fields))
  local open = tonumber(p[4] or '')
  local found = {
    room = 0, cost = tonumber(p[5] or ''), last_resort = p[6] == '1', doubtful = open ~= nil, wary = tonumber(p[3] or ''),
    quota = {unpack(p, 9)},
  }
  if open and open > now then found.opens = open end
  if p[8] and p[8] ~= '' then found.shut = decoded(p[8]) end
  -- Before the first announcement of providers any will do.
  local absent = redis.call('SISMEMBER', keys.PROVIDERS, provider) == 0 and redis.call('EXISTS', keys.PROVIDERS) == 1
  if absent or p[2] == '1' or found.opens then return found end
  local limit = tonumber(p[7] or '') or tonumber(p[1] or '') or math.huge
  -- A circuit that was open lets one job through, as a probe.
  if open then limit = math.min(limit, 1) end
  found.room = limit == math.huge and limit or limit - redis.call('SCARD', keys.busy .. provider)
  return found
end

-- Until when what went wrong with a subject's own jobs keeps its next from a provider; nil: it does not. Afterwards one
-- job goes first.
local function kept_until(state, provider, subject, owner, now)
  local till = state.shut and state.shut[subject]
  if not till or till > now then return till end
  local there = redis.call('SINTER', keys.busy .. provider, keys.held .. owner)
  return there[1] and now + KEPT_MS
end

-- What an account's quota at a provider, which is in this state, lets through: rests (until then nothing), trial (as
-- trial_of), again (when a trial that runs keeps the others waiting no longer, if that is known).
local function allowance(provider, account, state, now)
  local quota, wary = account == '' and state.quota or quota_of(provider, account), state.wary
  local rests = tonumber(quota[1] or '')
  if rests and rests > now then return {rests = rests} end
  local trial = trial_of(provider, quota, wary, now)
  return {trial = trial, again = trial == 'runs' and not rests and quota[4] + wary or nil}
end

-- Free slots of a provider for the jobs of an account; `quota` is what its allowance says.
local function room_for(state, quota)
  if quota.rests or quota.trial == 'runs' then return 0 end
  return quota.trial == 'due' and math.min(state.room, 1) or state.room
end

-- Take one of the provider's slots for the job.
local function occupy(provider, account, id, state, quota, now)
  redis.call('SADD', keys.busy .. provider, id)
  state.room = state.room - 1
  if quota.trial == 'due' then
    quota.trial = 'runs'
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
