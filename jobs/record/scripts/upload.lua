-- Write an upload, if its owner has room for it.
-- ARGV: {id, owner, bytes, expires (ms), most, most_bytes, once}, the upload (JSON)
-- Answers {'ok'} | {'full'} | {'made', fingerprint, id} (an earlier sending of the request made that upload)
local a = cjson.decode(ARGV[1])
local files = keys.files .. a.owner
if redis.call('HEXISTS', files, a.id) == 1 then return {'ok'} end
if a.once then
  local fingerprint, id = made_before(a.once)
  if id then return {'made', fingerprint, id} end
end
local bytes = tonumber(redis.call('HGET', keys.FILE_BYTES, a.owner) or '0')
if redis.call('HLEN', files) >= a.most or bytes + a.bytes > a.most_bytes then return {'full'} end
if a.once then remember(a.once, a.id) end
redis.call('HSET', files, a.id, ARGV[2])
redis.call('HINCRBY', keys.FILE_BYTES, a.owner, a.bytes)
redis.call('ZADD', keys.FILE_DUE, a.expires, a.owner .. '/' .. a.id)
return {'ok'}
