-- With push.lua.
-- Push the messages of jobs again that are on their way to a worker. ARGV: ids
only_with_room()
for _, id in ipairs(ARGV) do
  if redis.call('HGET', keys.job .. id, 'status') == Status.QUEUED then
    push(id)
  else
    -- What does not wait would count as on its way for ever, and keep a worker's slot free for it.
    redis.call('ZREM', keys.SENT, id)
  end
end
