-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local mock_server = require "predibase.mock.server"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"
local uv = require "luv"

local CAPITAL = '{"inputs":"What is the capital of France?","parameters":{%s}}'

local function ask (to, path, parameters, headers)
  return raw.ask(to, path, CAPITAL:format(parameters or ""), headers)
end

describe("predibase.mock.server", function ()
  after_each(server.stop)

  it("answers /generate with the text alone when no details are asked for", function ()
    local answer = ask(server.listen(), "/generate")
    assert.equal(200, answer.status)
    assert.equal('{"generated_text":" The capital of France is Paris."}', answer.body)
  end)

  it("sends the router's headers with /generate", function ()
    local answer = ask(server.listen { model_id = "acme/tiny" }, "/generate",
      '"max_new_tokens":3,"adapter_id":"a/poet/1"')
    local h = answer.headers
    assert.equal("application/json", h["content-type"])
    assert.equal("gpu+optimized", h["x-compute-type"])
    assert.equal("30", h["x-compute-characters"])
    assert.equal("8", h["x-prompt-tokens"])
    assert.equal("3", h["x-generated-tokens"])
    assert.equal("0", h["x-skipped-tokens"])
    assert.equal("11", h["x-total-tokens"])
    assert.equal("acme/tiny", h["x-model-id"])
    assert.equal("a/poet/1", h["x-adapter-id"])
    assert.equal("pbase", h["x-adapter-source"])
    assert.equal("*", h["access-control-allow-origin"])
    assert.is_truthy(h.vary)
    assert.is_truthy(h.date:find("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    for _, name in ipairs { "x-compute-time", "x-total-time", "x-validation-time", "x-queue-time",
        "x-inference-time", "x-time-per-token", "x-time-to-first-token",
        "x-time-per-output-token" } do
      assert.is_truthy(h[name]:find("^%d+$"), name)
    end
    for name in pairs(h) do assert.equal(name:lower(), name) end
  end)

  it("returns details with the fields in the router's order", function ()
    local answer = ask(server.listen(), "/generate",
      '"details":true,"max_new_tokens":2,"decoder_input_details":true,"return_k_alternatives":2')
    local number = "%-?[%d.e-]+"
    local token = '{"id":%d+,"text":"[^"]*","logprob":N,"special":false,"alternative_tokens":'
      .. '%[{"id":%d+,"text":"[^"]*","logprob":N},{"id":%d+,"text":"[^"]*","logprob":N}%],'
      .. '"skipped":false}'
    token = token:gsub("N", (number:gsub("%%", "%%%%")))
    assert.is_truthy(answer.body:find('^{"generated_text":" The capital","details":'
      .. '{"finish_reason":"length","prompt_tokens":8,"generated_tokens":2,"skipped_tokens":0,'
      .. '"seed":null,"prefill":%[{"id":1,"text":"<s>","logprob":null},.*%],'
      .. '"tokens":%[' .. token .. "," .. token .. "%]}}$"))
  end)

  it("wraps the answer in an array on / and /invocations, under any prefix", function ()
    local s = server.listen()
    for _, path in ipairs { "/", "/invocations", "/acme/deployments/v2/llms/tiny",
        "/acme/deployments/v2/llms/tiny/", "/x/y/invocations" } do
      local answer = ask(s, path)
      assert.equal(200, answer.status)
      assert.equal('[{"generated_text":" The capital of France is Paris."}]', answer.body)
    end
    local under = ask(s, "/acme/deployments/v2/llms/tiny/generate", '"max_new_tokens":1')
    assert.equal('{"generated_text":" The"}', under.body)
  end)

  it("puts the prompt in front with return_full_text", function ()
    local answer = ask(server.listen(), "/generate", '"return_full_text":true,"max_new_tokens":1')
    assert.equal('{"generated_text":"What is the capital of France? The"}', answer.body)
  end)

  it("frames a stream byte for byte, one event per chunk", function ()
    local answer = ask(server.listen(), "/generate_stream", '"max_new_tokens":2,"details":true')
    assert.equal(200, answer.status)
    assert.equal("text/event-stream", answer.headers["content-type"])
    assert.equal("no-cache", answer.headers["cache-control"])
    assert.equal("no", answer.headers["x-accel-buffering"])
    assert.equal("chunked", answer.headers["transfer-encoding"])
    assert.is_nil(answer.headers["x-total-time"])
    assert.is_nil(answer.headers["content-length"])
    assert.equal(2, #answer.chunks)
    assert.is_truthy(answer.chunks[1]:find('^data: {"token":{"id":%d+,"text":" The",'
      .. '"logprob":%-?[%d.e-]+,"special":false,"skipped":false},'
      .. '"generated_text":null,"details":null}\n\n$'))
    assert.is_truthy(answer.chunks[2]:find('^data: {"token":{"id":%d+,"text":" capital",'
      .. '"logprob":%-?[%d.e-]+,"special":false,"skipped":false},'
      .. '"generated_text":" The capital","details":{"finish_reason":"length",'
      .. '"prompt_tokens":8,"generated_tokens":2,"seed":null}}\n\n$'))
  end)

  it("streams on / when the body says so", function ()
    local s = server.listen()
    local body = '{"inputs":"Hello","stream":true,"parameters":{"max_new_tokens":2}}'
    assert.equal(2, #raw.ask(s, "/", body).chunks)
    assert.equal("application/json", raw.ask(s, "/generate", body).headers["content-type"])
  end)

  it("reports the seed exactly, up to the largest u64", function ()
    local answer = ask(server.listen(), "/generate",
      '"details":true,"do_sample":true,"seed":18446744073709551615,"max_new_tokens":1')
    assert.is_truthy(answer.body:find('"seed":18446744073709551615', 1, true))
  end)

  it("answers the same for the same seed, and draws seeds for requests that have none", function ()
    local s = server.listen { seed = "1" }
    local warm = '"details":true,"temperature":1.5,"max_new_tokens":20'
    local first = ask(s, "/generate", warm).body
    local seed = first:match('"seed":(%d+)')
    assert.equal(first, ask(s, "/generate", warm .. ',"seed":' .. seed).body)
    assert.not_equal(seed, ask(s, "/generate", warm).body:match('"seed":(%d+)'))
  end)

  it("returns the most likely of best_of sequences, and the others in the details", function ()
    local s = server.listen { seed = "4", max_best_of = 4 }
    local body = ask(s, "/generate",
      '"best_of":4,"temperature":2,"details":true,"max_new_tokens":6').body
    local function mean (tokens)
      local sum, count = 0, 0
      for logprob in tokens:gmatch('"logprob":([^,}]+)') do
        sum, count = sum + tonumber(logprob), count + 1
      end
      return sum / count
    end
    local won, others = body:match('"tokens":(%[.-%]),"best_of_sequences":(%[.*)$')
    local count = 0
    for tokens in others:gmatch('"tokens":(%[.-%])') do
      count = count + 1
      assert.is_true(mean(won) >= mean(tokens))
    end
    assert.equal(3, count)
    assert.is_truthy(others:find('^%[{"generated_text":"[^"]*","finish_reason":"length",'
      .. '"generated_tokens":6,"seed":%d+,"prefill":%[%],"tokens":'))
  end)

  it("logs log_limit requests", function ()
    local s = server.listen { log_limit = 3 }
    for i = 1, 5 do ask(s, "/generate", '"max_new_tokens":' .. i) end
    local numbers = {}
    for i, entry in ipairs(s:log()) do numbers[i] = entry.number end
    assert.same({ 3, 4, 5 }, numbers)
  end)

  it("is overloaded by max_concurrent_requests, and no longer afterwards", function ()
    local s = server.listen { max_concurrent_requests = 1,
      script = { ["/generate_stream"] = { silent_after = 1 } } }
    local first = raw.connect(s)
    first:post("/generate_stream", CAPITAL:format(""))
    assert.is_true(first:wait("generated_text") ~= false)
    local answer = ask(s, "/generate")
    assert.equal(429, answer.status)
    assert.equal('{"error":"Model is overloaded","error_type":"overloaded"}', answer.body)
    first:close()
    assert.is_true(server.run_until(function () return s:connections().active == 0 end))
    assert.equal(200, ask(s, "/generate").status)
    uv.run("nowait")
  end)
end)

describe("the options of predibase.mock.server", function ()
  it("fills in what is missing", function ()
    local checked = mock_server.check { port = 8080 }
    assert.equal(8080, checked.port)
    assert.equal("127.0.0.1", checked.host)
    assert.equal(15, checked.keepalive_interval)
    assert.is_nil(checked.token)
    assert.equal(600, mock_server.check({}, { max_seconds = 600 }).max_seconds)
    assert.equal("127.0.0.1", mock_server.check({ host = "localhost" }).host)
  end)

  it("refuses unknown names, wrong types and addresses that other machines can reach", function ()
    assert.has_error(function () mock_server.check { prot = 1 } end,
      'unknown option "prot"; did you mean "port"?')
    assert.has_error(function () mock_server.check { port = "80" } end)
    assert.has_error(function () mock_server.check { port = 70000 } end)
    assert.has_error(function () mock_server.check { delay = -1 } end)
    assert.has_error(function () mock_server.check { seed = "x" } end)
    assert.has_error(function () mock_server.check { max_requests = 1.5 } end,
      'the option "max_requests" must be a whole number, got 1.5')
    assert.has_error(function () mock_server.check { embedding_size = 0 } end,
      'the option "embedding_size" must be from 1 to 4096, got 0')
    assert.has_error(function () mock_server.check { server = "vllm" } end,
      'the option "server" must be "lorax" or "openai", got "vllm"')
    assert.has_error(function () mock_server.check { classify = true } end)
    for _, host in ipairs { "0.0.0.0", "192.168.1.1", "::", "example.org", "127.0.0.1.evil" } do
      local ok, message = pcall(mock_server.check, { host = host })
      assert.is_false(ok)
      assert.is_truthy(message:find("must be a loopback address", 1, true))
    end
  end)
end)
