-- SPDX-License-Identifier: MIT
--- Text out of large language models that Predibase or a LoRAX server of your own serves.
--
-- From here: `predibase.client` makes calls, `predibase.config` says which options there are,
-- `predibase.params` which parameters; `predibase.request` writes what is sent,
-- `predibase.transport.curl` sends it, `predibase.event` and `predibase.response` read what comes
-- back, `predibase.stream` hands it out, `predibase.errors` says what went wrong.
-- `predibase.template` makes prompts, `predibase.chat` goes on with conversations; they are also
-- `template` and `chat` of this table.
--
-- A function raises only where the program is wrong: an argument that is no string or table, an
-- option that does not exist, a closed client. Everything else, bad values included, is `nil, err`.
-- @module predibase

local client = require "predibase.client"
local errors = require "predibase.errors"
local default_loop = require "predibase.loop.default"
local stream = require "predibase.stream"

local M = {}

--- The version of the library, as in semver.org.
M._VERSION = require "predibase.version"

--- Makes a client.
-- @function new
-- @tparam ?table options see `predibase.config`; what is not given comes from the environment:
-- `PREDIBASE_API_TOKEN`, `PREDIBASE_TENANT_ID`, `PREDIBASE_DEPLOYMENT`, `PREDIBASE_BASE_URL`
-- @treturn[1] table the client, see `predibase.client`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"
M.new = client.new

--- Tells whether a value is an error object of this library, as in `pcall` around a `for` loop.
-- @function is_error
-- @param value anything
-- @treturn boolean
M.is_error = errors.is

-- The client of the module functions, made from the environment at their first use.
local default

local function default_client()
  if default then return default end
  local made, err = client.new()
  default = made
  return made, err
end

--- `client:generate` on a client made once from the environment.
-- @tparam string prompt
-- @tparam ?table options see `predibase.client`
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "config" when the environment names no deployment
function M.generate(prompt, options)
  local made, err = default_client()
  if not made then return nil, err end
  return made:generate(prompt, options)
end

--- `client:generate_stream` on a client made once from the environment.
-- @tparam string prompt
-- @tparam ?table options see `predibase.client`
-- @treturn table the stream, with the further values that the generic `for` of Lua 5.4 takes
function M.generate_stream(prompt, options)
  local made, err = default_client()
  local tokens = made and made:generate_stream(prompt, options) or stream.failed(err)
  return tokens, nil, nil, tokens
end

--- `client:generate_many` on a client made once from the environment.
-- @tparam table|function prompts
-- @tparam ?table options see `predibase.client`
-- @treturn table the batch, with the further values that the generic `for` of Lua 5.4 takes
function M.generate_many(prompts, options)
  local made, err = default_client()
  local many = made and made:generate_many(prompts, options)
    or require "predibase.batch".failed(err)
  return many, nil, nil, many
end

--- `client:tokenize` on a client made once from the environment.
-- @tparam string text
-- @tparam ?table options see `predibase.client`
-- @treturn[1] table array of `{ id, text, start, stop }`
-- @treturn[2] nil
-- @treturn[2] table the error
function M.tokenize(text, options)
  local made, err = default_client()
  if not made then return nil, err end
  return made:tokenize(text, options)
end

--- `client:adapter` on a client made once from the environment.
-- @tparam string id
-- @tparam ?table options see `predibase.client`
-- @treturn[1] table see `predibase.adapter`
-- @treturn[2] nil
-- @treturn[2] table the error, when the environment names no deployment
function M.adapter(id, options)
  local made, err = default_client()
  if not made then return nil, err end
  return made:adapter(id, options)
end

--- `client:chat_session` on a client made once from the environment.
-- @tparam ?table options see `predibase.chat`
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
function M.chat_session(options)
  local made, err = default_client()
  if not made then return nil, err end
  return made:chat_session(options)
end

-- Modules that many programs never need are loaded when they are first named.
local LAZY = {
  template = function () return require "predibase.template" end,
  chat = function () return require "predibase.chat" end,
}

setmetatable(M, {
  __index = function (_, name)
    local load = LAZY[name]
    if not load then return nil end
    local loaded = load()
    M[name] = loaded
    return loaded
  end,
})

--- For programs that draw frames: does what there is to do for all clients that have no loop of
-- their own, and never waits. Called once a frame, it leaves nothing to ask the system for to the
-- first `stream:poll()` of each stream that finds no token.
function M.update()
  default_loop.update()
end

return M
