-- With turns.lua.
-- Replace what is known of a provider, if nobody else has replaced it meanwhile.
-- ARGV: provider, its record as it was read (empty: there was none), how many subjects follow, the subjects whose circuit
--   lets a job through sooner than it did, then fields and values, the record first.
-- Answers 1; 0: another writer was faster.
local key, subjects = keys.provider .. ARGV[1], tonumber(ARGV[3])
local known = redis.call('HGET', key, 'health') or ''
-- A write that is repeated because its answer was lost has been done already.
if known == ARGV[5 + subjects] then return 1 end
if known ~= ARGV[2] then return 0 end
for i = 4, 3 + subjects do wake(ARGV[i]) end
redis.call('HSET', key, unpack(ARGV, 4 + subjects))
redis.call('SADD', keys.STIRRED, ARGV[1])
return 1
