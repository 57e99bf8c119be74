-- SPDX-License-Identifier: MIT
--- `null` of decoded JSON is no value, wherever options and values are taken.
local config = require "predibase.config"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local template = predibase.template
local null = json.null

--- The same options with null for each name.
local function nulls (names, given)
  local options = {}
  for name, value in pairs(given or {}) do options[name] = value end
  for name in names:gmatch "%S+" do options[name] = null end
  return options
end

local function no_environment () return nil end

describe("null", function ()
  it("is no value of a template", function ()
    local t = assert(template.new "{a}{?b} / {b}{:else} -{/b}{c=d}")
    assert.equal("Sing. -d", (t { a = "Sing.", b = null, c = null }))
    local text, err = t { a = null }
    assert.is_nil(text)
    assert.matches('no value for "a"', err.message)
    text, err = t { a = 1, e = null }
    assert.is_nil(text)
    assert.matches('there is no "e"', err.message)
  end)

  it("is no option of a template, a format or the model's own", function ()
    local t = assert(template.new("{a}", nulls "allow_extra format special_tokens_in_text"))
    assert.equal("1", (t:render({ a = 1 }, nulls "allow_extra")))
    local own = assert(template.from_tokenizer_config({
      chat_template = "{{ messages[0].content }}{{ x }}{{ eos_token }}", eos_token = null },
      nulls "name template stop max_steps tokens"))
    assert.equal("tokenizer_config", own.name)
    local said = { { role = "user", content = "a" } }
    local options = [[add_generation_prompt continue_final_message bos_token special_tokens_in_text
      enable_thinking variables date_string now]]
    assert.equal("a", own:render(said, nulls(options)))
    for _, name in ipairs { "chatml", "llama-3.1", "qwen-3" } do
      local format = assert(template.chat(name))
      local now = { now = 1e9 }
      local others = nulls(options:gsub("now", ""), now)
      assert.equal(format:render(said, now), (format:render(said, others)))
    end
    local jinja = require "predibase.template.jinja"
    assert.equal("None", assert(jinja.compile("{{ x }}", nulls "name max_steps"))
      :render({ x = null }, nulls "now"))
  end)

  it("is no option of a client or a call", function ()
    local base = { base_url = "http://127.0.0.1:1" }
    local plain = assert(config.new(base, no_environment))
    local cfg = assert(config.new(nulls([[timeout max_retries headers api_token proxy user_agent
      verify on_request trim_stop client_stop defaults transport loop http_version]], base),
      no_environment))
    for _, name in ipairs { "max_retries", "user_agent", "verify", "trim_stop", "http_version" } do
      assert.equal(plain[name], cfg[name])
    end
    assert.same(plain.timeout, cfg.timeout)
    cfg = assert(config.new({ base_url = base.base_url, headers = { ["X-A"] = null, ["X-B"] = "b" },
      timeout = { total = null, connect = 3 }, max_retries = 7 }, no_environment))
    assert.same({ { "X-B", "b" } }, config.headers(cfg))
    assert.equal(3, cfg.timeout.connect)
    local call = assert(config.call(cfg, nulls "timeout max_retries headers on_retry client_stop"))
    assert.same(cfg.timeout, call.timeout)
    assert.equal(7, call.max_retries)
  end)

  it("is no option of adapters, conversations, batches and of tokenize", function ()
    local client, network = pipe.client { headers = { ["content-type"] = "application/json" },
      body = '{"generated_text":"Yes"}' }
    local view = client:adapter("a/1", nulls [[template defaults adapter_source variables now
      special_tokens_in_text]])
    assert(view:generate("x", nulls "timeout max_new_tokens stop extra response_format"))
    local session = assert(client:chat_session(nulls([[system messages max_input_tokens
      count_tokens special_tokens_in_text enable_thinking variables date_string now timeout]],
      { format = "chatml" })))
    assert(session:send("Hi", nulls "timeout temperature"))
    local results = client:generate_many({ nulls("timeout seed", { prompt = "x" }) },
      nulls "concurrency retry_generation timeout"):results()
    assert.equal("Yes", results[1].generated_text)
    for _, request in ipairs(network.requests) do
      local sent = assert(json.decode(request.body))
      assert.is_nil(request.body:find("null", 1, true), request.body)
      assert.is_string(sent.inputs)
    end
    assert.equal(3, #network.requests)
    local tokens, err = client:tokenize("x", nulls "add_special_tokens timeout")
    assert.is_nil(tokens)
    assert.not_equal("validation", err.kind)
    client:close()
  end)
end)
