-- Write a batch, in one transaction with its jobs and before them: commit.lua writes none of them without it.
-- ARGV: the database's id, {id, op, left (jobs that are not deleted), once}, the batch (JSON)
-- Answers {'ok'} | {'made', fingerprint, id} (an earlier sending of the request made that batch)
--   | {'elsewhere'}
local a = cjson.decode(ARGV[2])
if elsewhere(ARGV[1]) then return {'elsewhere'} end
local key = P .. 'batch:' .. a.id
if redis.call('HGET', key, 'op') == a.op then return {'ok'} end
if a.once then
  local fingerprint, id = made_before(a.once)
  if id then return {'made', fingerprint, id} end
  remember(a.once, a.id)
end
redis.call('HSET', key, 'doc', ARGV[3], 'op', a.op, 'left', a.left)
return {'ok'}
