-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local event = require "predibase.event"
local random = require "spec.support.random"
local response = require "predibase.response"
local utf8 = require "predibase.utf8"

local TEXT = { ["content-type"] = "text/plain; charset=utf-8" }
local HTML = { ["content-type"] = "text/html" }
local JSON = { ["content-type"] = "application/json" }

local function failed (status, body, headers, meta)
  return response.error({ status = status, headers = headers or {}, body = body }, meta)
end

describe("response.error", function ()
  it("maps every error_type of the router", function ()
    local cases = {
      { 424, "generation", "generation", false }, { 429, "overloaded", "overloaded", true },
      { 422, "validation", "validation", false },
      { 500, "incomplete_generation", "incomplete_generation", true },
      { 422, "template_error", "template", false }, { 422, "tool_error", "tool", false },
      { 422, "missing_template_variable", "template", false },
      { 500, "embedding_failure", "server", true },
      { 500, "classification_failure", "server", true }, { 503, "healthcheck", "server", true },
      { 500, "failed healthcheck", "server", true },
      { 404, "no fast tokenizer", "not_found", false }, { 400, "invalid_input", "validation",
      false },
    }
    for _, case in ipairs(cases) do
      local status, error_type, kind, retryable = case[1], case[2], case[3], case[4]
      local err = failed(status, '{"error":"the text","error_type":"' .. error_type .. '"}', JSON)
      assert.equal(kind, err.kind, error_type)
      assert.equal(retryable, err.retryable, error_type)
      assert.equal(error_type, err.error_type)
      assert.equal("the text", err.message)
      assert.equal(status, err.status)
      assert.is_true(errors.is(err))
    end
  end)

  it("treats a shard that cannot be reached as a temporary error of the server", function ()
    local err = response.error { status = 424, headers = { ["content-type"] = "application/json" },
      body = '{"error":"Request failed during generation: Server error: error trying to connect: '
        .. 'x","error_type":"generation"}' }
    assert.same({ "server", true, 424 }, { err.kind, err.retryable, err.status })
  end)

  it("prefers error_type to the status", function ()
    assert.equal("validation", failed(500, '{"error":"x","error_type":"validation"}').kind)
    assert.equal("overloaded", failed(503, '{"error":"x","error_type":"overloaded"}').kind)
  end)

  it("uses the status when error_type is missing or unknown", function ()
    local cases = {
      validation = { 400, 422, 406, 411, 418, 451, 499 }, authentication = { 401 },
      permission = { 402, 403 }, not_found = { 404, 405, 410 }, connection = { 407 },
      server = { 408, 409, 425, 500, 501, 502, 503, 504, 505, 520, 599 }, too_large = { 413 },
      protocol = { 415, 100, 101, 199, 300, 301, 304, 307, 399, 600, 999, 0, -1 },
      generation = { 424 }, rate_limited = { 429 },
    }
    for kind, statuses in pairs(cases) do
      for _, status in ipairs(statuses) do
        for _, body in ipairs { "", "text", '{"error":"x"}', '{"error":"x","error_type":"new"}' } do
          assert.equal(kind, failed(status, body).kind, status .. body)
        end
      end
    end
    for _, status in ipairs { 200, 204, 206 } do
      assert.equal("protocol", failed(status, "").kind)
      assert.equal("protocol", failed(status, "text").kind)
    end
    assert.equal("protocol", failed(nil, "").kind)
    assert.equal("protocol", failed("x", "").kind)
  end)

  it("marks the statuses after which a retry may succeed", function ()
    local retryable = { [408] = true, [409] = true, [425] = true, [429] = true, [500] = true,
      [502] = true, [503] = true, [504] = true }
    for status = 100, 599 do
      assert.equal(retryable[status] or false, failed(status, "").retryable, status)
    end
  end)

  it("keeps the plain texts of the web framework unchanged", function ()
    for status, text in pairs {
      [400] = "Failed to parse the request body as JSON: EOF while parsing a value",
      [413] = "Failed to buffer the request body: length limit exceeded",
      [415] = "Expected request with `Content-Type: application/json`",
      [422] = "Failed to deserialize the JSON body into the target type: parameters.seed: invalid "
        .. "type: string \"x\", expected u64 at line 1 column 42",
      [503] = "no healthy upstream",
    } do
      assert.equal(text, failed(status, text, TEXT).message)
      assert.equal(text, failed(status, text, TEXT).body)
    end
  end)

  it("makes a message when the server sends none", function ()
    assert.equal("the server answered 405 and gave no reason", failed(405, "").message)
    assert.equal("the server answered 504 and gave no reason", failed(504, " \n").message)
    assert.matches("404 and gave no reason; check the URL, the tenant", failed(404, "").message)
    assert.matches("401 and gave no reason; check the API token", failed(401, "").message)
    assert.is_nil(failed(404, "").body)
    assert.is_string(response.error({ status = 500 }).message)
  end)

  it("uses the title or the text of a gateway's page", function ()
    local page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
      .. "<center><h1>502 Bad Gateway</h1></center>\r\n<hr>nginx</body>\r\n</html>\r\n"
    assert.equal("the server answered with an HTML page: 502 Bad Gateway", failed(502, page,
      HTML).message)
    assert.equal("502 Bad Gateway", failed(502, page, {}).message)
    assert.equal("the server answered with an HTML page: Please log in",
      failed(403, "<p>Please <b>log in</b></p>", HTML).message)
    assert.is_true(failed(502, page, HTML).retryable)
  end)

  it("reads the error objects of other servers", function ()
    for body, message in pairs {
      ['{"message":"no Route matched with those values"}'] = "no Route matched with those values",
      ['{"detail":"Not Found"}'] = "Not Found",
      ['{"detail":[{"loc":["body"]}]}'] = '[{"loc":["body"]}]',
      ['{"error":{"message":"m","type":"t"}}'] = "m",
      ['{"error":{"code":5}}'] = '{"code":5}',
      ['{"error":17}'] = "17",
      ['{"error":true}'] = "true",
      ['{"error":["a","b"]}'] = '["a","b"]',
      ['{"error":""}'] = "the server gave no reason",
      ['  {"error":"x"}\n'] = "x",
      ['[{"error":"x"}]'] = "x",
      ['{"error":null,"message":"m"}'] = "m",
      ['{"other":1}'] = '{"other":1}',
      ['{"error":"x"'] = '{"error":"x"',
      ["[]"] = "[]",
    } do
      assert.equal(message, failed(400, body, TEXT).message, body)
    end
  end)

  it("has a stable kind and no Lua error for error fields of any type", function ()
    local values = { '"x"', "{}", "[]", "5", "-1.5e300", "null", "true", "false", '""', '{"a":[]}',
      '"' .. ("x"):rep(60000) .. '"', '"\\ud800"', "18446744073709551615",
      '{"message":5,"type":{}}' }
    for _, a in ipairs(values) do
      for _, b in ipairs(values) do
        local err = failed(422, '{"error":' .. a .. ',"error_type":' .. b .. "}", JSON)
        assert.equal("validation", err.kind)
        assert.is_string(err.message)
        assert.is_true(#err.message <= 4096 and #err.message > 0)
        assert.is_true(err.error_type == nil or #err.error_type <= 100)
        assert.is_string(tostring(err))
      end
    end
  end)

  it("makes excerpts short, printable and valid UTF-8", function ()
    local bodies = { ("é€😀"):rep(5000), ("\255\0\27[2J"):rep(5000), ("<p>"):rep(10000),
      "\31\139\8\0\0\0\0\0\0\3" .. ("\254\1"):rep(3000), ("x"):rep(10 * 1024 * 1024) }
    for _, body in ipairs(bodies) do
      local err = failed(502, body, HTML)
      assert.equal("server", err.kind)
      assert.is_true(#err.body <= 512)
      for _, text in ipairs { err.body, err.message } do
        assert.is_true(utf8.valid(text))
        assert.is_nil(text:find("[%z\1-\31\127]"))
      end
    end
    local err = failed(502, ("\254\1"):rep(100), { ["content-encoding"] = "gzip" })
    assert.equal("the server answered 502 and gave no reason", err.message)
  end)

  it("takes no quadratic time", function ()
    for _, piece in ipairs { "<", "<title", "< ", "[", '{"a":', " ", "@", "data:", "\\" } do
      local many = piece:rep(200000)
      local err = failed(502, many, HTML)
      assert.equal("server", err.kind)
      err = failed(302, "", { location = "https://" .. many, ["retry-after"] = many })
      assert.equal("protocol", err.kind)
      assert.is_true(#err.message <= 4096)
    end
  end)

  it("reports an unexpected answer with status 200, with its type and an excerpt",
    function ()
    local err = failed(200, "<html><title>Sign in</title><form>", HTML)
    assert.equal("protocol", err.kind)
    assert.equal("unexpected answer (status 200, text/html): Sign in", err.message)
    assert.equal("unexpected answer (status 200, no content type): empty", failed(200, "").message)
    err = failed(200, '{"error":"x","error_type":"validation"}', JSON)
    assert.equal("validation", err.kind)
    err = failed(200, '{"message":"x"}', JSON)
    assert.equal("protocol", err.kind)
    assert.equal("x", err.message)
  end)

  it("gives an error object with status 200 the same kind as that event of a stream",
    function ()
    for _, body in ipairs { '{"error":"x"}', '{"error":"x","error_type":"brand_new"}',
      '{"error":{"message":"x"}}', '{"generated_text":"","error":"x"}',
      '{"error":"x","error_type":"overloaded"}', '{"error":"x","error_type":"generation"}' } do
      local of_event = event.failure(event.decode(body))
      for _, spelling in ipairs { body, "[" .. body .. "]", "data: " .. body .. "\n\n" } do
        local _, err = response.result { status = 200, headers = {}, body = spelling }
        assert.equal(of_event.kind, err.kind, spelling)
        assert.equal("x", err.message)
        assert.equal(errors.kinds[err.kind].retryable, err.retryable, spelling)
      end
    end
  end)

  it("names the host of a redirect and never its query, its path or its user", function ()
    local cases = {
      ["https://login.example/a?token=pb_SENTINEL#x"] = "login.example",
      ["http://user:pb_SENTINEL@other.example:8080?q=pb_SENTINEL"] = "other.example:8080",
      ["//third.example/pb_SENTINEL"] = "third.example", ["/login?x=pb_SENTINEL"] = "another path",
      ["file:///etc/passwd"] = "another path", ["?pb_SENTINEL"] = "another path",
      ["https://"] = "another path", [""] = "nowhere", ["http://[::1]:80/x"] = "[::1]:80",
      ["https://evil.example\\@good.example/"] = "evil.example",
      ["HTTPS://a@b@c.example/"] = "c.example",
    }
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      for location, where in pairs(cases) do
        local err = failed(status, "", { location = location })
        assert.equal("protocol", err.kind)
        assert.equal(("the server redirects to %s (status %d); redirects are not followed")
          :format(where, status), err.message)
        assert.is_nil(tostring(err):find("SENTINEL", 1, true))
      end
    end
    assert.matches("redirects to nowhere", failed(302, '{"error":"x"}', {}).message)
  end)

  it("hides secrets that the server echoes anywhere", function ()
    local secret = "pb_SENTINEL_7f3a"
    local headers = { ["content-type"] = "text/plain", ["x-echo"] = "Bearer " .. secret,
      ["x-b3-traceid"] = secret, location = "https://" .. secret .. ".example/" }
    local meta = { secrets = { secret } }
    for _, status in ipairs { 200, 302, 401, 403, 422, 500 } do
      for _, body in ipairs {
        "token " .. secret .. " is bad",
        '{"error":"' .. secret .. '","error_type":"' .. secret .. '"}',
        '{"error":{"message":"' .. secret .. '"}}', '{"detail":["' .. secret .. '"]}',
        "<title>" .. secret .. "</title>", ("x"):rep(505) .. secret, ("x"):rep(4090) .. secret,
      } do
        local err = failed(status, body, headers, meta)
        local texts = { tostring(err), err.message, err.body, err.error_type or "", err.trace_id }
        for _, value in pairs(err.headers) do texts[#texts + 1] = value end
        for _, text in ipairs(texts) do
          assert.is_nil(text:find("SENTINEL", 1, true), text)
        end
      end
    end
    assert.equal("Bearer " .. secret, headers["x-echo"])
    assert.equal("token [redacted] is bad", failed(401, "token " .. secret .. " is bad", TEXT,
      meta).message)
  end)

  it("hides secrets that the server echoes with the escapes of JSON", function ()
    local meta = { secrets = { 'pb_"SEN\\TINEL/7' } }
    for _, spelling in ipairs { [[pb_\"SEN\\TINEL/7]], [[pb_\"SEN\\TINEL\/7]],
      [[pb_\u0022SEN\u005CTINEL\/7]], [[pb_\\\"SEN\\\\TINEL\\\/7]] } do
      for _, before in ipairs { "", ("x"):rep(490), ("x"):rep(500), ("<p>"):rep(21844) } do
        for _, body in ipairs { '{"error":"' .. before .. spelling .. '"}',
          '{"detail":["' .. before .. spelling .. '"]}', before .. spelling .. "<p>" } do
          local err = failed(401, body, JSON, meta)
          assert.is_nil((tostring(err) .. err.body):find("TINEL", 1, true), body)
          assert.is_nil((tostring(err) .. err.body):find("SEN", 1, true), body)
        end
      end
    end
  end)

  it("contains the trace id, the attempts and the headers", function ()
    local id = ("0af7651916cd43dd"):rep(2)
    local err = failed(500, "", { ["x-b3-traceid"] = "abc", traceparent = "00-" .. id .. "-b7-01" },
      { attempts = 3 })
    assert.equal("abc", err.trace_id)
    assert.equal(3, err.attempts)
    assert.equal("abc", err.headers["x-b3-traceid"])
    assert.equal("response", err.phase)
    assert.equal(id, response.trace_id { traceparent = "00-" .. id .. "-b7ad6b7169203331-01" })
    assert.is_nil(response.trace_id { traceparent = "rubbish" })
    assert.is_nil(response.trace_id {})
  end)

  it("contains the wait that the server requests", function ()
    assert.equal(7, failed(429, "", { ["retry-after"] = "7" }).retry_after)
    assert.equal(0.1, failed(429, "", { ["retry-after-ms"] = "100" }).retry_after)
    assert.is_nil(failed(429, "", { ["retry-after"] = "-7" }).retry_after)
    local date = "Sun, 06 Nov 1994 08:50:00 GMT"
    assert.equal(23, failed(503, "", { ["retry-after"] = date,
      date = "Sun, 06 Nov 1994 08:49:37 GMT" }, { now = 0 }).retry_after)
    assert.equal(23, failed(503, "", { ["retry-after"] = date }, { now = 784111777 }).retry_after)
    assert.is_nil(failed(503, "", { ["retry-after"] = date }).retry_after)
  end)

  it("never raises for random responses, and always returns a documented kind", function ()
    local rng = random.new(1234)
    local names = { "content-type", "location", "retry-after", "retry-after-ms", "traceparent",
      "x-ratelimit-reset", "date", "x-b3-traceid", "content-encoding" }
    local good = { '{"error":"Model is overloaded","error_type":"overloaded"}',
      '{"error":{"message":"m","type":"t"}}', "<html><title>502</title></html>",
      "https://user:password@host:80/path?query#x", "00-" .. ("ab"):rep(16) .. "-b7-01",
      "Sun, 06 Nov 1994 08:50:00 GMT", "1.5", "text/html; charset=utf-8" }
    local inserts = { "{", "}", '"', "\\ud800", "null", "[", "]", "1e999", "<", ">", "@", "/",
      "\0" }
    local function value ()
      if rng:int(1, 3) == 1 then return rng:bytes(rng:int(0, 60)) end
      return rng:mutate(rng:pick(good), inserts)
    end
    for _ = 1, 4000 do
      local headers = {}
      for _ = 1, rng:int(0, 4) do headers[rng:pick(names)] = value() end
      local reply = { status = rng:int(90, 610), headers = headers, body = value() }
      local ok, err = pcall(response.error, reply, { secrets = { rng:bytes(3) }, now = 784111777 })
      assert.is_true(ok, err)
      assert.is_table(errors.kinds[err.kind])
      assert.is_string(err.message)
      assert.is_true(err.retry_after == nil or err.retry_after > 0)
      assert.is_string(tostring(err))
      reply.status = 200
      local fine, result, failure = pcall(response.result, reply)
      assert.is_true(fine, result)
      assert.is_true(result ~= nil or errors.is(failure))
    end
  end)
end)
