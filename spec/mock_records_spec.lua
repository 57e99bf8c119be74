-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own
-- Sends what was sent to a real router to the stand-in server, and compares the answers: status,
-- names, order and values of the headers, every byte of the body, and the chunks of streams.
-- What a model invents is scripted, or made equal on both sides.

local json = require "predibase.mock.router_json"
local raw = require "spec.support.raw_client"
local records = require "spec.support.router_records"
local server = require "spec.support.server"

-- These are not compared.
local LEFT_OUT = {
  ["generate-stream-speculative"] = "the stand-in server has no speculative decoding",
  ["generate-logprobs"] = "log-probabilities cannot be scripted",
  ["metrics"] = "its figures are compared below", ["metrics-json"] = "likewise",
  ["metrics-format-json"] = "likewise", ["metrics-query-json"] = "likewise",
  ["head-metrics"] = "likewise",
}

local FAILURE = "Request failed during generation: Server error: "
local GONE = FAILURE .. "error trying to connect: Connection refused (os error 111)"

local NUMBERS = { "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
  "nineteen", "twenty" }

-- What the scripted program generated unless told otherwise.
local function count_to_forty ()
  local list = {}
  for i = 1, 39 do list[i] = " " .. NUMBERS[(i - 1) % 20 + 1] end
  return list
end

-- Returns the faults that make the stand-in server do what a prompt asked of the scripted program.
local function faults_for (record)
  local faults = { answer = count_to_forty() }
  local order = record.request:match("@@({.*)")
  if order then
    -- the order is part of a JSON string
    local text = json.read('"' .. order, { any_bytes = true })
    order = json.plain((json.read(text)))
    if order.tokens then faults.answer = order.tokens end
    if order.echo then
      local parsed = records.parse(record.response).body
      local choice = (json.plain((json.read(parsed))) or {}).choices
      local said = choice and ((choice[1].message or {}).content or choice[1].text)
      faults.answer = { said or "{}" }
      -- with ignore_eos_token the program went on with empty tokens
      if record.request:find("ignore_eos_token") then
        faults.answer[2], faults.answer[3] = "", ""
      end
    end
    local failure = order.error or order.embed_error or order.classify_error
      or "a scripted failure"
    if order.embed_error or order.classify_error then faults.error_after = 0 end
    if order.error_at then faults.error_after = order.error_at end
    faults.error = FAILURE .. failure
    if order.vanish_at then
      faults.error_after, faults.error = order.vanish_at, nil
      faults.error_type = "incomplete_generation"
    end
    faults.embedding = order.embedding
  end
  return faults
end

local VARYING = { date = true, ["content-length"] = true, ["x-prompt-tokens"] = true,
  ["x-total-tokens"] = true }

-- Makes equal what depends on the day, on the machine or on the model.
local function normalise_body (body)
  body = body:gsub('("created":)[1-9]%d*', "%1N")
    :gsub('("prompt_tokens":)[1-9]%d*', "%1N"):gsub('("total_tokens":)[1-9]%d*', "%1N")
    :gsub('("seed":)%d+', "%1N"):gsub('({"id":)%d+', "%1N"):gsub('("logprob":)[%d.e-]+', "%1N")
    :gsub('("logprob":)null', "%1N"):gsub("Given: %d+ `inputs` tokens", "Given: N `inputs` tokens")
    :gsub('("version":")[^"]*', "%1V")
    :gsub("Server error: no weights found in [%w/]+", "the adapter is missing")
    :gsub("Server error: Could not find adapter '[%w/]+' in source '%w+'", "the adapter is missing")
  return body
end

local function comparable (bytes, record)
  local answer = records.parse(bytes)
  local out = { line = answer.line, headers = {}, chunks = answer.chunks and {} }
  for i, header in ipairs(answer.headers) do
    local name, value = header[1], header[2]
    if name == "content-length" and not record.request:find("^HEAD") then
      assert.equal(#answer.body, tonumber(value))
    end
    -- the description of the tools in the prompt is the stand-in server's own
    local characters = name == "x-compute-characters" and record.name:find("^chat%-tools%-echo%-p")
    if VARYING[name] or characters or name:find("%-time") then value = "*" end
    out.headers[i] = name .. ": " .. value
  end
  if answer.chunks then
    for i, chunk in ipairs(answer.chunks) do out.chunks[i] = normalise_body(chunk) end
  end
  out.body = normalise_body(answer.body)
  return out
end

-- Reads an answer as far as the record goes.
local function receive (client, record)
  local length
  server.run_until(function ()
    if record.request:find("^HEAD") then length = select(2, client.received:find("\r\n\r\n")) end
    local version = client.received:gsub("^HTTP/1%.0", "HTTP/1.1")
    local answer = not length and raw.parse(version)
    length = length or answer and answer.length
    return length or client.ended
  end)
  assert(length, record.name .. ": no whole answer: " .. client.received)
  local bytes = client.received:sub(1, length)
  client.received = client.received:sub(length + 1)
  return bytes
end

-- Removes what the model invents from both sides: vectors, entities and the ids of `/tokenize`.
local function without_inventions (answer, record)
  local path = record.request:match("^%u+ (%S+)")
  local body = answer.body
  if path == "/embed" or path == "/v1/embeddings" then
    body = body:gsub("%[[%d%.e,-]+%]", "[VECTOR]"):gsub("%[null[^%]]*%]", "[VECTOR]")
  elseif path:find("^/classify") then
    body = body:gsub('{"entity_group":"%w+","score":[%d.]+,"word":"[^}]-","start":%d+,"end":%d+}',
      "{ENTITY}"):gsub("%[{ENTITY}[,{ENTIY}]*%]", "[ENTITIES]"):gsub("%[%]", "[ENTITIES]")
  elseif path:find("^/generate") then
    local function tokens (text)
      return (text:gsub('"alternative_tokens":%b[]', '"alternative_tokens":A')
        :gsub('"prefill":%[{.-%]', '"prefill":P'))
    end
    body = tokens(body)
    for i, chunk in ipairs(answer.chunks or {}) do answer.chunks[i] = tokens(chunk) end
  elseif path == "/tokenize" and answer.line:find("200") then
    body = body:gsub('{"id":%w+,"text":"[^"]+","start":%d+,"stop":%d+}', "{TOKEN}")
      :gsub("{TOKEN}[,{TOKEN}]*", "TOKENS")
  end
  answer.body = body
  return answer
end

-- Sends a record's request. `scripts` tells what it would answer.
local function compare (to, record, faults)
  to:script("*", faults)
  -- the stand-in server knows "word", and a word that it does not know is many tokens
  local client = raw.connect(to):send((record.request:gsub("word ", "wxrd ")))
  local bytes = receive(client, record)
  client:close()
  local expected = without_inventions(comparable(record.response, record), record)
  local answer = without_inventions(comparable(bytes, record), record)
  assert.same(expected, answer)
end

local function each (group, run)
  local count = 0
  for _, record in ipairs(records.group(group)) do
    if not LEFT_OUT[record.name] then
      local ok, message = pcall(run, record)
      if not ok then error(record.name .. ": " .. tostring(message), 0) end
      count = count + 1
    end
  end
  return count
end

describe("the stand-in server answers as the router", function ()
  after_each(server.stop)

  for _, group in ipairs { "chat", "chat-stream", "chat-tools", "classification", "completions",
      "deployment", "embeddings", "generate", "tokenize" } do
    it("to the requests in " .. group .. ".txt", function ()
      local s = server.listen()
      local count = each(group, function (record) compare(s, record, faults_for(record)) end)
      assert.is_true(count >= 5)
    end)
  end

  it("to the requests in overload.txt, with one place that another request holds", function ()
    local s = server.listen { max_concurrent_requests = 1 }
    local other = raw.connect(s):post("/~delay=30/generate_stream", '{"inputs":"x"}')
    assert.is_truthy(other:wait("data: "))
    assert.equal(10, each("overload", function (record) compare(s, record, {}) end))
    other:close()
  end)

  it("to the requests in shard-gone.txt, with the error as a script", function ()
    local s = server.listen()
    assert.equal(6, each("shard-gone", function (record)
      if record.name == "shard-gone-info" then return end
      local faults = { error_after = 0, error = GONE }
      if record.name == "shard-gone-health" then faults = { error_after = 0,
        error_type = "healthcheck" } end
      compare(s, record, faults)
    end))
  end)

  it("to /metrics with names and types that the router has", function ()
    local s = server.listen()
    raw.ask(s, "/generate", '{"inputs":"Hi"}')
    raw.ask(s, "/embed", '{"inputs":"Hi"}')
    raw.ask(s, "/generate", '{"inputs":""}')
    for _, name in ipairs { "metrics", "metrics-json", "metrics-format-json" } do
      local record = records.find(name)
      local client = raw.connect(s):send(record.request)
      local answer = records.parse(receive(client, record))
      local expected = records.parse(record.response)
      client:close()
      for i, header in ipairs(expected.headers) do assert.equal(header[1], answer.headers[i][1]) end
      assert.same(expected.headers[1], answer.headers[1])
      local known, count = {}, 0
      for _, pattern in ipairs { "# TYPE (%S+ %S+)", '"([%w_]+":{"type":"%w+)"' } do
        for metric in expected.body:gmatch(pattern) do known[metric] = true end
        for metric in answer.body:gmatch(pattern) do
          count = count + 1
          assert.is_true(known[metric], metric)
        end
      end
      assert.is_true(count > 10)
    end
  end)
end)
