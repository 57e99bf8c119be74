-- SPDX-License-Identifier: MIT
--- A client bound to one adapter: it renders the adapter's template, then calls with its id, its
-- source and its defaults. `client:adapter` makes it.
--
--     local classify = client:adapter("my-repo/3", {
--       template = t, defaults = { max_new_tokens = 5 },
--     })
--     local result, err = classify:generate { text = "The parcel never came." }
-- @module predibase.adapter

local call_options = require "predibase.call.options"
local chat = require "predibase.chat"
local checks = require "predibase.checks"
local client = require "predibase.client"
local formats = require "predibase.template.format"
local names = require "predibase.names"
local json = require "predibase.json"
local plain = require "predibase.template.plain"
local stream = require "predibase.stream"
local usage = require "predibase.usage"
local writer = require "predibase.chat.writer"

local M = {}

local View = { __name = "predibase.adapter" }
View.__index = View

local OPTIONS = { template = true, defaults = true, adapter_source = true }
for _, name in ipairs(writer.names) do OPTIONS[name] = true end

-- What a view says itself.
local BOUND = { adapter_id = true, merged_adapters = true }

local function check_self(self, method)
  if getmetatable(self) ~= View then
    usage.fail(("adapter:%s must be called with a colon on an adapter"):format(method))
  end
  if self.closed and method ~= "close" then
    usage.fail(("adapter:%s on a closed adapter"):format(method))
  end
end

local function check_bound(self, options)
  if type(options) ~= "table" then return end
  for name in pairs(BOUND) do
    if rawget(options, name) ~= nil then
      usage.fail(("%s cannot be given here: this is bound to the adapter %s"):format(name, self.id))
    end
  end
end

--- The options of one call over the view's own. What is no table is left to the client to refuse.
local function options_of(self, options, allowed)
  check_bound(self, options)
  if options ~= nil and type(options) ~= "table" then return options end
  return call_options.merge(self.options(), options, allowed)
end

--- Raises for what no template takes.
local function check_values(self, values)
  local wanted = self.template and "table" or "string"
  if type(values) == wanted then return end
  local what = not self.template and "the prompt as a string, as it has no template"
    or formats.is(self.template) and "messages as a table, as its template is a chat format"
    or "the values of its template as a table"
  usage.fail(("the adapter takes %s, got %s"):format(what, checks.describe(values)))
end

local function render(self, values)
  if not self.template then return values end
  local prompt, err
  if formats.is(self.template) then
    prompt, err = writer.write(self.template, values, self.rendering)
  else
    prompt, err = self.template:render(values)
  end
  return prompt, err
end

--- Writes the prompt that `generate` would send.
-- @param values as for `generate`
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
function View:render(values)
  check_self(self, "render")
  check_values(self, values)
  local prompt, err = render(self, values)
  return prompt, err
end

--- Renders and generates; `client:generate` with this adapter.
-- @param values of the template; messages where it is a chat format; the prompt, a string, where
-- there is none
-- @tparam ?table options as for `client:generate`, laid over the adapter's defaults; no other
-- adapter
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "template" when the values do not fit
-- @raise as `client:generate`
function View:generate(values, options)
  check_self(self, "generate")
  check_values(self, values)
  options = options_of(self, options, call_options.whole)
  local prompt, err = render(self, values)
  if not prompt then
    client.check(self.client, "generate", options)
    return nil, err
  end
  local result
  result, err = client.generate(self.client, prompt, options)
  return result, err
end

--- Renders and streams; `client:generate_stream` with this adapter. Never fails by itself: what is
-- wrong with the values is the error of the first `next`.
-- @param values as for `generate`
-- @tparam ?table options as for `client:generate_stream`
-- @treturn table the stream, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:generate`
function View:generate_stream(values, options)
  check_self(self, "generate_stream")
  check_values(self, values)
  options = options_of(self, options, call_options.stream)
  local prompt, err = render(self, values)
  local made
  if prompt then
    made = client.generate_stream(self.client, prompt, options)
  else
    client.check(self.client, "generate_stream", options)
    made = stream.failed(err)
  end
  return made, nil, nil, made
end

--- Renders and generates for each of many; `client:generate_many` with this adapter. Values that do
-- not fit are the error of that one and stop no other.
-- @tparam table|function entries an array of what `generate` takes, or a function that gives one
-- after the other; without a template, what `client:generate_many` takes
-- @tparam ?table options as for `client:generate_many`
-- @treturn table the batch, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:generate`
function View:generate_many(entries, options)
  check_self(self, "generate_many")
  options = options_of(self, options, call_options.batch)
  local made
  if self.template then
    made = client.generate_many(self.client, entries, options, function (values, only_check)
      check_values(self, values)
      if only_check then return end
      local prompt, err = render(self, values)
      return prompt, err
    end)
  else
    made = client.generate_many(self.client, entries, options)
  end
  return made, nil, nil, made
end

--- A conversation with this adapter, see `predibase.chat`. A chat format that is the adapter's
-- template is its format unless another is given.
-- @tparam ?table options as for `client:chat_session`; no other adapter
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise as `client:chat_session`
function View:chat_session(options)
  check_self(self, "chat_session")
  check_bound(self, options)
  local base = {}
  if formats.is(self.template) then
    base.format = self.template
    for name, value in pairs(self.rendering) do base[name] = value end
  end
  local session, err = chat.new(self.client, options, self.own(), base)
  return session, err
end

--- Ends this view; the client goes on. Any number of times.
function View:close()
  check_self(self, "close")
  self.closed = true
end

View.__close = View.close

function View:__tostring()
  return ("predibase.adapter (%s%s)"):format(self.id, self.closed and ", closed" or "")
end

local function check(id, options)
  if type(id) ~= "string" then
    usage.fail("client:adapter takes the adapter's id as a string, got " .. checks.describe(id))
  end
  if options == nil then return end
  if type(options) ~= "table" then
    usage.fail("client:adapter takes its options as a table, got a " .. type(options))
  end
  names.check(options, OPTIONS, "option")
  options = json.present(options)
  local template = options.template
  if template ~= nil and not formats.is(template) and not plain.is(template) then
    usage.fail("template must be one of predibase.template, or a chat format, got "
      .. checks.describe(template))
  end
  if options.defaults == nil then return end
  if type(options.defaults) ~= "table" then
    usage.fail("defaults must be a table, got " .. checks.describe(options.defaults))
  end
  names.check(options.defaults, call_options.stream, "option")
  check_bound({ id = id }, options.defaults)
end

--- Makes a view.
-- @tparam table of the client
-- @tparam string id
-- @tparam ?table options
-- @treturn table
function M.new(of, id, options)
  check(id, options)
  options = json.present(options or {})
  local template = options.template
  local self = setmetatable({
    client = of, id = id, template = template, closed = false,
    rendering = (writer.split(options)),
  }, View)
  local own = call_options.merge({
    adapter_id = id, adapter_source = options.adapter_source,
    merged_adapters = json.null,          -- a client's default would contradict
  }, options.defaults)
  local all = formats.is(template) and call_options.merge(writer.defaults(template), own) or own
  -- In closures: defaults may hold a token, and whoever walks over a view finds none.
  self.own, self.options = function () return own end, function () return all end
  return self
end

return M
