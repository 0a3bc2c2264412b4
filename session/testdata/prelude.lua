-- What all scripts share. KEYS[1] is the subject's hash, KEYS[2] what concerns all, KEYS[3] a token's key; all lie in
-- one slot. Every value is text: Lua's numbers, written by themselves, lose digits of an instant.
local function number(text) return tonumber(text) or 0 end
local function epoch() return redis.call('HGET', KEYS[2], 'epoch') or '0' end

-- known returns the record of a session, nil if there is none.
local function known(session)
  local text = redis.call('HGET', KEYS[1], 's:' .. session)
  if not text then return nil end
  local r = cjson.decode(text)
  if r.epoch ~= epoch() then return nil end
  return r
end

local function live(r, now) return r ~= nil and r.current ~= '' and number(now) < number(r.expires) end

local function keep(key, ms)
  redis.call('PEXPIREAT', key, ms, 'NX')
  redis.call('PEXPIREAT', key, ms, 'GT')
end

local function save(session, r)
  redis.call('HSET', KEYS[1], 's:' .. session, cjson.encode(r))
  keep(KEYS[1], r.expires)
end

-- ended leaves, for a minute, which call ended the session.
local function ended(r, call, now)
  r.current, r.previous, r.scope, r.label = '', call, '', ''
  r.expires = string.format('%.0f', number(now) + 60000)
  return r
end

local function endedBy(r, call, now)
  return r ~= nil and r.current == '' and r.previous == call and call ~= '' and number(now) < number(r.expires)
end

-- until returns until when a token is revoked, and by which call.
local function revocation(now)
  local text = redis.call('GET', KEYS[3])
  if not text then return nil end
  local ms, call = string.match(text, '^(%-?%d+) (.*)$')
  if number(ms) <= number(now) then return nil end
  return ms, call
end

-- narrow returns those of the scopes asked that are had as well.
local function narrow(had, asked)
  local have, list = {}, {}
  for scope in string.gmatch(had, '%S+') do have[scope] = true end
  for scope in string.gmatch(asked, '%S+') do
    if have[scope] then list[#list + 1] = scope end
  end
  return table.concat(list, ' ')
end
