-- Send a provider nothing for a while, then one job first. A rest is never made shorter: attempts that were under way
-- together bring refusals of several kinds. ARGV: provider, until (ms), reason
local key = P .. 'provider:' .. ARGV[1]
redis.call('HDEL', key, 'works', 'scout', 'scouted')
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', key, 'until') or '0') then
  redis.call('HSET', key, 'until', ARGV[2], 'reason', ARGV[3])
end
