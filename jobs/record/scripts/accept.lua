-- With turns.lua, push.lua.
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
if a.spend then
  -- Sent again because the answer was lost, it was counted before.
  for i = 5, redis.call('EXISTS', KEYS[1]) == 1 and #a.spend or 0, 4 do a.spend[i] = 0 end
  answer[1] = spend(nil, a.spend)
  if answer[1][1] ~= 0 then return cjson.encode(answer) end
end
answer[2] = commit(KEYS, {'', unpack(ARGV, 3)})
if answer[2][1] == 'ok' then
  -- Whatever is wrong with another job: this one is accepted.
  if a.send then attempt(dispatch, nil, a.send) end
  answer[3] = look(nil, {a.id, answer[2][4], unpack(a.limits)})
end
return cjson.encode(answer)
