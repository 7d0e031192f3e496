-- Where a queued job stands: how many jobs were queued before it; then, unless it is on its way to a worker, for each of
-- its groups: jobs that run, the limit (-1: none), jobs that wait before it. `most`: limits for all keys: running,
-- user_running.
local function standing(id, owner, user, is_sent, most)
  local found = {redis.call('ZRANK', keys.QUEUED, id)}
  for i, group in ipairs(is_sent and {} or groups(owner, user)) do
    local limit = limit_of(owner, i == 1 and Limits.running or Limits.user_running, most[i])
    found[#found + 1] = redis.call('SCARD', keys.held .. group)
    found[#found + 1] = limit == math.huge and -1 or limit
    found[#found + 1] = redis.call('ZRANK', keys.waiting .. group, id)
  end
  return found
end
