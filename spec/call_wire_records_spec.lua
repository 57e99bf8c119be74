-- SPDX-License-Identifier: MIT
local secrecy = require "spec.support.secrecy"
local wire_records = require "predibase.call.wire_records"

local TOKEN = secrecy.TOKEN

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

-- Returns the function that takes records, and the array of what the hook gets.
local function new (body)
  local got = {}
  return wire_records.new(function (record) got[#got + 1] = record end, function ()
    return { secrets = { TOKEN }, body = body }
  end, 2, 100), got
end

local function texts (got)
  local list = {}
  for i, record in ipairs(got) do list[i] = record.kind .. ": " .. record.text end
  return list
end

local HEAD = { { "h", 101, "HTTP/1.1 200 OK\r\n" }, { "h", 101, "content-type: text/plain\r\n" },
  { "h", 101, "\r\n" } }

local STREAM = { { "h", 101, "HTTP/1.1 200 OK\r\n" },
  { "h", 101, "Content-Type: text/event-stream; charset=utf-8\r\n" }, { "h", 101, "\r\n" } }

describe("the records of on_wire", function ()
  it("have the request, its body and the response, with times", function ()
    local log, got = new '{"inputs":"x"}'
    log({ { "t", 100.5, "  Trying 127.0.0.1:1...\n" },
      { "s", 101, "POST /generate HTTP/1.1\r\nHost: a\r\n\r\n" } })
    log(HEAD)
    log({ { "d", 102, "hel" }, { "d", 103, "lo" } })
    assert.equal(4, #got)
    log({}, true)
    assert.same({ "info: Trying 127.0.0.1:1...", "request: POST /generate HTTP/1.1\nHost: a",
      'sent: {"inputs":"x"}', "response: HTTP/1.1 200 OK\ncontent-type: text/plain",
      "body: hello" }, texts(got))
    assert.equal(0.5, got[1].time)
    assert.equal(3, got[5].time)
    assert.equal(5, got[5].size)
    assert.equal(2, got[5].attempt)
    local other = select(2, new())
    assert.same({}, other)
  end)

  it("never have a secret, wherever it is and however the response is divided", function ()
    local echo = ("data: {\"a\":\"%s\"}\r\n\r\n: %s\n\ndata: %s"):format(TOKEN,
      TOKEN, TOKEN:gsub("_", "\\u005f"))
    for size = 1, #echo do
      for _, head in ipairs { HEAD, STREAM } do
        local log, got = new(('{"api_token":"%s"}'):format(TOKEN))
        log({ { "t", 101, "Server auth using Basic with user '" .. TOKEN .. "'\n" },
          { "s", 101, ("GET /x?api_key=%s&n=1 HTTP/1.1\r\nAuthorization: Bearer %s\r\n"
            .. "Cookie: a=cookie-of-mine; b=1\r\nX-Api-Key: short\r\n\r\n")
            :format(TOKEN, TOKEN) } })
        log(head)
        for at = 1, #echo, size do log({ { "d", 102, echo:sub(at, at + size - 1) } }) end
        log({ { "d", 102, " cookie-of-mine" } }, true)
        local all = table.concat(texts(got), "\n")
        assert.is_nil(all:find(TOKEN, 1, true))
        assert.is_nil(all:find("SENTINEL", 1, true))
        assert.is_nil(all:find("cookie-of-mine", 1, true))
        assert.is_nil(all:find("short", 1, true))
        assert.is_truthy(all:find("GET /x?api_key=[redacted]&n=1 HTTP/1.1", 1, true))
        assert.is_truthy(all:find("Authorization: Bearer [redacted]\nCookie: [redacted]", 1, true))
      end
    end
  end)

  it("leave out user names and passwords of addresses and proxies", function ()
    local log, got = new()
    log({ { "s", 101, "CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n" },
      { "t", 101, "using http://user:pass@proxy:1/\n" },
      { "h", 101, "HTTP/1.1 302 Found\r\n" },
      { "h", 101, "Location: https://u:p@host/?access_token=abc&x=1\r\n" },
      { "h", 101, "Set-Cookie: id=0123456789; Path=/\r\n" },
      { "h", 101, "x-time-per-token: 5\r\n" }, { "h", 101, "\r\n" },
      { "d", 101, "dXNlcjpwYXNz 0123456789" } }, true)
    assert.same({ "request: CONNECT a:443 HTTP/1.1\nProxy-Authorization: Basic [redacted]",
      "info: using http://[redacted]@proxy:1/",
      "response: HTTP/1.1 302 Found\n"
        .. "Location: https://[redacted]@host/?access_token=[redacted]&x=1\n"
        .. "Set-Cookie: [redacted]\nx-time-per-token: 5",
      "body: [redacted] [redacted]" }, texts(got))
  end)

  it("have one record for each event, as soon as it is complete", function ()
    local log, got = new()
    log(STREAM)
    log({ { "d", 102, "data: a\n" } })
    assert.equal(1, #got)
    log({ { "d", 103, "\ndata: b\n\nda" } })
    assert.equal(3, #got)
    log({ { "d", 104, "ta: c" } }, true)
    assert.same({ "event: data: a", "event: data: b", "event: data: c" },
      { unpack(texts(got), 2) })
    assert.equal(3, got[2].time)
    assert.equal(9, got[2].size)
  end)

  it("have the beginning of a large body, which ends with no part of a secret", function ()
    local most = wire_records.MOST
    for before = most - #TOKEN - 2, most + 2 do
      local body = ("x"):rep(before) .. TOKEN .. ("y"):rep(3 * most)
      local log, got = new(body)
      log({ { "s", 101, "POST / HTTP/1.1\r\n\r\n" } })
      log(HEAD)
      log({ { "d", 102, body } }, true)
      for _, i in ipairs { 2, 4 } do
        assert.equal(#body, got[i].size)
        assert.is_true(#got[i].text <= most and #got[i].text > most / 2)
        assert.is_nil(got[i].text:find("pb_", 1, true))
      end
    end
  end)
end)
