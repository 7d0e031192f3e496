-- Count a request in windows that slide: in all, or in none where one has no room for it.
-- ARGV: owner, then for each window: name, quota, length in ms, cost (0 only looks)
-- Answers {which window refuses it (0: none), ms until it has room (-1: never)}, and for each window: what is left (may
-- be below 0), ms until the window goes on to its next part.
local now = now_ms()
local found, refused, wait = {}, 0, 0

-- Milliseconds until no more than `room` count.
local function until_room(w, room)
  if room < 0 then return -1 end
  if w.n <= room then return math.max(0, 1 - (room - w.n) / w.before - w.passed) * w.length end
  return (1 - w.passed + 1 - room / w.n) * w.length
end

for i = 2, #ARGV, 4 do
  local w = {key = P .. 'rate:' .. ARGV[i] .. ':' .. ARGV[1], quota = tonumber(ARGV[i + 1]), length = tonumber(ARGV[i + 2])}
  w.cost, w.slot = tonumber(ARGV[i + 3]), math.floor(now / w.length)
  local f = redis.call('HMGET', w.key, 'slot', 'n', 'before')
  local slot, n = tonumber(f[1] or '-1'), tonumber(f[2] or '0')
  w.n = slot == w.slot and n or 0
  w.before = slot == w.slot and tonumber(f[3] or '0') or slot == w.slot - 1 and n or 0
  w.passed = now % w.length / w.length
  w.used = w.n + w.before * (1 - w.passed)
  if refused == 0 and w.cost > 0 and w.used + w.cost > w.quota then
    refused, wait = #found + 1, until_room(w, w.quota - w.cost)
  end
  found[#found + 1] = w
end

local answer = {refused, math.ceil(wait)}
for _, w in ipairs(found) do
  if refused == 0 and w.cost > 0 then
    redis.call('HSET', w.key, 'slot', w.slot, 'n', w.n + w.cost, 'before', w.before)
    redis.call('PEXPIRE', w.key, 2 * w.length)
    w.used = w.used + w.cost
  end
  answer[#answer + 1] = math.floor(w.quota - w.used)
  answer[#answer + 1] = math.ceil((1 - w.passed) * w.length)
end
return answer
