-- Take webhook deliveries that are due, each with a lease. A host that answers slowly holds up nobody else:
-- at most so many at once go to one host, whatever the number of senders.
-- ARGV: lease (ms), most per host, most in all. Answers host, member, end of lease, host, ...
local lease, per_host, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now, taken = now_ms(), {}

local function first(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

for _, host in ipairs(redis.call('ZRANGEBYSCORE', P .. 'hookhosts', '-inf', now, 'LIMIT', 0, 200)) do
  if #taken / 3 >= most then break end
  local due, sent = P .. 'hookdue:' .. host, P .. 'hooksent:' .. host
  -- Their sender died: they are due again.
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', sent, '-inf', now)) do
    redis.call('ZREM', sent, member)
    redis.call('ZADD', due, now, member)
  end
  local room = math.min(per_host - redis.call('ZCARD', sent), most - #taken / 3)
  if room > 0 then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, room)) do
      redis.call('ZREM', due, member)
      redis.call('ZADD', sent, now + lease, member)
      for _, part in ipairs({host, member, tostring(now + lease)}) do taken[#taken + 1] = part end
    end
  end
  -- When to look here again: a full host when something of it is settled, or its leases end.
  local full = redis.call('ZCARD', sent) >= per_host
  local soonest = not full and first(due) or first(sent) or first(due)
  if not full and first(sent) then soonest = math.min(soonest, first(sent)) end
  if soonest then
    redis.call('ZADD', P .. 'hookhosts', soonest, host)
  else
    redis.call('ZREM', P .. 'hookhosts', host)
  end
end
return taken
