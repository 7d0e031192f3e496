-- Shared by the scripts below; put in front of each when it is loaded.
local P = 'dr:'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Into its lane: the job may be sent to a worker.
local function enlist(id)
  local f = redis.call('HMGET', P .. 'job:' .. id, 'user', 'lane', 'rank', 'status')
  if f[4] ~= 'queued' then return end
  redis.call('ZADD', P .. 'lane:' .. f[2], f[3], id)
  redis.call('SADD', P .. 'lanes:' .. f[1], f[2])
  -- Who was idle comes in just before the user who was served last (in order of arrival), without credit for the
  -- time away; who was served since then waits for the others' turn first.
  local tick = tonumber(redis.call('GET', P .. 'tick') or '0')
  local served = tonumber(redis.call('ZSCORE', P .. 'served', f[1]) or '0')
  local entry = tick - 0.5 + redis.call('ZCARD', P .. 'turn') * 1e-6
  redis.call('ZADD', P .. 'turn', 'NX', math.max(entry, served), f[1])
end

-- Out of its lane, wherever that is.
local function delist(id, user, lane)
  redis.call('ZREM', P .. 'lane:' .. lane, id)
  if redis.call('EXISTS', P .. 'lane:' .. lane) == 0 then
    redis.call('SREM', P .. 'lanes:' .. user, lane)
    if redis.call('EXISTS', P .. 'lanes:' .. user) == 0 then redis.call('ZREM', P .. 'turn', user) end
  end
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
local function post(host, member, at)
  redis.call('ZADD', P .. 'hookdue:' .. host, at, member)
  redis.call('ZADD', P .. 'hookhosts', 'LT', at, host)
end

-- Give back the provider's slot that the job holds.
local function release(id, provider)
  if provider then redis.call('SREM', P .. 'busy:' .. provider, id) end
end
