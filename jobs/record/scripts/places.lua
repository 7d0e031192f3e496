-- Some places of an index, the newest first, and from the same moment the ids of all running jobs.
-- ARGV: index, greatest time, least time (as for ZRANGE), how many to pass over, how many, whether running jobs are asked for
-- Answers {ids and times in turn, ids}, each as one text with blanks: clients read one long text much faster than many.
local places = redis.call('ZRANGE', ARGV[1], ARGV[2], ARGV[3], 'BYSCORE', 'REV', 'LIMIT', ARGV[4], ARGV[5], 'WITHSCORES')
local running = ARGV[6] == '1' and redis.call('ZRANGE', keys.RUNNING, 0, -1) or {}
return {table.concat(places, ' '), table.concat(running, ' ')}
