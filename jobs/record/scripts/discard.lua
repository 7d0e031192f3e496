-- Delete an upload's record, and let its file be deleted next. ARGV: owner, id
local files = keys.files .. ARGV[1]
local doc = redis.call('HGET', files, ARGV[2])
if not doc then return 0 end
redis.call('HDEL', files, ARGV[2])
local size = cjson.decode(doc).bytes
if redis.call('HINCRBY', keys.FILE_BYTES, ARGV[1], -size) <= 0 then redis.call('HDEL', keys.FILE_BYTES, ARGV[1]) end
redis.call('ZADD', keys.FILE_DUE, 0, ARGV[1] .. '/' .. ARGV[2])
return 1
