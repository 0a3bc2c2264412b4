-- What scripts share that write. All keys of a call lie in one slot:
-- ALL, what concerns everyone: a hash of "epoch", "mark", "call" and "room".
-- LOG, a stream of what has ended or was revoked.
-- SESSIONS, of a subject: a hash of "n", "sweep", and ":"..id for each session.
-- ENDED, of a subject: a hash of the sessions that ended a moment ago, and which call did it.
-- MARK, of a subject, and TOKEN, a revoked one.
-- Instants are whole milliseconds of the caller's clock. Values are packed, which keeps all digits of a number.

local LATE = 3600000 -- what has expired stays so long, for nodes whose clock is behind
local LOGGED = 4200000 -- how far the log reaches back: MaxHorizon, and what clocks and leeways may add
local ECHO = 60000 -- session.Echo
local ECHOES = 8 -- of how many sessions of a subject it is remembered who ended them

-- whole writes a number with all of its digits.
local function whole(n) return string.format('%.0f', n) end

-- keep lets a key live until an instant, unless it lives longer. The server counts the distance: what its clock shows
-- does not matter.
local function keep(key, now, instant)
  local distance = math.max(instant - now, 0) + LATE
  if redis.call('PTTL', key) < distance then redis.call('PEXPIRE', key, whole(distance)) end
end

-- publish tells replicas what may not be accepted any more: the kind of it, and its names. A log that is new does not
-- tell what was revoked before, and says that with the entry of a logout of everyone.
local function publish(log, kind, names)
  if kind ~= 'a' and redis.call('EXISTS', log) == 0 then redis.call('XADD', log, '*', 'a', '') end
  local id = redis.call('XADD', log, '*', kind, names)
  redis.call('XTRIM', log, 'MINID', '~', whole(tonumber(string.match(id, '^%d+')) - LOGGED))
end

-- unpackRecord returns a session's record, nil if a logout of everyone has ended it.
local function unpackRecord(text)
  local r = {}
  r.epoch, r.entered, r.start, r.rotated, r.expires, r.current, r.previous, r.scope, r.label = cmsgpack.unpack(text)
  return r.epoch == EPOCH and r or nil
end

-- find returns the record of a session, nil if there is none.
local function find(id)
  local text = redis.call('HGET', SESSIONS, ':' .. id)
  return text and unpackRecord(text) or nil
end

local function save(id, r, now)
  redis.call('HSET', SESSIONS, ':' .. id, cmsgpack.pack(
    r.epoch, r.entered, r.start, r.rotated, r.expires, r.current, r.previous, r.scope, r.label))
  keep(SESSIONS, now, r.expires)
end

-- remember keeps for a moment which call has ended a session; false, that replicas were told of one that nobody knows.
-- When there are many, the oldest of the latter goes, or else the oldest, but not for one of the latter.
local function remember(id, call, now)
  if redis.call('HLEN', ENDED) >= ECHOES then
    local oldest, first, known
    local all = redis.call('HGETALL', ENDED)
    for i = 1, #all, 2 do
      local over, by = cmsgpack.unpack(all[i + 1])
      local same = (by ~= false) == known
      if not first or same and over < first or not same and known then
        oldest, first, known = all[i], over, by ~= false
      end
    end
    if known and call == false then return end
    redis.call('HDEL', ENDED, oldest)
  end
  redis.call('HSET', ENDED, id, cmsgpack.pack(now + ECHO, call))
  keep(ENDED, now, now + ECHO)
end

-- finish ends a session, and remembers for a moment which call did it.
local function finish(id, names, call, now)
  publish(LOG, 's', names)
  remember(id, call, now)
  redis.call('HDEL', SESSIONS, ':' .. id)
  if redis.call('HLEN', SESSIONS) == 1 then redis.call('UNLINK', SESSIONS) end -- "n" alone is left
end

-- finished returns which call ended a session a moment ago, nil if none did.
local function finished(id, now)
  local text = redis.call('HGET', ENDED, id)
  if not text then return nil end
  local over, call = cmsgpack.unpack(text)
  return now < over and call or nil
end

-- tell tells replicas that a session is over of which nothing is known here, but not again within a moment: whoever has
-- a token may say so as often as he likes.
local function tell(id, names, now)
  local text = redis.call('HGET', ENDED, id)
  if text and now < cmsgpack.unpack(text) then return end
  publish(LOG, 's', names)
  remember(id, false, now)
end

-- revocation returns until when a token is revoked, and by which call; nil if it is not.
local function revocation(now)
  local text = redis.call('GET', TOKEN)
  if not text then return nil end
  local instant, call = cmsgpack.unpack(text)
  if instant <= now then return nil end
  return instant, call
end
