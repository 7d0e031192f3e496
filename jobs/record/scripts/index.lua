-- Put the jobs of an owner into the index of all. Earlier versions kept an index for each owner only.
-- ARGV: owner
local found = redis.call('ZRANGE', keys.owner .. ARGV[1], 0, -1, 'WITHSCORES')
for start = 1, #found, 2000 do
  local some = {}
  for i = start, math.min(start + 1999, #found), 2 do
    some[#some + 1] = found[i + 1]
    some[#some + 1] = found[i]
  end
  redis.call('ZADD', keys.JOBS, unpack(some))
end
