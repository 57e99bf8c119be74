-- SPDX-License-Identifier: MIT
--- Bytes of the /v1 routes, as LoRAX, vLLM, llama.cpp and Ollama write them. Every `text` is
-- inserted unchanged between the quotation marks of the JSON, including escapes.

local wire = require "spec.support.wire"

local M = {}

M.DONE = wire.event "[DONE]"

--- Returns the JSON of the numbers of tokens.
function M.usage (prompt, completion)
  return ('{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}'):format(prompt,
    prompt + completion, completion)
end

local function quoted (word)
  return word and '"' .. word .. '"' or "null"
end

local function with_usage (usage)
  return usage and ',"usage":' .. usage or ""
end

-- LoRAX.

--- Returns a chunk of LoRAX /v1/chat/completions with the JSON of a delta.
function M.chunk (delta, finish, usage)
  return wire.event('{"id":"null","object":"chat.completion.chunk","created":0,"model":"null",'
    .. '"choices":[{"index":0,"delta":' .. delta .. ',"finish_reason":' .. quoted(finish) .. "}]"
    .. with_usage(usage) .. "}")
end

--- Returns a chunk of LoRAX with a text.
function M.delta (text, finish, usage)
  return M.chunk('{"role":"assistant","content":"' .. text .. '"}', finish, usage)
end

--- Returns the last chunk of LoRAX when the model ended its answer by itself.
function M.stop (usage)
  return M.chunk("{}", "stop", usage or M.usage(6, 5))
end

--- Returns the chunks of a short answer, the same as that of `spec.support.wire`.
function M.deltas ()
  return M.delta " The" .. M.delta " sky" .. M.delta " is" .. M.delta " blue" .. M.delta "."
end

function M.answer ()
  return M.deltas() .. M.stop() .. M.DONE
end

--- Returns the expected result of that answer, with more or other fields.
function M.expected (other)
  local expect = {
    texts = { " The", " sky", " is", " blue", ".", "" }, text = " The sky is blue.",
    finish_reason = "stop",
    usage = { prompt_tokens = 6, completion_tokens = 5, total_tokens = 11 },
  }
  for name, value in pairs(other or {}) do expect[name] = value end
  return expect
end

--- Returns a chunk of LoRAX /v1/completions.
function M.text_chunk (text, finish, usage)
  return wire.event('{"id":"null","object":"text_completion","created":0,"model":"null",'
    .. '"choices":[{"index":0,"text":"' .. text .. '","logprobs":null,"finish_reason":'
    .. quoted(finish) .. "}]" .. with_usage(usage or M.usage(0, 0)) .. "}")
end

--- Returns a whole answer of LoRAX /v1/chat/completions with the JSON of its messages.
function M.body (messages, finish, usage)
  local list = {}
  for i, message in ipairs(messages) do
    list[i] = ('{"index":%d,"message":'):format(i - 1) .. message .. ',"finish_reason":'
      .. quoted(finish or "stop") .. "}"
  end
  return '{"id":"null","object":"text_completion","created":1764288000,'
    .. '"model":"mistralai/Mistral-7B-Instruct-v0.1","choices":[' .. table.concat(list, ",") .. "]"
    .. with_usage(usage or M.usage(6, 5)) .. ',"system_fingerprint":"0.1.0-native"}'
end

--- Returns the JSON of a message with a text.
function M.message (text)
  return '{"role":"assistant","content":"' .. text .. '"}'
end

--- Returns a whole answer of LoRAX /v1/completions.
function M.text_body (text, finish, usage)
  return '{"id":"null","object":"text_completion","created":0,"model":"null","choices":'
    .. '[{"index":0,"text":"' .. text .. '","logprobs":null,"finish_reason":'
    .. quoted(finish or "stop") .. "}]" .. with_usage(usage or M.usage(6, 5)) .. "}"
end

--- Tools for the requests of fixtures.
function M.tools ()
  return {
    { name = "weather", parameters = { type = "object",
      properties = { town = { type = "string" } } } },
    { name = "time", parameters = { type = "object", properties = {} } },
  }
end

-- Servers with OpenAI's API.

--- The options of their clients.
M.OPENAI = { server = "openai" }

--- Returns a chunk of vLLM with the JSON of a delta, or with other choices.
function M.vllm (delta, finish, usage, choices)
  return wire.event('{"id":"chatcmpl-5b1c","object":"chat.completion.chunk","created":1764288000,'
    .. '"model":"meta-llama/Llama-3.1-8B-Instruct","choices":'
    .. (choices or '[{"index":0,"delta":' .. delta .. ',"logprobs":null,"finish_reason":'
      .. quoted(finish) .. "}]") .. with_usage(usage) .. "}")
end

--- Returns the first chunk of vLLM, which only has the role.
function M.vllm_role ()
  return M.vllm '{"role":"assistant","content":""}'
end

function M.vllm_text (text, finish)
  return M.vllm('{"content":"' .. text .. '"}', finish)
end

--- Returns the chunk of vLLM with the numbers of tokens.
function M.vllm_usage (prompt, completion)
  return M.vllm(nil, nil, M.usage(prompt, completion), "[]")
end

--- Returns a chunk of vLLM with a piece of a call: `fields` is the JSON of its members.
function M.vllm_piece (fields, finish)
  return M.vllm('{"tool_calls":[{' .. fields .. "}]}", finish)
end

--- Returns a chunk of llama.cpp.
function M.llama_cpp (delta, finish, more)
  return wire.event('{"choices":[{"finish_reason":' .. quoted(finish) .. ',"index":0,"delta":'
    .. delta .. '}],"created":1764288000,"id":"chatcmpl-Vx1","model":"gpt-3.5-turbo",'
    .. '"system_fingerprint":"b6000-1c2","object":"chat.completion.chunk"' .. (more or "") .. "}")
end

--- Returns a chunk of Ollama.
function M.ollama (delta, finish)
  return wire.event('{"id":"chatcmpl-311","object":"chat.completion.chunk","created":1764288000,'
    .. '"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":'
    .. delta .. ',"finish_reason":' .. quoted(finish) .. "}]}")
end

return M
