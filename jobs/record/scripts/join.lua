-- Join a job that the same request made, if its client is gone without the answer.
-- ARGV: fingerprint of the request, the web process that asks
-- Answers the job's id, or nil.
local key, now = keys.unanswered .. ARGV[1], now_ms()
local found = redis.call('HGETALL', key)
for i = 1, #found, 2 do
  local id, server = found[i], found[i + 1]
  local status = redis.call('HGET', keys.job .. id, 'status')
  if not status or unsuccessful[status] then
    redis.call('HDEL', key, id)
  elseif server == '' or tonumber(redis.call('HGET', keys.SERVERS, server) or '0') < now then
    redis.call('HSET', key, id, ARGV[2])
    return id
  end
end
