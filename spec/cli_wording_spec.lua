-- SPDX-License-Identifier: MIT
-- once: the messages are made in plain Lua
--- Messages of the library in the command's terms. The library itself makes them here.
local config = require "predibase.config"
local params = require "predibase.params"
local predibase = require "predibase"
local command_line = require "predibase.cli.command_line"
local wording = require "predibase.cli.wording"

local TOKEN = "pb_of_this_spec"

local function of_config (given, variables)
  local cfg, err = config.new(given, function (name) return variables and variables[name] end)
  assert.is_nil(cfg)
  return wording.reword(err.message)
end

local function of_parameters (given, context)
  local _, err = params.check(given, context)
  return wording.reword(assert(err).message)
end

-- Checks that no option is named as in Lua, except in quotation marks, where it is the user's text.
local function speaks_of_flags (text)
  local own = text:gsub('"[^"]*"', "")
  assert.is_nil(own:find "%f[%w]%l+_%l+", text)
  assert.is_nil(own:find " = ", text)
  assert.is_nil(own:find "`", text)
  assert.is_nil(own:find ":match", text)
end

describe("a message of the library in the command's terms", function ()
  it("names flags and variables where the address or the token is missing", function ()
    local text = of_config {}
    speaks_of_flags(text)
    for _, name in ipairs { "--tenant-id", "--deployment", "--token-file", "--base-url",
      "PREDIBASE_TENANT_ID", "PREDIBASE_API_TOKEN" } do
      assert.is_truthy(text:find("give " .. name, 1, true)
        or text:find("variable " .. name, 1, true), name)
    end
    assert.equal("PREDIBASE_TENANT_ID must consist of letters, digits and - . _ ~ only, got "
      .. '"a_b c"',
      of_config({ deployment = "a", api_token = TOKEN }, { PREDIBASE_TENANT_ID = "a_b c" }))
  end)

  it("names the flag of every option", function ()
    local url = "https://lorax.test"
    for _, case in ipairs {
      { { tenant_id = "a", base_url = url }, "--base-url replaces --tenant-id and "
        .. "--deployment; give either --base-url or the other two" },
      { { base_url = url, api_token = "a b" }, "^the API token has byte" },
      { { base_url = url, api_token = TOKEN .. "\n" }, "^the API token ends in .*; strip it$" },
      { { base_url = "http://lorax.test", api_token = TOKEN },
        "or --allow-plain-http, or leave it out (--no-token)" },
      { { base_url = url, api_token = TOKEN, verify = false },
        "^--insecure would give the API token to .* in --ca-file instead" },
      { { base_url = "http://127.0.0.1", api_token = TOKEN, proxy = "http://a.test" },
        "use https://, --no-proxy, or --allow-plain-http" },
      { { base_url = url, proxy = "x" }, "^--proxy must begin .*(--no-proxy uses" },
      { { base_url = url, timeout = 0 }, "^--timeout must be .*, got 0$" },
      { { base_url = url, timeout = { first_token = -1 } }, "^--first-token-timeout must be" },
      { { base_url = url, timeout = { idle = -1 } }, "^--idle-timeout must be" },
      { { base_url = url, max_retries = 1000 }, "^--max-retries must be" },
      { { base_url = url, http_version = "3" }, '^--http-version must be 1.1 or 2, got "3"$' },
      { { base_url = url, client_key = "a" }, "^--client-key needs --client-cert, " },
      { { base_url = url, client_key_password = "a" },
        "^--client-key-password-file needs --client-cert$" },
      { { base_url = url, client_stop = { "a", "" } }, "^--client-stop must be" },
      { { base_url = url, max_event_bytes = 0 }, "^--max-event-bytes must be" },
      { { base_url = url, max_response_bytes = 0 }, "^--max-response-bytes must be" },
      { { base_url = url, user_agent = "\n" }, "^--user-agent must be" },
      { { base_url = url, headers = { Host = "x" } }, "use --base-url" },
      { { base_url = url, headers = { ["user-agent"] = "x" } }, "use --user-agent" },
      { { base_url = "https://u:p@a.test" }, "use PREDIBASE_API_TOKEN or --token-file" },
    } do
      local text, wanted = of_config(case[1]), case[2]
      speaks_of_flags(text)
      wanted = wanted:gsub("[-()]", "%%%0")
      assert.is_truthy(text:find(wanted), text)
    end
  end)

  it("names the flag of every parameter", function ()
    local schema = { type = "json_object", schema = { type = "str" } }
    for _, case in ipairs {
      { { max_new_tokens = 0 }, "--max-new-tokens must be strictly positive" },
      { { stop = { "a", "" } }, "--stop must not be empty" },
      { { best_of = 2 }, "you must use sampling when --best-of is" },
      { { api_token = "a b" }, "--adapter-token-file has byte" },
      { { adapter_id = "a", merged_adapters = { ids = { "a" }, weights = { 1 } } },
        "at most one of --adapter-id or --merged-adapters may" },
      { { merged_adapters = { ids = { "" }, weights = { 1 } } }, "--merged-adapters ids[1] must" },
      { { response_format = schema }, "--response-format schema.type: " },
      { { response_format = schema }, "(--no-check-schema sends it anyway)" },
      { { response_format = { type = "x" } }, "--response-format type must be one of" },
      { { extra = { top_k = 5 } }, "--top-k is a separate option; do not use --extra for it" },
      { { extra = { base_url = 1 / 0 } }, '--extra "base_url": ' },
      { { seed = -1 }, "--seed must be an integer" },
    } do
      local text = of_parameters(case[1], { stream = false })
      speaks_of_flags((text:gsub("json_%l+", "")))
      assert.is_truthy(text:find(case[2], 1, true), text)
    end
  end)

  it("names flags in the server's messages about parameters, too", function ()
    assert.equal("Input validation error: prompt tokens + --max-new-tokens must be <= 2048. "
      .. "Given: 2 prompt tokens and 5000 --max-new-tokens", wording.reword(
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. "
      .. "Given: 2 `inputs` tokens and 5000 `max_new_tokens`"))
    assert.equal("the prompt cannot be empty", wording.reword "`inputs` cannot be empty")
    assert.equal("`logits` is unknown", wording.reword "`logits` is unknown")
  end)

  it("names only flags that exist", function ()
    local help = command_line.parse { "generate", "--help" }.text
    -- Options that only programs can use: functions, modules, and tables of other options.
    local others = { on_request = true, on_response = true, on_retry = true, on_token = true,
      on_error = true, on_wire = true, loop = true, transport = true, defaults = true,
      reasoning = true, format = true, check_limits = true, rate_limit = true, concurrency = true,
      fallback = true, traceparent = true, cold_start = true, keep_text = true,
      stop_on_server = true }
    local n = 0
    for name in pairs(config.names) do
      if not others[name] then
        local flag = wording.reword(name):match "%-%-[%l-]+"
          or wording.reword("x; " .. name .. " "):match "%-%-[%l-]+"
        if name == "api_token" then flag = "--token-file" end
        assert.is_truthy(flag and help:find("\n   " .. flag:gsub("%-", "%%-") .. "%f[^%w-]"), name)
        n = n + 1
      end
    end
    assert.is_true(n > 15)
  end)

  it("names the flags of batch", function ()
    local bulk = require "predibase.bulk"
    local client = assert(predibase.new { base_url = "http://127.0.0.1:9", api_token = false })
    local function of_run (given)
      given.input, given.format = { read = function () return nil end }, given.format
      local made, err = bulk.preview(client, given, 1)
      assert.is_nil(made)
      return wording.reword(err.message)
    end
    assert.equal("--max-cost needs --price-in and --price-out, the prices of a million tokens",
      of_run { format = "jsonl", max_cost = 1 })
    assert.equal("--sample and --limit cannot be combined: both choose rows",
      of_run { format = "jsonl", sample = 1, limit = 1 })
    assert.equal("the format of the input is not known from its name; give --format: jsonl, csv, "
      .. "tsv or lines", of_run {})
    assert.equal("a.txt: an output is JSON Lines (.jsonl), CSV or TSV; choose another name, or "
      .. "give --out-format", of_run { format = "jsonl", out = "a.txt" })
    assert.equal("line 1 has another id: --id has changed", wording.reword(
      "line 1 has another id: the option id has changed"))
    assert.equal("double the quotes in it, or give --no-quotes", wording.reword(
      "double the quotes in it, or read the file with quotes = false"))
    assert.equal("--sample needs a file, because all rows are counted first",
      of_run { format = "jsonl", sample = 1 })
    client:close()
    assert.equal("the number of requests of --rate-limit must be an integer from 1 to 1000000, "
      .. "got 0", of_config { base_url = "http://127.0.0.1:9", api_token = false,
      rate_limit = { requests = 0 } })
  end)

  it("does not change text that the user gave, nor addresses", function ()
    for _, text in ipairs {
      'got "base_url and `top_q`"', "http://127.0.0.1/tenant_id/x", "/home/max_retries/base_url",
      "the server wants a proxy and a format", "a_word of its own", "",
    } do
      assert.equal(text, wording.reword(text))
    end
  end)
end)
