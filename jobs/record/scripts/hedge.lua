-- Take a slot for a hedge, beside the one that the job holds.
-- ARGV: id, fence, then providers, the best first
-- Answers the first of them that is well and has room; '': there is none; false: the lease is lost.
local f = leased(ARGV[1], ARGV[2], 'hedge', 'lane', 'owner')
if not f then return false end
-- Asked again because the answer was lost.
if f[3] then return f[3] end
if redis.call('EXISTS', keys.PAUSED) == 1 then return '' end
although_full()
local now, lane, owner = now_ms(), f[4] or '', f[5] or ''
local account = account_of(lane)
for i = 3, #ARGV do
  local state = state_of(ARGV[i], now)
  local quota = allowance(ARGV[i], account, state, now)
  local kept = kept_until(state, ARGV[i], subject_of(lane, owner), owner, now)
  if room_for(state, quota) > 0 and not state.last_resort and not state.doubtful and not kept then
    occupy(ARGV[i], account, ARGV[1], state, quota, now)
    redis.call('HSET', keys.job .. ARGV[1], 'hedge', ARGV[i])
    return ARGV[i]
  end
end
return ''
