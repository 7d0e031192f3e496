-- Take a slot for a hedge, beside the one that the job holds.
-- ARGV: id, fence, then providers, the best first
-- Answers the first of them that is well and has room; '': there is none; false: the lease is lost.
local f = leased(ARGV[1], ARGV[2], 'hedge', 'lane')
if not f then return false end
-- Asked again because the answer was lost.
if f[3] then return f[3] end
if redis.call('EXISTS', keys.PAUSED) == 1 then return '' end
local now, account = now_ms(), account_of(f[4] or '')
for i = 3, #ARGV do
  local state = state_of(ARGV[i], account, now)
  if state.room > 0 and not state.last_resort and not state.doubtful then
    occupy(ARGV[i], account, ARGV[1], state, now)
    redis.call('HSET', keys.job .. ARGV[1], 'hedge', ARGV[i])
    return ARGV[i]
  end
end
return ''
