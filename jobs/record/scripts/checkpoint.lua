-- Store what a later attempt must know. ARGV: id, fence, checkpoint. Answers 1; 0: the lease is lost.
if not leased(ARGV[1], ARGV[2]) then return 0 end
although_full()
redis.call('HSET', keys.job .. ARGV[1], 'ckpt', ARGV[3])
return 1
