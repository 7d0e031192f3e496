-- Keep a preview of a running attempt, and drop the oldest one. ARGV: id, fence, index, image.
-- Answers 1; 0: the lease is lost.
if not leased(ARGV[1], ARGV[2]) then return 0 end
local key = keys.previews .. ARGV[1]
redis.call('HSET', key, ARGV[3], ARGV[4])
redis.call('HDEL', key, ARGV[3] - PREVIEWS_KEPT)
redis.call('EXPIRE', key, PREVIEW_SECONDS)
return 1
