-- Take webhook deliveries that are due, each with a lease. Owners take turns, and so do the hosts of each owner. The
-- calls at once to one host for one owner, and for one owner in all, are limited, for any number of senders: a slow
-- host delays no other one.
-- ARGV: lease (ms), most per host, most per owner, most in all. Answers owner, host, member, end of lease, owner, ...
local lease, per_host, per_owner, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local exactly, taken = moment(), {}
although_full()
local now = math.floor(exactly)

-- Look at an owner or a host again at a time, at the earliest now; nil: never.
local function again(key, name, at)
  if at then redis.call('ZADD', key, math.max(at, exactly), name) else redis.call('ZREM', key, name) end
end

-- The calls of an owner that are under way, by host, and how many more may be.
local function under_way(owner)
  local sent, busy, room = keys.hooks_sent .. owner, {}, per_owner
  -- A call whose sender died is due again.
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', sent, '-inf', now)) do
    local host, member = string.match(call, '^([^/]*)/(.*)$')
    count_pending(-redis.call('ZREM', sent, call))
    if host then post(owner, host, member, now) end
  end
  for _, call in ipairs(redis.call('ZRANGE', sent, 0, -1)) do
    local host = string.match(call, '^[^/]*')
    busy[host], room = (busy[host] or 0) + 1, room - 1
  end
  return busy, room
end

for _, owner in ipairs(redis.call('ZRANGEBYSCORE', keys.HOOK_OWNERS, '-inf', exactly, 'LIMIT', 0, 200)) do
  local left = most - #taken / 4
  if left <= 0 then break end
  local sent, hosts = keys.hooks_sent .. owner, keys.hook_hosts .. owner
  local busy, room = under_way(owner)
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', hosts, '-inf', exactly, 'LIMIT', 0, 200)) do
    local due, free = keys.hooks_due(owner, host), math.min(room, left, per_host - (busy[host] or 0))
    if room <= 0 or left <= 0 then break end
    if free > 0 then
      for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, free)) do
        redis.call('ZREM', due, member)
        redis.call('ZADD', sent, now + lease, host .. '/' .. member)
        busy[host], room, left = (busy[host] or 0) + 1, room - 1, left - 1
        for _, part in ipairs({owner, host, member, tostring(now + lease)}) do taken[#taken + 1] = part end
      end
    end
    -- A full host is looked at again when one of its calls is settled, at the latest when all their leases are over.
    local soonest = first(due)
    again(hosts, host, soonest and (busy[host] or 0) >= per_host and now + lease or soonest)
  end
  local ends, soonest = first(sent), first(hosts)
  again(keys.HOOK_OWNERS, owner, room > 0 and ends and math.min(ends, soonest or ends) or ends or soonest)
end
return taken
