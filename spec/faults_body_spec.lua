-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Bodies that are framed wrongly or end too early (RFC 9112 sections 6 and 7).
local faults = require "spec.support.faults"
local wire = require "spec.support.wire"

local BOUND = { total = 20 }

-- Three tokens of a stream, the first half of an answer.
local HALF = { generate = '{"generated_text":" The sky', stream = wire.three_tokens() }

--- Rows of bodies that do not reach their end. A stream has handed out its tokens and is not made
-- again; of an answer nothing was handed out.
local function cut (name, raw)
  return { name = name, raw = raw, options = { max_retries = 1, timeout = BOUND }, expect = {
    generate = { kind = "connection", attempts = 2, requests = 2, retryable = true },
    stream = { kind = "connection", count = 3, partial_text = " The sky is", attempts = 1,
      requests = 1 },
  } }
end

--- Before the first token the request is made again.
local function early (name, raw)
  return { name = name, raw = raw, options = { max_retries = 1, timeout = BOUND },
    expect = { kind = "connection", attempts = 2, requests = 2, retryable = true } }
end

local function good (name, raw, more)
  local row = { name = name, raw = raw, options = { timeout = BOUND },
    expect = { text = faults.TEXT, requests = 1 } }
  for key, value in pairs(more or {}) do row[key] = value end
  return row
end

local function chunked (tail)
  return function (method)
    return { { send = faults.head(method, faults.CHUNKED) .. tail(method) }, { close = true } }
  end
end

--- Bytes where the size of a chunk should be.
local function bad_size (name, size)
  return { name = name, raw = chunked(function (method)
    return faults.chunk(HALF[method]) .. size .. "\r\nabc\r\n" .. faults.LAST_CHUNK
  end), options = { timeout = BOUND }, expect = {
    kind = "protocol", stream = { count = 3 } } }
end

local rows = {
  cut("a body shorter than its Content-Length is no whole one", function (method)
    return { { send = faults.head(method, "content-length: 5000") .. HALF[method] },
      { close = true } }
  end),
  cut("a body that is reset in the middle is no whole one", function (method)
    return { { send = faults.head(method, "content-length: 5000") .. HALF[method] },
      { reset = true } }
  end),
  cut("a chunked body that ends between two chunks is no whole one", chunked(function (method)
    return faults.chunk(HALF[method])
  end)),
  cut("a chunked body that ends inside a chunk is no whole one", chunked(function (method)
    return "1000\r\n" .. HALF[method]
  end)),
  cut("a chunked body that ends inside the size of a chunk is no whole one",
    chunked(function (method) return faults.chunk(HALF[method]) .. "1" end)),
  early("a body that is closed before its first byte is asked for again", function (method)
    return { { send = faults.head(method, "content-length: 5000") }, { close = true } }
  end),
  early("a body that is reset before its first byte is asked for again", function (method)
    return { { send = faults.head(method, "content-length: 5000") }, { reset = true } }
  end),
  early("a body that is reset in its first event is asked for again", function (method)
    return { { send = faults.head(method, "content-length: 5000") .. HALF[method]:sub(1, 20) },
      { reset = true } }
  end),

  -- The end of the connection as the end of the body: HTTP says nothing is missing.
  { name = "a body that ends with its connection is not whole for that reason",
    raw = function (method)
      return { { send = faults.head(method) .. HALF[method] }, { close = true } }
    end,
    options = { max_retries = 1, timeout = BOUND }, expect = {
      generate = { kind = "connection", phase = "body", attempts = 2, requests = 2,
        retryable = true },
      stream = { kind = "incomplete_generation", count = 3, attempts = 1, requests = 1 } } },
  { name = "a body that ends with its connection before it began is no whole one",
    only = "generate", raw = { { send = faults.head "generate" }, { close = true } },
    options = { max_retries = 1, timeout = BOUND },
    expect = { kind = "connection", phase = "body", attempts = 2, requests = 2,
      retryable = true } },
  { name = "a body that is wrong to its end was not cut off",
    only = "generate", raw = { { send = faults.head "generate" .. '{"text":"x"}' },
      { close = true } },
    options = { max_retries = 1, timeout = BOUND },
    expect = { kind = "protocol", attempts = 1, requests = 1 } },
  { name = "half an answer that HTTP says is all of it was not cut off",
    only = "generate", raw = function (method)
      return { { send = faults.sized(method, HALF[method]) } }
    end,
    options = { max_retries = 1, timeout = BOUND },
    expect = { kind = "protocol", attempts = 1, requests = 1 } },
  good("a whole body that ends with its connection is whole", function (method)
    return { { send = faults.head(method) .. faults.BODIES[method] }, { close = true } }
  end),

  -- Broken after all that matters.
  good("a stream is complete with its closing event, though the last chunk is missing",
    chunked(function (method) return faults.chunk(faults.BODIES[method]) end),
    { only = "stream" }),
  good("a reset behind the closing event changes nothing", function (method)
    return { { send = faults.head(method, faults.CHUNKED) .. faults.chunk(faults.BODIES[method]) },
      { reset = true } }
  end, { only = "stream" }),
  good("a reset behind the whole body changes nothing", function (method)
    return { { send = faults.sized(method) }, { reset = true } }
  end),
  good("what comes behind the Content-Length is not part of the answer", function (method)
    return { { send = faults.sized(method) .. "HTTP/1.1 500 Oops\r\n\r\nand more" },
      { close = true } }
  end),
  good("what comes behind the last chunk is not part of the answer", function (method)
    return { { send = faults.chunked(method) .. "HTTP/1.1 500 Oops\r\n\r\nand more" },
      { close = true } }
  end),

  -- Chunks.
  bad_size("a chunk size that is no number is refused", "zz"),
  bad_size("a chunk size of more than 64 bits is refused", "fffffffffffffffff"),
  bad_size("a negative chunk size is refused", "-3"),
  good("extensions of chunks are passed over", chunked(function (method)
    local body = faults.BODIES[method]
    return ("%x;name=value;other=\"quoted\"\r\n"):format(#body) .. body .. "\r\n0;last\r\n\r\n"
  end)),
  good("trailers are passed over", chunked(function (method)
    return faults.chunk(faults.BODIES[method])
      .. "0\r\nx-checksum: 1\r\ncontent-type: text/html\r\n\r\n"
  end)),
  good("a chunk for each byte is as good as any", chunked(function (method)
    return faults.BODIES[method]:gsub(".", faults.chunk) .. faults.LAST_CHUNK
  end)),

  -- The head gives two different ends of the body. A client that uses the wrong one takes the rest
  -- for the next answer, which every row requests at its end.
  good("chunks go before a Content-Length that is too short", function (method)
    local body = faults.BODIES[method]
    return { { send = faults.head(method, "content-length: 5", faults.CHUNKED)
      .. faults.chunk(body) .. faults.LAST_CHUNK }, { close = true } }
  end),
  { name = "two different Content-Lengths do no harm", raw = function (method)
      local body = faults.BODIES[method]
      return { { send = faults.head(method, "content-length: 5", "content-length: " .. #body)
        .. body }, { close = true } }
    end,
    options = { timeout = BOUND }, expect = { any = true } },
  { name = "a Content-Length beyond every number does no harm", raw = function (method)
      return { { send = faults.head(method, "content-length: 1" .. ("0"):rep(23))
        .. faults.BODIES[method] }, { close = true } }
    end,
    options = { timeout = BOUND }, expect = { any = true } },
  { name = "a negative Content-Length is refused", raw = function (method)
      return { { send = faults.head(method, "content-length: -5") .. faults.BODIES[method] },
        { close = true } }
    end,
    options = { timeout = BOUND }, expect = { kind = "protocol" } },

  -- The body is compressed although the request did not allow it.
  { name = "a truncated gzip body is refused", raw = function (method)
      return { { send = faults.sized(method, "\31\139\8\0", "content-encoding: gzip") } }
    end,
    options = { timeout = BOUND }, expect = { kind = "protocol", message = "compressed" } },
}

for _, coding in ipairs { "identity", "Identity", "none", "utf-8", "identity, identity" } do
  rows[#rows + 1] = good(("the content coding %q is none"):format(coding), function (method)
    return { { send = faults.sized(method, nil, "content-encoding: " .. coding) } }
  end)
end

rows[#rows + 1] = good("a header that came twice with one value counts once", function (method)
  local kind = "content-type: " .. faults.TYPES[method]
  return { { send = faults.head(method, kind, faults.CHUNKED, faults.CHUNKED)
    .. faults.chunk(faults.BODIES[method]) .. faults.LAST_CHUNK } }
end)

for _, coding in ipairs { "gzip", "deflate", "br", "gzip, gzip" } do
  rows[#rows + 1] = {
    name = ("the content coding %q is refused"):format(coding),
    raw = function (method)
      return { { send = faults.sized(method, ("\31\139\8\0"):rep(1000),
        "content-encoding: " .. coding) } }
    end,
    options = { max_retries = 2, timeout = BOUND },
    expect = { kind = "protocol", message = "compressed", requests = 1 },
  }
end

describe("A body that goes wrong:", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)
  rig:each(rows, it)

  it("every byte a send of its own makes the same tokens", function ()
    for _, way in ipairs(faults.ways {}) do
      rig.server:script(faults.PATHS[way.method], { slice = 1,
        raw = { { send = faults.chunked(way.method) } } })
      local client = faults.client(rig.url)
      faults.check(faults.call(client, way), faults.GOOD, way)
      rig:check_recovery(client, way)
    end
  end)
end)
