-- With turns.lua.
-- Send a provider nothing for a while, and one job first afterwards; with an account: no jobs of that account.
-- A rest is never made shorter: attempts that ran at the same time bring refusals of several kinds.
-- ARGV: provider, account (empty: this installation's), until (ms), reason
local key = quota_key(ARGV[1], ARGV[2])
redis.call('HDEL', key, 'works', 'scout', 'scouted')
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', key, 'until') or '0') then
  redis.call('HSET', key, 'until', ARGV[3], 'reason', ARGV[4])
end
forget_later(ARGV[1], ARGV[2])
wake(ARGV[2])
