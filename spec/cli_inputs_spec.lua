-- SPDX-License-Identifier: MIT
local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local json = require "predibase.json"
local command_line = require "predibase.cli.command_line"

local function parse (...)
  return command_line.parse { "generate", ... }
end

local function with_file (text, use)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local ok, err = pcall(use, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

-- The message of the usage failure that a function raises.
local function usage (use, ...)
  local ok, err = pcall(use, ...)
  assert.is_false(ok)
  assert.equal(failures.USAGE, failures.exit_code(err))
  return err.message
end

describe("the prompt of the command", function ()
  it("comes from the argument, byte for byte", function ()
    assert.equal(" a\nb\n", inputs.prompt(parse(" a\nb\n")))
  end)

  it("comes from a file, without the line end that belongs to the file", function ()
    with_file("two\nlines\n", function (path)
      assert.equal("two\nlines", inputs.prompt(parse("--file", path)))
    end)
    with_file("dos\r\n", function (path)
      assert.equal("dos", inputs.prompt(parse("--file", path)))
    end)
    with_file("kept\n\n", function (path)
      assert.equal("kept\n", inputs.prompt(parse("--file", path)))
    end)
  end)

  it("loses a leading byte order mark and no other byte", function ()
    with_file("\239\187\191a\r\nb\r\n", function (path)
      assert.equal("a\r\nb", inputs.prompt(parse("--file", path)))
      assert.equal("a\r\nb", inputs.text("@" .. path))
    end)
  end)

  it("comes from a template of any editor", function ()
    with_file("\239\187\191a\r\n{x}\r\n{?y}\r\n{y}{/y}b\r\n", function (path)
      assert.equal("a\n1\nb", inputs.prompt(parse("--template", path, "--var", "x=1")))
    end)
  end)

  it("may begin with a dash after --", function ()
    assert.equal("--json", inputs.prompt(parse("--", "--json")))
  end)

  it("cannot be given twice", function ()
    assert.is_truthy(usage(inputs.prompt, parse("--file", "x", "y")):find("--file", 1, true))
  end)

  it("needs a file that can be read", function ()
    assert.is_truthy(usage(inputs.prompt, parse("--file", "/nonexistent/x")):find "nonexistent")
    assert.is_truthy(usage(inputs.prompt, parse("--file", "/")):find "directory")
  end)
end)

describe("the parameters of the command line", function ()
  it("are read from JSON and token files of any editor", function ()
    local mark = "\239\187\191"
    with_file(mark .. '{"type": "json_object",\r\n "schema": {"a":\r\n1.0}}\r\n', function (path)
      local format = inputs.parameters(parse("--response-format", "@" .. path, "x")).response_format
      assert.equal('{"a":\n1.0}', format.schema)
    end)
    with_file(mark .. "[1.0]\r\n", function (path)
      local extra = inputs.parameters(parse("--extra", "a=@" .. path, "x")).extra
      assert.equal("[1.0]\n", json.encode(extra.a))
    end)
    with_file(mark .. "hf_x\r\n", function (path)
      assert.equal("hf_x", inputs.client(parse("--token-file", path, "x")).api_token)
      assert.equal("hf_x", inputs.parameters(
        parse("--adapter-id", "a/1", "--adapter-token-file", path, "x")).api_token)
    end)
  end)

  it("are only those that were given", function ()
    assert.same({}, inputs.parameters(parse("hello")))
    assert.same({
      max_new_tokens = 20, temperature = 0.5, do_sample = true, stop = { "a", "b" },
      adapter_id = "my/1",
    }, inputs.parameters(parse("--max-new-tokens", "20", "--temperature=.5", "--do-sample",
      "--stop", "a", "--stop=b", "--adapter-id", "my/1")))
  end)

  it("keep every digit of a seed", function ()
    assert.equal("18446744073709551615",
      inputs.parameters(parse("--seed", "18446744073709551615")).seed)
  end)

  it("may be negative numbers", function ()
    assert.equal(-1.5, inputs.parameters(parse("--frequency-penalty", "-1.5"))
      .frequency_penalty)
    assert.equal(-0.5, inputs.parameters(parse("--presence-penalty=-.5")).presence_penalty)
  end)

  it("take JSON, also from a file", function ()
    local merged = '{"ids":["a","b"],"weights":[1,2]}'
    assert.same({ "a", "b" },
      inputs.parameters(parse("--merged-adapters", merged)).merged_adapters.ids)
    with_file(merged, function (path)
      assert.same({ "a", "b" },
        inputs.parameters(parse("--merged-adapters", "@" .. path)).merged_adapters.ids)
    end)
  end)

  it("keep the schema of an answer as it was written", function ()
    local schema = '{ "zeta": {"type":"string"}, "alpha": {"schema":1} }'
    local format = inputs.parameters(parse("--response-format",
      '{"type":"json_object","schema":' .. schema .. "}")).response_format
    assert.same({ type = "json_object", schema = schema }, format)
  end)

  it("include fields that have no option", function ()
    local text = '{"z":[],"c":"=","n":12345678901234567890}'
    local extra = inputs.parameters(parse("--extra", "a=1", "--extra", "b=" .. text)).extra
    assert.equal("1", json.encode(extra.a))
    assert.equal(text, json.encode(extra.b))
  end)

  it("take the token for an adapter from a file only", function ()
    with_file("hf_secret\n", function (path)
      assert.equal("hf_secret",
        inputs.parameters(parse("--adapter-token-file", path)).api_token)
    end)
  end)

  it("are refused when they are not valid", function ()
    assert.is_truthy(usage(inputs.parameters, parse("--response-format", "{")):find "not JSON")
    assert.is_truthy(usage(inputs.parameters, parse("--response-format", "[1]")):find "object")
    assert.is_truthy(usage(inputs.parameters, parse("--merged-adapters", "3")):find "object")
    assert.is_truthy(usage(inputs.parameters, parse("--extra", "a")):find "NAME=JSON")
    assert.is_truthy(usage(inputs.parameters, parse("--extra", "a=")):find "not JSON")
    assert.is_truthy(usage(inputs.parameters, parse("--extra", "a=[01]")):find "not JSON")
  end)

  it("are refused for a wrong name inside JSON, without a position in the library", function ()
    assert.equal('unknown field of --response-format "typ"; did you mean "type"?',
      usage(inputs.parameters, parse("--response-format", '{"typ":"text"}')))
    assert.equal('unknown field of --merged-adapters "id"; did you mean "ids"?',
      usage(inputs.parameters, parse("--merged-adapters", '{"id":["a"],"weights":[1]}')))
  end)
end)

describe("the client options of the command line", function ()
  it("are empty without options", function ()
    assert.same({}, inputs.client(parse("hello")))
  end)

  it("include every timeout", function ()
    assert.same({ total = 9, connect = 1, first_token = 2.5, token = 3, idle = 4 },
      inputs.client(parse("--timeout", "9", "--connect-timeout", "1", "--first-token-timeout",
        "2.5", "--token-timeout", "3", "--idle-timeout", "4")).timeout)
  end)

  it("include address, retries and certificates", function ()
    assert.same({
      base_url = "http://localhost:1", max_retries = 0, ca_file = "ca.pem", verify = false,
      headers = { ["X-A"] = "b: c" }, proxy = "http://localhost:2", http_version = "1.1",
    }, inputs.client(parse("--base-url", "http://localhost:1", "--max-retries", "0",
      "--ca-file", "ca.pem", "--insecure", "--header", "X-A: b: c",
      "--proxy", "http://localhost:2", "--http-version", "1.1")))
  end)

  it("can refuse every proxy", function ()
    assert.is_false(inputs.client(parse("--no-proxy")).proxy)
    local both = parse("--no-proxy", "--proxy", "http://localhost:2")
    assert.is_truthy(usage(inputs.client, both):find("--no-proxy", 1, true))
  end)

  it("take the API token from a file", function ()
    with_file("pb_from_a_file\n", function (path)
      assert.equal("pb_from_a_file", inputs.client(parse("--token-file", path)).api_token)
    end)
  end)

  it("include every option that messages of the library name", function ()
    with_file("open sesame\n", function (path)
      assert.same({ api_token = false, client_key_password = "open sesame", user_agent = "me/1",
        max_event_bytes = 10, max_response_bytes = 20, allow_plain_http = true },
        inputs.client(parse("--no-token", "--client-key-password-file", path, "--user-agent",
          "me/1", "--max-event-bytes", "10", "--max-response-bytes", "20", "--allow-plain-http")))
      local both = parse("--no-token", "--token-file", path)
      assert.is_truthy(usage(inputs.client, both):find("--no-token", 1, true))
    end)
    assert.is_false(inputs.parameters(parse("--no-check-schema")).check_schema)
    assert.is_nil(inputs.parameters(parse("x")).check_schema)
  end)

  it("refuse a token in a header", function ()
    local message = usage(inputs.client, parse("--header", "authorization: Bearer pb_secret"))
    assert.is_nil(message:find "pb_secret")
  end)
end)
