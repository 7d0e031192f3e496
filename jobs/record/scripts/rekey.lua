-- With turns.lua.
-- Change an API key. A key that leaked can be revoked also while the memory is full: what is deleted goes first.
-- Its limits may have changed: its owner and users may be below them again.
-- ARGV: key id, record as it was read, new record, number of old hashes, old hashes, hashes that lead to it from now on
-- Answers 1; 0: the record has changed meanwhile.
if redis.call('HGET', keys.API_KEYS, ARGV[1]) ~= ARGV[2] then return 0 end
local last = 4 + tonumber(ARGV[4])
redis.call('HDEL', keys.API_KEY_HASHES, unpack(ARGV, 5, last))
for i = last + 1, #ARGV do redis.call('HSET', keys.API_KEY_HASHES, ARGV[i], ARGV[1]) end
redis.call('HSET', keys.API_KEYS, ARGV[1], ARGV[3])
for _, group in ipairs(redis.call('SMEMBERS', keys.full .. ARGV[1])) do unfill(ARGV[1], group) end
return 1
