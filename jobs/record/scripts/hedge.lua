-- Take a slot for a hedge, beside the one that the job holds.
-- ARGV: id, fence, then providers, the best first
-- Answers the first of them that is well and has room, '' where none is; false where the lease is lost.
local key = P .. 'job:' .. ARGV[1]
local f = redis.call('HMGET', key, 'status', 'fence', 'hedge', 'lane')
if f[1] ~= 'running' or f[2] ~= ARGV[2] then return false end
-- Asked again because the answer was lost.
if f[3] then return f[3] end
if redis.call('EXISTS', P .. 'paused') == 1 then return '' end
local now, account = now_ms(), account_of(f[4] or '')
for i = 3, #ARGV do
  local found = look_at(ARGV[i], account, now)
  if found.room > 0 and not found.shun and not found.doubtful then
    occupy(ARGV[i], account, ARGV[1], found, now)
    redis.call('HSET', key, 'hedge', ARGV[i])
    return ARGV[i]
  end
end
return ''
