-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Servers that go wrong before the first byte of the body.
local faults = require "spec.support.faults"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

-- Far more than any of these heads takes; where a clock is to run out, it says so itself.
local BOUND = { total = 20 }

--- A good answer whose head has further lines.
local function with (...)
  local lines = { ... }
  return function (method)
    return { { send = faults.sized(method, nil, unpack(lines)) } }
  end
end

--- A connection that ends at some point of the head.
local function breaks (name, ...)
  return { name = name, raw = { ... }, options = { max_retries = 2 },
    expect = { kind = "connection", retryable = true, attempts = 3, requests = 3 } }
end

local function protocol (name, bytes)
  return { name = name, raw = { { send = bytes }, { close = true } },
    options = { max_retries = 2, timeout = BOUND },
    expect = { kind = "protocol", attempts = 1, requests = 1 } }
end

local function slowly (bytes)
  local actions = {}
  for byte in bytes:gmatch(".") do
    actions[#actions + 1] = { send = byte }
    actions[#actions + 1] = { sleep = 0.1 }
  end
  return actions
end

local rows = {
  -- no answer at all
  { name = "a server that accepts and never answers is given up when the clock has run out",
    raw = { { hold = true } }, patient = true,
    options = { timeout = { first_token = 0.5, idle = 30 }, max_retries = 2 },
    only = "stream",
    expect = { kind = "timeout", phase = "first_token", attempts = 1, requests = 1,
      retryable = false } },
  { name = "a server that accepts and never answers is given up when all time is used",
    raw = { { hold = true } }, patient = true, options = { timeout = 0.5, max_retries = 2 },
    expect = { kind = "timeout", phase = "total", attempts = 1, requests = 1,
      retryable = false } },
  { name = "a head that comes byte by byte does not win time by that",
    raw = function (method) return slowly(faults.head(method)) end, patient = true,
    only = "stream",
    options = { timeout = { first_token = 0.4, idle = 30 } },
    expect = { kind = "timeout", phase = "first_token" } },
  { name = "a head that comes byte by byte does not win time for the whole call",
    raw = function (method) return slowly(faults.head(method)) end, patient = true,
    options = { timeout = 0.4 }, expect = { kind = "timeout", phase = "total" } },
  breaks("a connection that is closed without an answer is made anew", { close = true }),
  breaks("a connection that is reset without an answer is made anew", { reset = true }),
  breaks("a connection that is reset in the status line is made anew",
    { send = "HTTP/1.1 2" }, { reset = true }),
  breaks("a connection that is closed in the head is made anew",
    { send = "HTTP/1.1 200 OK\r\ncontent-ty" }, { close = true }),
  breaks("a connection that is reset in the head is made anew",
    { send = "HTTP/1.1 200 OK\r\ncontent-ty" }, { reset = true }),
  { name = "the third try succeeds after two lost connections",
    script = function (method)
      return { { raw = { { close = true } } }, { raw = { { reset = true } } },
        { raw = { { send = faults.sized(method) } } } }
    end,
    options = { max_retries = 2 },
    expect = { text = faults.TEXT, attempts = 3, requests = 3 } },

  -- not HTTP
  protocol("the banner of an SSH server is no answer", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
  protocol("an answer without a head, as of HTTP/0.9, is no answer",
    "<html><body>Hello</body></html>\n"),
  protocol("an alert of TLS is no answer", "\21\3\1\0\2\2\40"),
  protocol("bytes without sense are no answer", ("\255\0\1"):rep(300)),

  -- interim answers
  { name = "103 Early Hints and 100 Continue are passed over",
    raw = function (method)
      return { { send = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" },
        { send = "HTTP/1.1 100 Continue\r\n\r\n" }, { send = faults.sized(method) } }
    end,
    expect = faults.GOOD },
  { name = "an interim answer does not start the clock idle",
    raw = function (method)
      return { { send = "HTTP/1.1 103 Early Hints\r\n\r\n" }, { sleep = 0.5 },
        { send = faults.sized(method) } }
    end,
    options = { timeout = { idle = 0.2, total = 20 } },
    expect = faults.GOOD },
  { name = "an unrequested 101 ends the call",
    raw = { { send = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n" },
      { hold = true } },
    options = { max_retries = 2, timeout = BOUND },
    expect = { kind = "protocol", message = "another protocol", attempts = 1, requests = 1 } },
  breaks("a connection that is closed behind an interim answer is made anew",
    { send = "HTTP/1.1 103 Early Hints\r\n\r\n" }, { close = true }),

  -- odd, but allowed, or tolerated everywhere
  { name = "a status without a reason is a status",
    raw = function (method)
      return { { send = (faults.sized(method):gsub("200 OK", "200")) } }
    end,
    expect = faults.GOOD },
  { name = "a folded line, as HTTP once had them, is passed over",
    raw = with("x-folded: one\r\n two"), expect = faults.GOOD },
  { name = "a field without a value is a field", raw = with("x-empty:", "x-blank:   "),
    expect = faults.GOOD },
  { name = "lines that end in LF alone are lines",
    raw = function (method)
      local body = faults.BODIES[method]
      local head = faults.head(method, "content-length: " .. #body)
      return { { send = head:gsub("\r\n", "\n") .. body } }
    end,
    expect = faults.GOOD },

  -- broken heads: an error or the right answer, and never anything else
  { name = "a line without a colon ends the call or is passed over",
    raw = with("this is no field"), expect = { any = true } },
  { name = "a NUL in a field is refused", raw = with("x-nul: a\0b"),
    expect = { kind = "protocol" } },
}

--- `count` fields of `size` bytes.
local function many (count, size)
  local lines = {}
  for i = 1, count do lines[i] = ("x-%d: %s"):format(i, ("a"):rep(size)) end
  return with(unpack(lines))
end

for _, row in ipairs {
  { name = "a head of two thousand fields is refused", raw = many(2000, 8),
    expect = { kind = "protocol", message = "head" } },
  { name = "a head with a field of a megabyte is refused", raw = many(1, 1048576),
    expect = { kind = "protocol", message = "head" } },
  { name = "a head of a hundred fields is read", raw = many(100, 100), expect = faults.GOOD },
} do rows[#rows + 1] = row end

describe("A head that goes wrong:", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)
  rig:each(rows, it)

  -- libcurl 7.83 to 8.0 appends such a line to the last header of the response before, whose memory
  -- it has freed; a few calls were enough to destroy the heap.
  for _, way in ipairs(faults.ways {}) do
    it(("a head that begins with a folded line does no harm (%s)"):format(way.name),
      function ()
        local good = faults.sized(way.method, nil, "x-last: " .. ("a"):rep(40))
        local folded = good:gsub("\r\n", "\r\n folded: " .. ("b"):rep(400) .. "\r\n", 1)
        local client = faults.client(rig.url)
        for _ = 1, 100 do
          rig.server:script(faults.PATHS[way.method],
            { { raw = { { send = good } } }, { raw = { { send = folded } } } })
          faults.check(faults.call(client, way), faults.GOOD, way)
          local found = faults.call(client, way)
          faults.check(found, { any = true }, way)
          assert.is_true(found.result ~= nil or found.err.kind == "protocol", tostring(found.err))
        end
        rig:check_recovery(client, way)
      end)
  end
end)
