-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local errors = require "predibase.errors"

local MANAGED = "https://serving.app.predibase.com/"

local function environment (variables)
  return function (name) return variables[name] end
end

local none = environment {}

local full = environment {
  PREDIBASE_API_TOKEN = "pb_env", PREDIBASE_TENANT_ID = "tenant-env",
  PREDIBASE_DEPLOYMENT = "deployment-env",
}

local function refused (options, getenv)
  local cfg, err = config.new(options, getenv or none)
  assert.is_nil(cfg)
  assert.is_true(errors.is(err))
  assert.equal("config", err.kind)
  return err.message
end

describe("the address", function ()
  it("is that of a deployment at Predibase", function ()
    local cfg = config.new({ api_token = "pb_x", tenant_id = "acme", deployment = "m-7b" }, none)
    assert.equal(MANAGED .. "acme/deployments/v2/llms/m-7b", cfg.url)
    assert.equal("https", cfg.scheme)
    assert.equal("serving.app.predibase.com", cfg.host)
    assert.equal(443, cfg.port)
    assert.is_false(cfg.loopback)
    assert.equal("pb_x", config.token(cfg))
  end)

  it("comes from the environment when no argument is given", function ()
    local cfg = config.new(nil, full)
    assert.equal(MANAGED .. "tenant-env/deployments/v2/llms/deployment-env", cfg.url)
    assert.equal("pb_env", config.token(cfg))
    cfg = config.new({ tenant_id = "acme" }, full)
    assert.equal(MANAGED .. "acme/deployments/v2/llms/deployment-env", cfg.url)
  end)

  it("is taken from the source with the highest precedence", function ()
    local all = environment {
      PREDIBASE_API_TOKEN = "pb_env", PREDIBASE_TENANT_ID = "t", PREDIBASE_DEPLOYMENT = "d",
      PREDIBASE_BASE_URL = "https://env.example/x",
    }
    assert.equal("https://arg.example",
      config.new({ base_url = "https://arg.example" }, all).url)
    assert.equal(MANAGED .. "t/deployments/v2/llms/e", config.new({ deployment = "e" }, all).url)
    assert.equal("https://env.example/x", config.new({}, all).url)
    assert.equal(MANAGED .. "tenant-env/deployments/v2/llms/deployment-env",
      config.new({}, full).url)
  end)

  it("reads the environment of the process by default", function ()
    local real, asked = os.getenv, {}
    finally(function () rawset(os, "getenv", real) end)
    rawset(os, "getenv", function (name)
      asked[name] = true
      return name == "PREDIBASE_BASE_URL" and "http://127.0.0.1:1" or nil
    end)
    assert.equal("http://127.0.0.1:1", config.new().url)
    assert.is_true(asked.PREDIBASE_API_TOKEN)
  end)

  it("takes the deployment from PREDIBASE_MODEL where PREDIBASE_DEPLOYMENT is not set", function ()
    local variables = { PREDIBASE_API_TOKEN = "pb_x", PREDIBASE_TENANT_ID = "acme",
      PREDIBASE_MODEL = "from-model" }
    assert.matches("/from%-model$", config.new({}, environment(variables)).url)
    variables.PREDIBASE_DEPLOYMENT = ""
    assert.matches("/from%-model$", config.new({}, environment(variables)).url)
    variables.PREDIBASE_DEPLOYMENT = "from-deployment"
    assert.matches("/from%-deployment$", config.new({}, environment(variables)).url)
    variables.PREDIBASE_DEPLOYMENT, variables.PREDIBASE_MODEL = nil, "a b"
    assert.matches("^deployment %(from the environment variable PREDIBASE_MODEL%) ",
      refused({}, environment(variables)))
  end)

  it("counts empty variables as not set", function ()
    local empty = environment {
      PREDIBASE_API_TOKEN = "", PREDIBASE_TENANT_ID = "", PREDIBASE_DEPLOYMENT = "",
      PREDIBASE_BASE_URL = "",
    }
    assert.matches("^tenant_id is missing", refused({}, empty))
    local cfg = config.new({ base_url = "http://h.example" }, empty)
    assert.is_nil(config.token(cfg))
  end)

  it("names the argument and the variable of everything that is missing", function ()
    assert.equal('tenant_id is missing: give tenant_id = "…" or set the environment variable '
      .. 'PREDIBASE_TENANT_ID; deployment is missing: give deployment = "…" or set the '
      .. 'environment variable PREDIBASE_DEPLOYMENT; api_token is missing: give api_token = "…" '
      .. "or set the environment variable PREDIBASE_API_TOKEN; for your own server, give "
      .. "base_url or set PREDIBASE_BASE_URL", refused({}))
    assert.equal('deployment is missing: give deployment = "…" or set the environment variable '
      .. "PREDIBASE_DEPLOYMENT", refused({ api_token = "pb_x", tenant_id = "acme" }))
    assert.equal('api_token is missing: give api_token = "…" or set the environment variable '
      .. "PREDIBASE_API_TOKEN", refused({ tenant_id = "acme", deployment = "m" }))
    assert.matches("^api_token is missing", refused({ api_token = false, tenant_id = "acme",
      deployment = "m" }, full))
  end)

  it("is refused when it is given twice", function ()
    for _, name in ipairs { "tenant_id", "deployment" } do
      assert.matches("^base_url replaces tenant_id and deployment; give either",
        refused { base_url = "http://127.0.0.1", [name] = "x", api_token = "pb_x" })
    end
  end)

  it("is refused with the name of the variable that has a bad value", function ()
    assert.matches("^tenant_id %(from the environment variable PREDIBASE_TENANT_ID%) must consist "
      .. 'of letters, digits and %- %. _ ~ only, got the string "a/b"$',
      refused({}, environment { PREDIBASE_API_TOKEN = "x", PREDIBASE_TENANT_ID = "a/b",
        PREDIBASE_DEPLOYMENT = "m" }))
    assert.matches("^base_url %(from the environment variable PREDIBASE_BASE_URL%) must begin",
      refused({}, environment { PREDIBASE_BASE_URL = "ftp://h" }))
    assert.matches("^api_token %(from the environment variable PREDIBASE_API_TOKEN%) ends in",
      refused({}, environment { PREDIBASE_API_TOKEN = "pb_x\n" }))
  end)

  it("is refused for every name that could change another segment of the path", function ()
    for _, bad in ipairs { "", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ü", "a\r\nb",
      ("x"):rep(10000) } do
      assert.matches("^tenant_id ",
        refused { api_token = "pb_x", tenant_id = bad, deployment = "m" })
      assert.matches("^deployment ",
        refused { api_token = "pb_x", tenant_id = "acme", deployment = bad })
    end
    assert.matches("^deployment .* a Hugging Face path was probably pasted",
      refused { api_token = "pb_x", tenant_id = "acme", deployment = "mistralai/Mistral-7B" })
  end)

  it("is refused when it is not a string", function ()
    assert.equal("tenant_id must be a string, got the number 5",
      refused { api_token = "pb_x", tenant_id = 5, deployment = "m" })
    assert.equal("deployment must be a string, got a table",
      refused { api_token = "pb_x", tenant_id = "acme", deployment = {} })
    assert.equal("base_url must be a string, got the boolean false",
      refused { base_url = false })
  end)
end)

describe("api_token", function ()
  it("is refused without being shown", function ()
    for _, bad in ipairs { "", "SENTINEL\n", "\nSENTINEL", "SENTINEL\r\nX: y", "SENT\0INEL",
      "SENT INEL", "SENTINÉL", "Bearer SENTINEL", ("SENTINEL"):rep(131072) } do
      local message = refused { base_url = "http://127.0.0.1", api_token = bad }
      assert.matches("^api_token ", message)
      assert.is_nil(message:find("SENT", 1, true))
    end
    for _, bad in ipairs { 12345, {}, true } do
      local message = refused { base_url = "http://127.0.0.1", api_token = bad }
      assert.equal("api_token must be a string or a function, got a " .. type(bad), message)
    end
    assert.matches("^api_token ends in a newline, so it probably came from a file",
      refused { base_url = "http://127.0.0.1", api_token = "SENTINEL\n" })
  end)

  it("is not sent when it is false, even if the environment has one", function ()
    local cfg = config.new({ base_url = "http://lorax.example", api_token = false }, full)
    assert.is_nil(config.token(cfg))
  end)

  it("is sent over plain http to this machine only", function ()
    for _, host in ipairs { "localhost", "127.0.0.1", "127.9.9.9", "[::1]" } do
      assert.is_table(config.new({ base_url = "http://" .. host, api_token = "pb_x" }, none))
    end
    for _, host in ipairs { "lorax.example", "10.0.0.1", "0.0.0.0", "localhost.example" } do
      local message = refused { base_url = "http://" .. host .. "/a", api_token = "pb_x" }
      assert.matches("^api_token would be sent unencrypted to http://" .. host, message)
      assert.matches("allow_plain_http = true", message)
      assert.is_nil(message:find("pb_x", 1, true))
    end
    assert.is_table(config.new({ base_url = "http://lorax.example", api_token = "pb_x",
      allow_plain_http = true }, none))
    assert.is_table(config.new({ base_url = "http://lorax.example" }, none))
  end)

  it("is not sent to a server whose certificate is not checked", function ()
    assert.matches("^verify = false would give api_token to anyone who impersonates lorax%.example",
      refused { base_url = "https://lorax.example", api_token = "pb_x", verify = false })
    assert.is_table(config.new({ base_url = "https://lorax.example", verify = false }, none))
    assert.is_table(config.new({ base_url = "https://localhost", api_token = "pb_x",
      verify = false }, none))
  end)
end)
