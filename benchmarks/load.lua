-- Load for wrk: wrk … -s load.lua URL -- BATCH TOKEN SEED. Every event gets a fresh random UUID and the time of now.
-- Requests are laid out once; only ids, sessions and times are written into them, so that the generator stays cheap.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long sec; long usec; } cp_timeval;
int gettimeofday(cp_timeval *tv, void *tz);
]]

local SLOTS = 512 -- different events at least, over all laid out requests
local PAGES = {"/", "/products", "/products/17", "/products/42", "/pricing", "/docs/quickstart", "/cart", "/checkout"}
local TYPES = {"page_view", "page_view", "page_view", "page_view", "click", "click", "form_submit", "error"}
local COUNTRIES = {"US", "DE", "GB", "IN", "FR", "BR", "JP"}
local REFERRERS = {"https://www.google.com/", "https://duckduckgo.com/", "https://news.ycombinator.com/"}
local AGENTS = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
}
local ID = string.rep("0", 36)
local TIME = "2026-01-01T00:00:00.000Z"
local SESSION = string.rep("0", 8)

local random = math.random
local hex = ffi.new("uint32_t[65536]") -- four hexadecimal digits each
local now = ffi.new("cp_timeval")
local prepared, turn = {}, 0

local function pick(list) return list[random(#list)] end

local function event()
  return string.format(
    '{"event_id":"%s","timestamp":"%s","event_type":"%s","session_id":"s-%s","source":"web",' ..
    '"properties":{"page":"%s","duration":%d},"metadata":{"user_agent":"%s","country":"%s","referrer":"%s"}}',
    ID, TIME, pick(TYPES), SESSION, pick(PAGES), random(200, 60000), pick(AGENTS), pick(COUNTRIES),
    pick(REFERRERS))
end

local function lay_out(batch, token)
  local events = {}
  for i = 1, batch do events[i] = event() end
  local body = batch == 1 and events[1] or '{"events":[' .. table.concat(events, ",") .. "]}"
  local request = table.concat({
    "POST " .. wrk.path .. " HTTP/1.1", "Host: " .. wrk.headers["Host"], "Authorization: Bearer " .. token,
    "Content-Type: application/json", "Content-Length: " .. #body, "", body}, "\r\n")
  local at, from = ffi.new("int[?]", batch), 1
  for i = 0, batch - 1 do
    local start = string.find(request, '{"event_id":"', from, true)
    at[i], from = start - 1, start + 1
  end
  local bytes = ffi.new("char[?]", #request)
  ffi.copy(bytes, request, #request)
  return {bytes = bytes, length = #request, at = at, batch = batch}
end

local ID_AT, TIME_AT = #'{"event_id":"', #'{"event_id":"' + 36 + #'","timestamp":"'

function init(args)
  math.randomseed(tonumber(args[3]))
  for i = 0, 65535 do ffi.copy(hex + i, string.format("%04x", i), 4) end
  local batch = tonumber(args[1])
  for i = 1, math.ceil(SLOTS / batch) do
    local request = lay_out(batch, args[2])
    local sessions = ffi.new("int[?]", batch)
    local text = ffi.string(request.bytes, request.length)
    for e = 0, batch - 1 do
      sessions[e] = string.find(text, '"session_id":"s-', request.at[e] + 1, true) - 1 + #'"session_id":"s-'
    end
    request.sessions = sessions
    prepared[i] = request
  end
end

local function four(bytes, at, number) ffi.cast("uint32_t *", bytes + at)[0] = hex[number] end

local second, text = 0, ""

local function time()
  ffi.C.gettimeofday(now, nil)
  local sec = tonumber(now.sec)
  if sec ~= second then second, text = sec, os.date("!%Y-%m-%dT%H:%M:%S.", sec) end
  return string.format("%s%03dZ", text, tonumber(now.usec) / 1000)
end

function request()
  turn = turn % #prepared + 1
  local request = prepared[turn]
  local bytes, at, sessions, moment = request.bytes, request.at, request.sessions, time()
  for i = 0, request.batch - 1 do
    local id = at[i] + ID_AT -- xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx
    four(bytes, id, random(0, 65535))
    four(bytes, id + 4, random(0, 65535))
    four(bytes, id + 9, random(0, 65535))
    four(bytes, id + 14, 0x4000 + random(0, 0xfff))
    four(bytes, id + 19, 0x8000 + random(0, 0x3fff))
    four(bytes, id + 24, random(0, 65535))
    four(bytes, id + 28, random(0, 65535))
    four(bytes, id + 32, random(0, 65535))
    bytes[id + 8], bytes[id + 13], bytes[id + 18], bytes[id + 23] = 45, 45, 45, 45
    ffi.copy(bytes + at[i] + TIME_AT, moment, 24)
    local session = random(0, 65535)
    four(bytes, sessions[i], session)
    four(bytes, sessions[i] + 4, session)
  end
  return ffi.string(bytes, request.length)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
