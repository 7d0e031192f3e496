-- The tombstones of jobs. ARGV: id, time and field (jobs/record/tombstones.py) for each.
-- Answers the database's id, then for each: the tombstone, and the one of an earlier version (JSON); '': there is none.
local answer = {redis.call('HGET', keys.IDENTITY, 'id') or ''}
for i = 1, #ARGV, 3 do
  answer[#answer + 1] = tombstone_of(ARGV[i + 1], ARGV[i + 2]) or ''
  answer[#answer + 1] = redis.call('GET', keys.tombstone .. ARGV[i]) or ''
end
return answer
