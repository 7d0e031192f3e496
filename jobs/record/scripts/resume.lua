-- Forget what an operator said of a provider. ARGV: provider, fields. Answers how many were there.
local was = redis.call('HDEL', keys.provider .. ARGV[1], unpack(ARGV, 2))
redis.call('SADD', keys.STIRRED, ARGV[1])
return was
