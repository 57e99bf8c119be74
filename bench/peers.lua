-- SPDX-License-Identifier: MIT
-- Measures clients made of other Lua modules, with lua-cjson, at the jobs of ours.lua and many.lua.
-- usage: peers.lua luasocket|luacurl stream URL TOKENS FILE
--        peers.lua luasocket|luacurl generate URL CALLS
--        peers.lua copas many URL STREAMS TOKENS
-- The jobs are those of peers.py. luasocket: socket.http. luacurl: the module `curl` of Debian's
-- lua-curl, which has only the interface for one transfer at a time. copas: socket.http in
-- coroutines. The text of the tokens is joined and compared with what the server has sent. Prints
-- lines "NAME VALUE".

local who, job, url, count, rest = arg[1], arg[2], arg[3], tonumber(arg[4]), arg[5]

-- Before socket.http: copas replaces functions of luasocket by those that may yield.
local copas = who == "copas" and require "copas"
local cjson = require "cjson"
local common = dofile "bench/common.lua"
local print_value = common.print_value

local REQUEST = '{"inputs":"water"}'

--- Returns a function that takes pieces of a response, and calls `on_text` with the text of each
-- token that is not special.
local function event_reader (on_text)
  local buffer = ""
  return function (piece)
    buffer = buffer .. piece
    local from = 1
    while true do
      local first, last = buffer:find("\n\n", from, true)
      if not first then break end
      local token = cjson.decode(buffer:sub(from + 5, first - 1)).token
      if not token.special then on_text(token.text) end
      from = last + 1
    end
    buffer = buffer:sub(from)
  end
end

local post -- post(url, take): sends REQUEST, and calls `take` with each piece of the response

if who == "luacurl" then
  local curl = require "curl"
  local easy = curl.easy_init()
  easy:setopt(curl.OPT_POSTFIELDS, REQUEST)
  easy:setopt(curl.OPT_HTTPHEADER, { "content-type: application/json", "expect:" })

  function post (to, take)
    easy:setopt(curl.OPT_URL, to)
    easy:setopt(curl.OPT_WRITEFUNCTION, function (piece)
      take(piece)
      return #piece
    end)
    local code, message = easy:perform()
    assert(code == 0, message)
  end
else
  local http = require "socket.http"
  local ltn12 = require "ltn12"
  local socket = require "socket"
  http.TIMEOUT = 600

  -- What socket.http uses of a socket, with the functions of copas that yield.
  local Waiting = {}
  Waiting.__index = Waiting
  function Waiting:connect (host, port) return copas.connect(self.socket, host, port) end
  function Waiting:send (...) return copas.send(self.socket, ...) end
  -- Returns what has arrived instead of waiting for all bytes that were asked for.
  function Waiting:receive (...) return copas.receive(self.socket, ...) end
  function Waiting:close () return self.socket:close() end
  function Waiting.settimeout () return 1 end

  local function create ()
    if not copas then return socket.tcp() end
    local new = assert(socket.tcp())
    new:settimeout(0)
    return setmetatable({ socket = new }, Waiting)
  end

  function post (to, take)
    local _, status = assert(http.request {
      url = to, method = "POST", source = ltn12.source.string(REQUEST), create = create,
      headers = { ["content-type"] = "application/json", ["content-length"] = tostring(#REQUEST) },
      sink = function (piece)
        if piece then take(piece) end
        return 1
      end,
    })
    assert(status == 200, status)
  end
end

if job == "stream" then
  local pieces, n = {}, 0
  local cpu = os.clock()
  post(url .. "/generate_stream", event_reader(function (text)
    n = n + 1
    pieces[n] = text
  end))
  local text = table.concat(pieces)
  cpu = os.clock() - cpu
  assert(text == common.read(rest), "the text is not the server's")
  print_value("tokens_per_cpu_s", "%.0f", count / cpu)
elseif job == "generate" then
  local function call ()
    local pieces = {}
    post(url .. "/generate", function (piece) pieces[#pieces + 1] = piece end)
    assert(cjson.decode(table.concat(pieces)).generated_text == "water")
  end
  call()
  local cpu, began = os.clock(), common.now()
  for _ = 1, count do call() end
  print_value("calls_per_s", "%.0f", count / (common.now() - began))
  print_value("cpu_us_per_call", "%.2f", (os.clock() - cpu) * 1e6 / count)
else
  local tokens = tonumber(rest)
  local window = common.window(count, tokens)
  local finished = 0

  local function read (to, on_text, on_end)
    copas.addthread(function ()
      copas.setErrorHandler(function (message)
        io.stderr:write(tostring(message), "\n")
        os.exit(1)
      end)
      post(to .. "/generate_stream", event_reader(on_text))
      if on_end then on_end() end
      finished = finished + 1
    end)
  end

  -- copas.loop of Debian's version never returns.
  local function wait_for (streams)
    finished = 0
    while finished < streams do copas.step() end
  end

  read(url:match "^http://[^/]*" .. "/1/1/1000", function () end)
  wait_for(1)
  window:start()
  local texts = {}
  for _ = 1, count do
    local pieces, n = {}, 0
    read(url, function (text)
      n = n + 1
      pieces[n] = text
      window:take(n, text)
    end, function () texts[#texts + 1] = table.concat(pieces) end)
  end
  wait_for(count)
  for _, text in ipairs(texts) do common.check_paced(text, tokens) end
  window:print_delays()
end
