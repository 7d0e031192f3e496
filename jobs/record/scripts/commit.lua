-- With turns.lua.
-- Compare and append: snapshot, version, event and indexes of a job change together or not at all.
-- KEYS: job, events
-- ARGV: the database's id; a JSON object, see jobs/record/commit.py; snapshot; event; then record and body of each
--   hook; and where it says `locked`, the encrypted credentials of the new job, where it says `kept`, the checkpoints of
--   the running attempt
-- Answers {'ok', version, fence, event id} | {'conflict'} | {'lost'} (the attempt's lease)
--   | {'unsent'} (it is not on its way to a worker, or for another provider) | {'held'} (its lease is not over)
--   | {'unbatched'} (its batch was not written)
--   | {'made', fingerprint, id} (an earlier sending of the request made that job)
--   | {'full', name of the limit, limit} (the owner or the end user has as many jobs waiting as allowed)
--   | {'elsewhere'} (a new job, and another database)
-- A script that calls it may give it ARGV.admit: it takes a new job that may run, instead of enter_lane.
local a = cjson.decode(ARGV[2])
local doc, event = ARGV[3], ARGV[4]
local cur = redis.call('HMGET', KEYS[1], 'v', 'status', 'fence', 'op', 'provider', 'user', 'lane', 'oe', 'owner', 'hedge')
-- A write that is repeated because its answer was lost has been done already.
if cur[4] == a.op then return {'ok', cur[1], cur[3] or '0', cur[8]} end
if (cur[1] or '0') ~= tostring(a.version) then return {'conflict'} end
local from, to, now = cur[2], a.status, now_ms()
local is_new, was_queued, was_running = not from, from == Status.QUEUED, from == Status.RUNNING
local is_queued, is_running = to == Status.QUEUED, to == Status.RUNNING

-- A new job needs room; one that was accepted comes to its end without.
if not is_new then although_full() end
if is_new and elsewhere(ARGV[1]) then return {'elsewhere'} end
if a.fence and (not was_running or cur[3] ~= tostring(a.fence)) then return {'lost'} end
if a.lapsed and was_running and tonumber(redis.call('ZSCORE', keys.RUNNING, a.id) or '0') > now then return {'held'} end
if a.sent_to and (cur[5] ~= a.sent_to or not redis.call('ZSCORE', keys.SENT, a.id)) then return {'unsent'} end
if is_new and a.batch then
  -- Without its batch, which stands before it in the transaction, the request was sent before.
  if redis.call('EXISTS', keys.batch .. a.batch) == 0 then return {'unbatched'} end
end
if is_new and a.once then
  local fingerprint, id = made_before(a.once)
  if id then return {'made', fingerprint, id} end
end
-- The jobs of a batch were counted with it.
if is_new and a.most and is_queued then
  local full = too_many(a.owner, 1, {[a.user] = 1}, a.most)
  if full then return full end
end
if is_new and a.once then remember(a.once, a.id) end

local fence = tonumber(cur[3] or '0')
if is_running and not was_running then fence = fence + 1 end
local version = a.version + 1
local event_id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', EVENTS_KEPT, '*', 'e', event)
local fields = {'doc', doc, 'v', version, 'status', to, 'fence', fence, 'op', a.op, 'oe', event_id}
local function set(name, value)
  if value then fields[#fields + 1], fields[#fields + 2] = name, value end
end
set('cancel', a.cancel and 1)
set('ckpt', a.kept and ARGV[#ARGV])
set('batch', is_new and a.batch)
-- A new job that has ended already (an earlier job's result answers it) has an owner too.
if is_new or is_queued and not was_queued then set('owner', a.owner) end
if is_queued and not was_queued then
  set('user', a.user)
  set('lane', a.lane)
  set('rank', a.rank)
end
redis.call('HSET', KEYS[1], unpack(fields))
if a.works then show_life(unpack(a.works)) end
-- The worker is told at once, also if the job was ended without it.
if a.cancel or (was_running and to == Status.CANCELED and not a.fence) then
  redis.call('XADD', keys.CONTROL, 'MAXLEN', '~', CONTROLS_KEPT, '*', 'cancel', a.id)
end

local function give_back()
  release(a.id, cur[5], cur[9], cur[6], cur[7], cur[10])
end
-- The job is on its way to a worker, or waits for its time, or stands in its lane: from there it goes.
local function leave()
  if redis.call('ZREM', keys.SENT, a.id) == 1 or redis.call('ZREM', keys.DUE, a.id) == 1 then return end
  delist(a.id, cur[9], cur[6], cur[7])
end
-- `admit` takes a job that may run now.
local function begin_waiting(admit)
  wait(a.id, a.created, a.owner, a.user)
  if a.deadline then redis.call('ZADD', keys.DEADLINE, a.deadline, a.id) end
  if a.not_before then
    redis.call('ZADD', keys.DUE, a.not_before, a.id)
  else
    admit(a.id, a.lane, a.rank, a.owner, a.user)
  end
end
if is_new then
  -- In the same step as the job: sent again, they could come back after its end.
  if a.locked then redis.call('SET', keys.secret .. a.id, ARGV[#ARGV]) end
  redis.call('ZADD', keys.owner .. a.owner, a.created, a.id)
  redis.call('SADD', keys.OWNERS, a.owner)
  redis.call('ZADD', keys.JOBS, a.created, a.id)
  if is_queued then begin_waiting(ARGV.admit or enter_lane) end
elseif was_queued and is_queued then
  -- Parked: it leaves its lane, or gives back its slot, and waits for its time.
  if a.parks then
    leave()
    give_back()
    redis.call('ZADD', keys.DUE, a.not_before, a.id)
  end
elseif was_queued then
  stop_waiting(a.id, cur[9], cur[6])
  redis.call('ZREM', keys.DEADLINE, a.id)
  leave()
  if is_running then redis.call('ZADD', keys.RUNNING, now + a.lease, a.id) end
elseif was_running and is_queued then
  redis.call('ZREM', keys.RUNNING, a.id)
  give_back()
  redis.call('HDEL', KEYS[1], 'cancel')
  begin_waiting(enter_lane)
end

if ended[to] then
  redis.call('ZREM', keys.RUNNING, a.id)
  give_back()
  redis.call('DEL', keys.secret .. a.id)
  redis.call('EXPIRE', keys.previews .. a.id, PREVIEW_GRACE_SECONDS)
  redis.call('HDEL', KEYS[1], 'ckpt', 'cancel', 'user', 'lane', 'rank', 'provider')
  redis.call('ZADD', keys.RETAIN, a.expires, a.id)
  if a.cache and a.expires > now then
    -- The job that is kept longest answers requests: a short-lived one does not take its place.
    local cache = keys.cache .. a.cache
    local held = redis.call('GET', cache)
    local stays = held and redis.call('EXISTS', keys.job .. held) == 1
    if not stays or redis.call('PTTL', cache) <= a.expires - now then
      redis.call('SET', cache, a.id, 'PX', a.expires - now)
    end
  end
end
-- The webhook deliveries go into the outbox together with the change.
for i, hook in ipairs(a.hooks or {}) do
  local last = hook.every and tonumber(redis.call('HGET', KEYS[1], 'told') or '0')
  if not last or now - last >= hook.every then
    if last then redis.call('HSET', KEYS[1], 'told', now) end
    redis.call('HSET', keys.hooks .. a.id, hook.id, ARGV[3 + 2 * i], hook.id .. ':body', ARGV[4 + 2 * i])
    post(hook.owner, hook.host, a.id .. '/' .. hook.id, now)
  end
end
return {'ok', version, fence, event_id}
