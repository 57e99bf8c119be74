-- SPDX-License-Identifier: MIT
--- The handler of /api/chat: receives a conversation as JSON and sends the answer as events.

local cjson = require "cjson.safe"
local model = require "model"
local resty = require "predibase.resty"

local M = {}

-- The longest conversation. A longer one would not fit into a model's context.
local MAX_MESSAGES = 100

local ROLES = { user = true, assistant = true }

local function bad (message)
  ngx.status = 400
  ngx.header["Content-Type"] = "application/json"
  ngx.print(cjson.encode { kind = "validation", message = message })
end

--- Returns the messages that the browser sent, or nil and a text that says what is wrong.
local function messages ()
  ngx.req.read_body()
  local body = cjson.decode(ngx.req.get_body_data() or "")
  local list = type(body) == "table" and body.messages
  if type(list) ~= "table" or #list == 0 then return nil, "there are no messages" end
  if #list > MAX_MESSAGES then return nil, "the conversation is too long; begin a new one" end
  local out = {}
  local system = os.getenv "CHAT_SYSTEM"
  if system then out[1] = { role = "system", content = system } end
  for _, message in ipairs(list) do
    if type(message) ~= "table" or not ROLES[message.role] or type(message.content) ~= "string" then
      return nil, "a message needs a role and a text"
    end
    out[#out + 1] = { role = message.role, content = message.content }
  end
  if out[#out].role ~= "user" then return nil, "the last message must be a question" end
  return out
end

function M.answer ()
  if ngx.req.get_method() ~= "POST" then
    ngx.header["Allow"] = "POST"
    return ngx.exit(405)
  end
  -- A page of another site can send forms and plain text here without the browser's permission
  -- check (CORS), and could use the model. It cannot send JSON.
  if not (ngx.var.content_type or ""):lower():find "^application/json%f[;%s%z]" then
    return ngx.exit(415)
  end
  local this, err = model.get()
  if not this then
    ngx.log(ngx.ERR, "chat: ", tostring(err))
    return resty.refuse(err)
  end
  local list, problem = messages()
  if not list then return bad(problem) end
  -- Check the limits before rendering the prompt, which takes time.
  local lease
  lease, err = this.limits:enter(ngx.var.remote_addr)
  if not lease then return resty.refuse(err) end
  local prompt
  -- A visitor's text may contain special tokens of the format; they must lose their meaning.
  prompt, err = this.format:render(list, {
    add_generation_prompt = true, bos_token = false, special_tokens_in_text = "neutralise",
  })
  if not prompt then
    lease:leave()
    return resty.refuse(err)
  end
  local result
  result, err = resty.relay(this.client:generate_stream(prompt, {
    max_new_tokens = 400, temperature = 0.7, stop = this.format.stop, trim_stop = true,
  }), { lease = lease })
  if not result and err.kind ~= "cancelled" then ngx.log(ngx.ERR, "chat: ", tostring(err)) end
end

return M
