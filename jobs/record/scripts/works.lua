-- A provider does what it is asked for: others may follow. ARGV: provider, account (empty: this installation's), start of
-- the attempt (ms).
-- Answers 1; 0 where the attempt is older than the end of a rest, and so tells nothing of what is now.
local key = quota_key(ARGV[1], ARGV[2])
if tonumber(redis.call('HGET', key, 'until') or '0') > tonumber(ARGV[3]) then return 0 end
redis.call('HDEL', key, 'until', 'reason', 'scout', 'scouted')
redis.call('HSET', key, 'works', now_ms() + PROOF_SECONDS * 1000)
forget_later(ARGV[1], ARGV[2])
return 1
