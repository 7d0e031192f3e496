-- Count a request in sliding windows: in all, or in none if one has no room for it.
-- ARGV: owner, then for each window: name, quota, length in ms, cost (0 only looks)
-- Answers the number of the window that refuses it (0: none), and for each window: counted in this part, in the part
-- before, ms of this part that are over. jobs/access/rates.py derives from them what is left.
local now = now_ms()
local found, refused = {}, 0

for i = 2, #ARGV, 4 do
  local w = {key = keys.rate(ARGV[i], ARGV[1]), length = tonumber(ARGV[i + 2]), cost = tonumber(ARGV[i + 3])}
  w.slot, w.passed = math.floor(now / w.length), now % w.length
  local f = redis.call('HMGET', w.key, 'slot', 'n', 'before')
  local slot, n = tonumber(f[1] or '-1'), tonumber(f[2] or '0')
  w.n, w.is_new = slot == w.slot and n or 0, slot ~= w.slot
  w.before = slot == w.slot and tonumber(f[3] or '0') or slot == w.slot - 1 and n or 0
  local used = w.n + w.before * (1 - w.passed / w.length)
  if refused == 0 and w.cost > 0 and used + w.cost > tonumber(ARGV[i + 1]) then refused = #found + 1 end
  found[#found + 1] = w
end

local answer = {refused}
for _, w in ipairs(found) do
  if refused == 0 and w.cost > 0 then
    w.n = w.n + w.cost
    if w.is_new then
      redis.call('HSET', w.key, 'slot', w.slot, 'n', w.n, 'before', w.before)
      -- What is counted in this part matters until the next one is over.
      redis.call('PEXPIRE', w.key, 2 * w.length)
    else
      redis.call('HSET', w.key, 'n', w.n)
    end
  end
  for _, number in ipairs({w.n, w.before, w.passed}) do answer[#answer + 1] = number end
end
return answer
