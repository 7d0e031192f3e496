-- Write what an operator says of a provider, or of the service, although the memory is full.
-- ARGV: provider (empty: the service), a pause (JSON), jobs at once; of these three what is empty is left as it is.
although_full()
if ARGV[1] == '' then
  redis.call('SET', keys.PAUSED, ARGV[2])
  return 1
end
local key = keys.provider .. ARGV[1]
if ARGV[2] ~= '' then redis.call('HSET', key, 'paused', 1, 'hold', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', key, 'cap', ARGV[3]) end
redis.call('SADD', keys.STIRRED, ARGV[1])
return 1
