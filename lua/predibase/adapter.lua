-- SPDX-License-Identifier: MIT
--- An adapter of a client: an object (called a view in this file) that renders the adapter's
-- template and sends the adapter's id, source and defaults with every call. `client:adapter` makes
-- it.
--
--     local classify = client:adapter("my-repo/3", {
--       template = t, defaults = { max_new_tokens = 5 },
--     })
--     local result, err = classify:generate { text = "The parcel never came." }
-- @module predibase.adapter

local chat = require "predibase.chat"
local checks = require "predibase.value_checks"
local generate = require "predibase.generate"
local json = require "predibase.json"
local names = require "predibase.option_names"
local rendering = require "predibase.rendering"
local request = require "predibase.request"
local stream = require "predibase.stream"
local templates = require "predibase.template"
local usage = require "predibase.usage"

local M = {}

local is_format = templates.is_format

local View = { __name = "predibase.adapter" }
View.__index = View

--- The options of `client:adapter`.
-- @table AdapterOptions
-- @extends FormatOptions
-- @tfield ?Template|ChatFormat template what writes the prompts
-- @tfield ?GenerateStreamOptions defaults parameters and options of calls
-- @tfield ?"pbase"|"hub"|"local"|"s3" adapter_source where the adapter is (default `"pbase"`)

--- An adapter of a client.
-- @table Adapter
-- @tfield string id such as `"my-repo/3"`

local OPTIONS = { template = true, defaults = true, adapter_source = true }
for _, name in ipairs(rendering.names) do OPTIONS[name] = true end

-- Parameters that the view sets itself.
local BOUND = { adapter_id = true, merged_adapters = true, model = true }

local function check_self (self, method)
  if getmetatable(self) ~= View then
    usage.fail(("adapter:%s must be called with a colon on an adapter"):format(method))
  end
  if self.closed and method ~= "close" then
    usage.fail(("adapter:%s on a closed adapter"):format(method))
  end
end

local function check_bound (self, options)
  if type(options) ~= "table" then return end
  for name in pairs(BOUND) do
    if rawget(options, name) ~= nil then
      usage.fail(("%s cannot be set here: this object always uses the adapter %s"):format(name,
        self.id))
    end
  end
end

--- Raises when the options of a call name another format than that of the view.
local function check_format (self, options)
  if type(options) == "table" and is_format(self.template) and rawget(options, "format") ~= nil then
    usage.fail "format cannot be set here: the template of this object is a chat format"
  end
end

--- Raises when the template does not accept values of this type.
local function check_values (self, values)
  local wanted = self.template and "table" or "string"
  if type(values) == wanted then return end
  local what = not self.template and "the prompt as a string because it has no template"
    or is_format(self.template) and "messages as a table, as its template is a chat format"
    or "the values of its template as a table"
  usage.fail(("the adapter takes %s, got %s"):format(what, checks.describe(values)))
end

local function render (self, values)
  if not self.template then return values end
  if is_format(self.template) then
    return rendering.write(self.template, values, self.rendering)
  end
  return self.template:render(values)
end

--- Renders a prompt and makes the plan of a call. Returns the arguments of `stream.run`.
local function prepare (self, route, values, options)
  check_self(self, route.name)
  check_values(self, values)
  check_bound(self, options)
  check_format(self, options)
  local plan, refusal = self.plan(route, options, "adapter:" .. route.name)
  local prompt, err = render(self, values)
  if not prompt then plan, refusal = nil, err end
  return self.client.shared, prompt, plan, refusal
end

--- Returns the prompt that `generate` would send.
-- @param values as for `generate`
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
function View:render (values)
  check_self(self, "render")
  check_values(self, values)
  return render(self, values)
end

--- Renders a prompt and calls `client:generate` with it.
-- @param values for the template; messages where the template is a chat format; the prompt as a
-- string where there is no template
-- @tparam ?GenerateOptions options as for `client:generate`; they replace the adapter's defaults,
-- and cannot name another adapter
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "template" when the template cannot be rendered with them
-- @raise as `client:generate`
function View:generate (values, options)
  return stream.run(prepare(self, generate.ROUTE, values, options))
end

--- Renders a prompt and calls `client:generate_json` with it.
-- @param values as for `generate`
-- @tparam ?GenerateJsonOptions options as for `client:generate_json`
-- @treturn[1] table the value
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "template" when the template cannot be rendered with them
-- @raise as `client:generate_json`
function View:generate_json (values, options)
  local answer = require "predibase.json_answer"
  answer.check_options(options, "adapter:generate_json")
  return answer.run(prepare(self, answer.GENERATE, values, options))
end

--- Renders a prompt and calls `client:generate_stream` with it. If the template cannot be rendered
-- with the values, the first `next` returns the error.
-- @param values as for `generate`
-- @tparam ?GenerateStreamOptions options as for `client:generate_stream`
-- @treturn TokenStream the stream, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:generate`
function View:generate_stream (values, options)
  return stream.open(prepare(self, generate.STREAM, values, options))
end

--- Renders prompts and calls `client:generate_many` with them. If the template cannot be rendered
-- with some values, only their prompt fails.
-- @tparam table|function entries an array of the values that `generate` takes, or a function that
-- returns the next ones; without a template, the prompts that `client:generate_many` takes. An
-- entry may also be a table with the field `values` and its own options
-- @tparam ?GenerateManyOptions options as for `client:generate_many`
-- @treturn GenerateBatch the batch, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:generate`
function View:generate_many (entries, options)
  check_self(self, "generate_many")
  check_bound(self, options)
  check_format(self, options)
  request.check(options, generate.MANY, "adapter:generate_many")
  local made = require "predibase.batch".new(self.client, generate.MANY, entries, options, {
    base = self.options(),
    check = function (own)
      check_bound(self, own)
      check_format(self, own)
    end,
    check_values = self.template and function (values) check_values(self, values) end,
    render = self.template and function (values)
      check_values(self, values)
      return render(self, values)
    end,
  })
  return made, nil, nil, made
end

--- Answers rows with the adapter, as `client:run_bulk` does. Its template is filled with the rows,
-- unless the options have a template or a dialect of their own.
-- @tparam BulkOptions options as for `client:run_bulk`; they cannot name another adapter
-- @treturn BulkRun the run, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:run_bulk`
function View:run_bulk (options)
  check_self(self, "run_bulk")
  check_bound(self, type(options) == "table" and rawget(options, "options"))
  local run = require "predibase.bulk".new(self.client, options, {
    base = self.options(), chat_base = self.own(), template = self.template,
    rendering = self.rendering, check = function (own) check_bound(self, own) end,
  })
  return run, nil, nil, run
end

--- Makes the plan of a chat completion. Returns the arguments of `stream.run`.
local function prepare_chat (self, route, messages, options)
  check_self(self, route.name)
  check_bound(self, options)
  require "predibase.chat_completion".check_messages(messages)
  return self.client.shared, messages, self.chat_plan(route, options, "adapter:" .. route.name)
end

--- Calls `client:chat_completion` with the adapter. The server writes the messages with the chat
-- template of its model; the template of this object is not used.
-- @tparam Message[] messages as for `client:chat_completion`
-- @tparam ?ChatOptions options as for `client:chat_completion`; they replace the adapter's
-- defaults, and cannot name another adapter
-- @treturn[1] ChatResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `client:chat_completion`
function View:chat_completion (messages, options)
  return stream.run(prepare_chat(self, require "predibase.chat_completion".ROUTE, messages,
    options))
end

--- Calls `client:chat_completion_stream` with the adapter, as `chat_completion` does.
-- @tparam Message[] messages
-- @tparam ?ChatStreamOptions options as for `client:chat_completion_stream`
-- @treturn ChatStream the stream, with the further values that the generic `for` of Lua 5.4 takes
-- @raise as `client:chat_completion`
function View:chat_completion_stream (messages, options)
  return stream.open(prepare_chat(self, require "predibase.chat_completion".STREAM, messages,
    options))
end

--- Calls `client:chat_completion_json` with the adapter, as `chat_completion` does.
-- @tparam Message[] messages
-- @tparam ?ChatJsonOptions options as for `client:chat_completion_json`
-- @treturn[1] table the value
-- @treturn[1] ChatResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `client:chat_completion_json`
function View:chat_completion_json (messages, options)
  local answer = require "predibase.json_answer"
  answer.check_options(options, "adapter:chat_completion_json")
  return answer.run(prepare_chat(self, answer.chat(), messages, options))
end

--- Calls `client:embed` with this adapter. Of its defaults, those for generated text are left out,
-- and so is the template.
-- @tparam string|string[] input a text, or an array of texts
-- @tparam ?EmbedOptions options as for `client:embed`; they cannot name another adapter
-- @treturn[1] number[]|number[][] the vector, or the array of the vectors
-- @treturn[1] About what is known besides
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `client:embed`
-- @overload fun(self:Adapter,input:string,options:EmbedOptions?):(number[]?,About|Error)
function View:embed (input, options)
  check_self(self, "embed")
  check_bound(self, options)
  return require "predibase.embed".run(self.client, self.plan, input, options, "adapter:embed")
end

--- Calls `client:classify` with this adapter. Its defaults for generated text are left out, and so
-- is the template.
-- @tparam string|string[] input a text, or an array of texts
-- @tparam ?ClassifyOptions options as for `client:classify`; they cannot name another adapter
-- @treturn[1] Classification|Classification[] the result, or the array of the results
-- @treturn[1] About what is known besides
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "validation" where the server classifies with its base model
-- only
-- @raise as `client:classify`
-- @overload fun(self:Adapter,input:string,options:ClassifyOptions?):(Classification?,About|Error)
function View:classify (input, options)
  check_self(self, "classify")
  check_bound(self, options)
  return require "predibase.classify".run(self.client, self.plan, input, options,
    "adapter:classify")
end

--- Begins a conversation with this adapter, see `predibase.chat`. If the adapter's template is a
-- chat format, it is the default of the option `format`.
-- @tparam ?SessionOptions options as for `client:chat_session`; they cannot name another adapter
-- @treturn[1] Session the session
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `client:chat_session`
function View:chat_session (options)
  check_self(self, "chat_session")
  check_bound(self, options)
  local base = {}
  if is_format(self.template) then
    base.format = self.template
    for name, value in pairs(self.rendering) do base[name] = value end
  end
  return chat.new(self.client, options, self.own(), base)
end

--- Closes this view. The client stays open. May be called any number of times.
function View:close ()
  check_self(self, "close")
  self.closed = true
end

View.__close = View.close

function View:__tostring ()
  return ("predibase.adapter (%s%s)"):format(self.id, self.closed and ", closed" or "")
end

local function check (id, options)
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
  if template ~= nil and not is_format(template) and not templates.is_template(template) then
    usage.fail("template must be one of predibase.template, or a chat format, got "
      .. checks.describe(template))
  end
  if options.defaults == nil then return end
  if type(options.defaults) ~= "table" then
    usage.fail("defaults must be a table, got " .. checks.describe(options.defaults))
  end
  names.check(options.defaults, generate.STREAM.names, "option")
  check_bound({ id = id }, options.defaults)
end

--- Makes a view, for `client:adapter`.
-- @tparam Client of the client
-- @tparam string id
-- @tparam ?AdapterOptions options
-- @treturn Adapter
function M.new (of, id, options)
  check(id, options)
  options = json.present(options or {})
  local template = options.template
  local self = setmetatable({
    client = of, id = id, template = template, closed = false,
    rendering = rendering.options_of(options),
  }, View)
  local own = request.copy(request.merge({
    adapter_id = id, adapter_source = options.adapter_source,
    merged_adapters = json.null,          -- removes a default of the client, which would contradict
  }, options.defaults))
  local all = is_format(template) and request.merge(rendering.defaults(template), own) or own
  -- In closures, because the defaults may contain an API token.
  self.own, self.options = function () return own end, function () return all end
  self.plan, self.chat_plan = request.planner(of, all, true), request.planner(of, own, true)
  return self
end

return M
