-- SPDX-License-Identifier: MIT
--- The handlers of /v1: a gateway for clients of OpenAI's API in front of /generate.

local answer = require "predibase.resty.answer"
local answers = require "predibase.resty.openai_answers"
local json = require "predibase.json"
local model = require "model"
local request = require "openai_request"
local resty = require "predibase.resty"

local M = {}

local function send (text)
  ngx.header["Content-Type"] = "application/json"
  ngx.print(text)
end

--- Answers with an error object of the library, or with a refusal of `openai_request`.
local function refuse (err)
  if err.type then return answer.send(err.status, answers.encode(err)) end
  if err.kind ~= "cancelled" then ngx.log(ngx.ERR, "openai: ", tostring(err)) end
  resty.refuse(err, { format = "openai" })
end

--- Checks the key of the client, if the variable GATEWAY_KEY is set. The digests are compared, so
-- that the time of the comparison tells nothing about the key.
local function may_enter ()
  local key = os.getenv "GATEWAY_KEY"
  if not key or key == "" then return true end
  local given = (ngx.var.http_authorization or ""):match "^[Bb]earer +(%S+)$" or ""
  if ngx.sha1_bin(given) == ngx.sha1_bin(key) then return true end
  return request.refuse("the API key is missing or not valid", nil, 401, "invalid_api_key")
end

--- Runs a handler: checks the method and the key, makes the state, and answers with the error.
local function handle (method, f)
  if ngx.req.get_method() ~= method then
    ngx.header["Allow"] = method
    return refuse(select(2, request.refuse("this path takes " .. method, nil, 405)))
  end
  local ok, err = may_enter()
  local this
  if ok then this, err = model.get() end
  if this then ok, err = f(this) end
  if err then refuse(err) end
  return ok
end

--- Calls a function with a lease, which is ended when the function returns or fails.
local function with_lease (this, f)
  local lease, err = this.api_limits:enter(ngx.var.remote_addr)
  if not lease then return nil, err end
  local ok, result, failure = pcall(f, lease)
  lease:leave()
  if not ok then error(result, 0) end
  return result, failure
end

local function send_stream (this, call)
  local how, reader = call.how, nil
  if how then reader = assert(this.format:reader(how)) end
  local _, err = resty.relay(this.client:generate_stream(call.prompt, call.options), {
    format = call.kind == "chat" and "openai" or "openai_completion", model = call.fields.model,
    include_usage = call.wants_usage, reader = reader,
  })
  -- The relay has sent the error.
  if err and err.kind ~= "cancelled" then ngx.log(ngx.ERR, "openai: ", tostring(err)) end
  return true
end

local function send_whole (this, call)
  local result, err = this.client:generate(call.prompt, call.options)
  if not result then return nil, err end
  local parsed = call.how and assert(this.format:parse(result.text, call.how))
  send(answers.whole(result, { kind = call.kind, model = call.fields.model, parsed = parsed }))
  return true
end

--- Generates an answer to a prompt and sends it, whole or as a stream.
-- @tparam table this see `model`
-- @tparam table call `kind`, `fields`, `prompt`, `options`, and `how`, the options of
-- `format:parse` when there may be reasoning or calls of tools in the answer
local function generate (this, call)
  local refusal
  call.wants_usage, refusal = request.wants_usage(call.fields)
  if refusal then return nil, refusal end
  return with_lease(this, function ()
    if call.fields.stream then return send_stream(this, call) end
    return send_whole(this, call)
  end)
end

--- POST /v1/chat/completions
function M.chat ()
  return handle("POST", function (this)
    local fields, err = request.read "chat"
    if not fields then return nil, err end
    local adapter, messages, tools, options, prompt
    adapter, err = request.adapter(fields, this)
    if not adapter then return nil, err end
    messages, err = request.messages(fields)
    if not messages then return nil, err end
    tools, err = request.tools(fields)
    if err then return nil, err end
    options, err = request.parameters(fields, adapter, this.format.stop)
    if not options then return nil, err end
    -- Texts of users may contain special tokens of the format; they must lose their meaning.
    prompt, err = this.format:render(messages, { add_generation_prompt = true, bos_token = false,
      special_tokens_in_text = "neutralise", tools = tools })
    if not prompt then return nil, err end
    return generate(this, { kind = "chat", fields = fields, prompt = prompt, options = options,
      how = (tools or this.format.reasoning) and { prompt = prompt, tools = tools } or nil })
  end)
end

--- POST /v1/completions
function M.completion ()
  return handle("POST", function (this)
    local fields, err = request.read "completion"
    if not fields then return nil, err end
    local adapter, options
    adapter, err = request.adapter(fields, this)
    if not adapter then return nil, err end
    local prompt = fields.prompt
    if type(prompt) == "table" and #prompt == 1 then prompt = prompt[1] end
    if type(prompt) ~= "string" then
      return request.refuse("prompt must be a string; this gateway takes one prompt", "prompt")
    end
    options, err = request.parameters(fields, adapter, {})
    if not options then return nil, err end
    return generate(this, { kind = "completion", fields = fields, prompt = prompt,
      options = options })
  end)
end

--- POST /v1/embeddings
function M.embeddings ()
  return handle("POST", function (this)
    local fields, err = request.read "embedding"
    if not fields then return nil, err end
    local adapter, texts
    adapter, err = request.adapter(fields, this)
    if not adapter then return nil, err end
    texts, err = request.texts(fields)
    if not texts then return nil, err end
    return with_lease(this, function ()
      local vectors, more = this.client:embed(texts,
        { adapter_id = adapter ~= "" and adapter or nil })
      if not vectors then return nil, more end
      send(assert(answers.embeddings(vectors, { model = fields.model, usage = more.usage,
        base64 = fields.encoding_format == "base64" })))
      return true
    end)
  end)
end

local function model_object (this, name)
  return json.object { { "id", name }, { "object", "model" }, { "created", this.created },
    { "owned_by", "predibase" } }
end

--- GET /v1/models, and GET /v1/models/NAME
function M.models ()
  return handle("GET", function (this)
    local name = ngx.var.uri:match "^/v1/models/(.+)$"
    if name then
      local known, err = request.adapter({ model = name }, this)
      if not known then return nil, err end
      send(json.encode(model_object(this, name)))
      return true
    end
    local list = {}
    for i, each in ipairs(this.models) do list[i] = model_object(this, each) end
    send(json.encode(json.object { { "object", "list" }, { "data", json.array(list) } }))
    return true
  end)
end

--- Every other path, and bodies that are too large.
function M.refused ()
  local too_large = ngx.status == 413
  refuse(select(2, request.refuse(too_large and "the body is too large" or "there is no such path",
    nil, too_large and 413 or 404)))
end

return M
