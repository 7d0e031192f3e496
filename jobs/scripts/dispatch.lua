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

local any = redis.call('EXISTS', P .. 'providers') == 0 -- nobody has said yet which there are
local room, cost, shun = {}, {}, {} -- provider → free slots there, expected seconds, last resort only
local scouted = {} -- providers that get one job first

-- What a provider has room for that has to show that it works before it gets more than one job: after a rest, and
-- where it may have a quota and nobody has asked lately. Without that, every free slot would find the same quota used
-- up. While its scout is on the way there is no room; but where nothing was ever refused, not for long.
local function proven_room(provider, room)
  local p = redis.call('HMGET', P .. 'provider:' .. provider, 'until', 'wary', 'works', 'scout', 'scouted')
  local rested, works = p[1], tonumber(p[3] or '')
  if not rested and p[2] ~= '1' or works and works > now then return room end
  if p[4] and redis.call('SISMEMBER', P .. 'busy:' .. provider, p[4]) == 1 then
    return not rested and p[5] + tonumber(ARGV[2]) <= now and room or 0
  end
  scouted[provider] = true
  return math.min(room, 1)
end

local function room_at(provider)
  if room[provider] == nil then
    local p = redis.call('HMGET', P .. 'provider:' .. provider, 'limit', 'paused', 'until', 'open', 'cost', 'shun', 'cap')
    local closed = not any and redis.call('SISMEMBER', P .. 'providers', provider) == 0
    local open = tonumber(p[4] or '')
    cost[provider], shun[provider] = tonumber(p[5] or ''), p[6] == '1'
    if closed or p[2] == '1' or (p[3] and tonumber(p[3]) > now) or (open and open > now) then
      room[provider] = 0
    else
      local limit = tonumber(p[7] or '') or tonumber(p[1] or '') or math.huge
      -- A circuit that was open lets one job through, to see.
      if open then limit = math.min(limit, 1) end
      limit = limit == math.huge and limit or limit - redis.call('SCARD', P .. 'busy:' .. provider)
      room[provider] = proven_room(provider, limit)
    end
  end
  return room[provider]
end

-- A lane is "user|provider,provider,…", best first. The first with room takes its head, unless another one is
-- expected to be done in two thirds of the time. A provider that is a last resort is asked only where all are.
local function provider_for(lane)
  local route, sound = {}, false
  for provider in string.gmatch(string.match(lane, '|([^|]*)$'), '[^,]+') do
    room_at(provider)
    route[#route + 1] = provider
    sound = sound or not shun[provider]
  end
  local best
  for _, provider in ipairs(route) do
    if room[provider] > 0 and not (sound and shun[provider]) then
      local faster = best and cost[best] and cost[provider] and cost[provider] * 1.5 < cost[best]
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
      redis.call('SADD', P .. 'busy:' .. provider, id)
      room[provider] = room[provider] - 1
      if scouted[provider] then
        scouted[provider] = nil
        redis.call('HSET', P .. 'provider:' .. provider, 'scout', id, 'scouted', now)
      end
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
