-- A provider works: other jobs may follow.
-- ARGV: provider, account (empty: this installation's), start of the attempt (ms).
-- Answers 1; 0: the attempt began before the end of a rest, so it proves nothing.
local key = quota_key(ARGV[1], ARGV[2])
if tonumber(redis.call('HGET', key, 'until') or '0') > tonumber(ARGV[3]) then return 0 end
redis.call('HDEL', key, 'until', 'reason', 'scout', 'scouted')
redis.call('HSET', key, 'works', now_ms() + PROOF_SECONDS * 1000)
forget_later(ARGV[1], ARGV[2])
return 1
