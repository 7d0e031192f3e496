-- With turns.lua, push.lua, serving.lua, standing.lua.
-- Calls spend.lua, commit.lua, dispatch.lua, look.lua.
-- Accept a job: count its request, write it, send to workers who may run now, and look where it stands. All of that in
-- one step, or nothing: no job is there without its message, and no request is counted whose job is not.
-- KEYS: those of commit.lua. ARGV: the database's id; {id, spend (arguments of spend.lua), send (arguments of
--   dispatch.lua), limits (for all keys: running, user_running)}; then the arguments of commit.lua after the database's
--   id. Without `spend` nothing is counted, without `send` nothing is sent.
-- Answers, as JSON since a client reads one text far faster than twenty values, the answers of spend.lua; of commit.lua,
--   unless the request was refused; and of look.lua, if the job was written. Or {'elsewhere'}.
if elsewhere(ARGV[1]) then return {'elsewhere'} end
local a, answer = cjson.decode(ARGV[2]), {{}}

-- Whether dispatch.lua would find nothing else to send, and nothing that keeps this job from its turn. What it would do
-- besides, for jobs that wait, it does at its next call.
local function is_alone(owner, lane)
  if (first(keys.DUE) or math.huge) <= now then return false end
  if redis.call('EXISTS', keys.TURN) == 0 then return true end
  -- Others wait: none of them may be due to be looked at, and none may be of its owner, of its account or in its pool.
  local account, route = account_of(lane), route_of(lane)
  return not redis.call('ZSCORE', keys.TURN, owner)
    and not redis.call('ZSCORE', keys.POOLS, pool_for(account, route))
    and math.min(first(keys.POOLS) or math.huge, first(keys.RESTING) or math.huge) > now
    and redis.call('EXISTS', keys.STIRRED, keys.resting(subject_of(lane, owner), route)) == 0
end

-- How the new job goes on: `provider` takes it at once; `waits`: nothing can be sent now.
local way = {}
local function find_way(owner, user, lane)
  way.waits = redis.call('EXISTS', keys.PAUSED) == 1 or free_slots() <= 0
  if way.waits or not is_alone(owner, lane) then return end
  local may_run = allowed(owner, owner, Limits.running, a.limits[1])
    and (user == owner or allowed(user, owner, Limits.user_running, a.limits[2]))
  way.provider = may_run and provider_for(lane, owner)
end

local placed
-- A new job that a worker can take at once, and before which nobody's turn is, does not enter the turns to leave them at
-- once. That it could be written shows that there is room for its message (push.lua).
local function admit(id, lane, rank, owner, user)
  placed = {owner = owner, user = user}
  -- Whatever is wrong with another job, or a provider: this one is accepted.
  if a.send then attempt(find_way, owner, user, lane) end
  if not way.provider then return enter_lane(id, lane, rank, owner, user) end
  attempt(function()
    count_turn(owner, user)
    hand_over(id, owner, user, lane, way.provider)
  end)
end

if a.spend then
  -- Sent again because the answer was lost, it was counted before.
  for i = 5, redis.call('EXISTS', KEYS[1]) == 1 and #a.spend or 0, 4 do a.spend[i] = 0 end
  answer[1] = spend(nil, a.spend)
  if answer[1][1] ~= 0 then return cjson.encode(answer) end
end
answer[2] = commit(KEYS, {admit = admit, '', unpack(ARGV, 3)})
if answer[2][1] == 'ok' then
  local is_open = a.send and not way.provider and not way.waits
  if is_open then attempt(dispatch, nil, a.send) end
  if placed and not is_open then
    local place = standing(a.id, placed.owner, placed.user, way.provider, a.limits)
    answer[3] = {answer[2][2], answer[2][4], false, unpack(place)}
  else
    answer[3] = look(nil, {a.id, answer[2][4], unpack(a.limits)})
  end
end
return cjson.encode(answer)
