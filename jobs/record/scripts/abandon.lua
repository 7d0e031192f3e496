-- The client of a request is gone without the answer: the next like it joins the job.
-- ARGV: fingerprint of the request, job id
if redis.call('HEXISTS', keys.unanswered .. ARGV[1], ARGV[2]) == 1 then
  redis.call('HSET', keys.unanswered .. ARGV[1], ARGV[2], '')
end
