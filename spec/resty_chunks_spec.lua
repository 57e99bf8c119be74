-- SPDX-License-Identifier: MIT
--- How the transport inside nginx parses chunked bodies, in slices of any size (RFC 9112 section
-- 7.1).
local http1 = require "predibase.transport.resty.http1"

--- Feeds slices. Returns the body, whether it ended, how many bytes of the last slice were left,
-- and what was wrong.
local function read (slices)
  local c, parts = http1.new_chunks(), {}
  local function sink (bytes, first, last) parts[#parts + 1] = bytes:sub(first, last) end
  local left = 0
  for _, bytes in ipairs(slices) do
    local at, problem = c:feed(bytes, 1, sink)
    if problem then return table.concat(parts), false, 0, problem end
    left = left + #bytes - at + 1
  end
  return table.concat(parts), c.done, left
end

local function in_bytes (text)
  local list = {}
  for i = 1, #text do list[i] = text:sub(i, i) end
  return list
end

local GOOD = {
  ["one chunk"] = { "5\r\nhello\r\n0\r\n\r\n", "hello" },
  ["several chunks"] = { "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello" },
  ["no chunk"] = { "0\r\n\r\n", "" },
  ["sizes in any case and with leading zeros"] = {
    "00000000000000000000a\r\n0123456789\r\n000B\r\n0123456789a\r\n000\r\n\r\n",
    "01234567890123456789a" },
  ["extensions"] = { "5;a=b;c=\"d;e\" \r\nhello\r\n0 ; last\r\n\r\n", "hello" },
  ["trailers"] = { "5\r\nhello\r\n0\r\nx-checksum: 1\r\ncontent-length: 3\r\n\r\n", "hello" },
  ["lines that end in LF alone"] = { "5\nhello\n0\n\n", "hello" },
  ["data that looks like framing"] = { "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "0\r\n\r\n0\r" },
}

local BAD = {
  ["a size that is not a number"] = "zz\r\nabc\r\n",
  ["a negative size"] = "-3\r\nabc\r\n",
  ["a size with a sign"] = "+3\r\nabc\r\n",
  ["a size with the prefix 0x"] = "0x3\r\nabc\r\n",
  ["no size"] = "\r\nabc\r\n",
  ["a blank before the size"] = " 3\r\nabc\r\n",
  ["a size that is too large"] = "fffffffffffffffff\r\nabc\r\n",
  ["other characters after the size"] = "3 4\r\nabc\r\n",
  ["a CR in an extension"] = "3;a\rb\r\nabc\r\n",
  ["more data than its size"] = "3\r\nabcd\r\n0\r\n\r\n",
  ["two CRs after its data"] = "3\r\nabc\r\r\n0\r\n\r\n",
}

describe("a chunked body", function ()
  for what, case in pairs(GOOD) do
    it("is parsed with " .. what .. ", in slices of any size", function ()
      local bytes, body = case[1], case[2]
      assert.same({ body, true, 0 }, { read { bytes } })
      assert.same({ body, true, 0 }, { read(in_bytes(bytes)) })
      for cut = 1, #bytes - 1 do
        assert.same({ body, true, 0 }, { read { bytes:sub(1, cut), bytes:sub(cut + 1) } })
      end
      assert.same({ body, true, 4 }, { read { bytes .. "HTTP" } })
      for cut = 1, #bytes - 1 do
        local _, done = read { bytes:sub(1, cut) }
        assert.is_false(done)
      end
    end)
  end

  for what, bytes in pairs(BAD) do
    it("is refused with " .. what .. ", in slices of any size", function ()
      assert.is_string((select(4, read { bytes })))
      assert.is_string((select(4, read(in_bytes(bytes)))))
    end)
  end

  it("is limited in its extensions and trailers", function ()
    assert.is_string((select(4, read { "5;" .. ("a"):rep(5000) })))
    assert.is_string((select(4, read { "5;" .. ("a"):rep(5000) .. "\r\nhello" })))
    local function trailers (count) return "0\r\n" .. ("a: 34567\r\n"):rep(count) end
    assert.is_nil((select(4, read { trailers(4000) })))
    assert.is_string((select(4, read { trailers(5000) })))
    assert.is_string((select(4, read { "0\r\n", ("a"):rep(20000), ("a"):rep(20000) })))
  end)

  it("stops when its sink returns a value", function ()
    local c = http1.new_chunks()
    local at, problem = c:feed("5\r\nhello\r\n", 1, function () return "enough" end)
    assert.same({ nil, "enough" }, { at, problem })
  end)
end)
