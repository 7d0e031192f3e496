-- Refuse all that follows if the server's memory is full: a worker could not note the message that it takes (with kombu),
-- and so would lose it. It writes nothing.
local function only_with_room()
  redis.call('ZADD', keys.SENT, 'XX', 0, '')
end

-- Push the message that wakes a worker for a job. The broker's list is in this database, so it is there with what the
-- script writes, or not at all. A delivery has a name of its own: a job may be sent more than once.
local function push(id)
  redis.call('LPUSH', QUEUE, message_for(id, id .. '/' .. redis.call('INCR', keys.PUSHED)))
end
