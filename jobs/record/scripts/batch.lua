-- Write a batch, before its jobs and in one transaction with them: without it commit.lua writes none of them.
-- ARGV: the database's id, {id, op, left (jobs that are not deleted), once, owner, waiting (jobs), users (waiting jobs
--   of each), most}, the batch (JSON)
-- Answers {'ok'} | {'made', fingerprint, id} (an earlier sending of the request made that batch)
--   | {'full', name of the limit, limit} (the owner or an end user would have more jobs waiting than allowed)
--   | {'elsewhere'}
local a = cjson.decode(ARGV[2])
if elsewhere(ARGV[1]) then return {'elsewhere'} end
local key = keys.batch .. a.id
if redis.call('HGET', key, 'op') == a.op then return {'ok'} end
if a.once then
  local fingerprint, id = made_before(a.once)
  if id then return {'made', fingerprint, id} end
end
local full = a.waiting > 0 and too_many(a.owner, a.waiting, a.users, a.most)
if full then return full end
if a.once then remember(a.once, a.id) end
redis.call('HSET', key, 'doc', ARGV[3], 'op', a.op, 'left', a.left)
return {'ok'}
