-- The states of providers for an account. ARGV: account (empty: this installation's), then providers.
-- Answers for each: jobs there, health (JSON), limit, paused, hold, cap, until, reason of its rest, whether others wait
-- for a job on trial (1 or 0).
local answer, now = {}, now_ms()
for i = 2, #ARGV do
  local p = redis.call('HMGET', keys.provider .. ARGV[i], 'health', 'limit', 'paused', 'hold', 'cap', 'wary')
  local quota = quota_of(ARGV[i], ARGV[1])
  local trial = trial_of(ARGV[i], quota, tonumber(p[6] or ''), now) == 'runs'
  answer[#answer + 1] = {
    redis.call('SCARD', keys.busy .. ARGV[i]), p[1], p[2], p[3], p[4], p[5], quota[1], quota[5], trial and 1 or 0,
  }
end
return answer
