-- SPDX-License-Identifier: MIT
--- Bytes as LoRAX writes them: events, heads, and a short answer that many fixtures share.

local M = {}

--- The router's keep-alive comment, sent after 15 s without other data.
M.KEEP_ALIVE = ":\n\n"

--- Returns an event with the given data.
function M.event (data)
  return "data: " .. data .. "\n\n"
end

--- Returns the JSON of a token. `text` is inserted unchanged between the quotes, including escapes;
-- `more` may have `id`, `logprob` (text), `special`, `skipped` and `alternatives` (JSON text).
function M.token_json (text, more)
  more = more or {}
  local alternatives = more.alternatives
    and '"alternative_tokens":' .. more.alternatives .. "," or ""
  -- No string.format here: on Lua 5.1 its %s ends at a NUL byte.
  return '{"id":' .. (more.id or "1369") .. ',"text":"' .. text .. '","logprob":'
    .. (more.logprob or "-0.34") .. ',"special":' .. tostring(more.special or false) .. ","
    .. alternatives .. '"skipped":' .. tostring(more.skipped or false) .. "}"
end

--- Returns the event of a token that is not the last.
function M.token (text, more)
  return M.event('{"token":' .. M.token_json(text, more)
    .. ',"generated_text":null,"details":null}')
end

--- Returns the JSON of the details in the closing event; `more` may have `reason`, `prompt`,
-- `generated` and `seed`.
function M.details (more)
  more = more or {}
  return ('{"finish_reason":"%s","prompt_tokens":%s,"generated_tokens":%s,"seed":%s}'):format(
    more.reason or "eos_token", more.prompt or 6, more.generated or 5, more.seed or "null")
end

--- Returns the closing event: the last token, the whole text, and the details (JSON text).
function M.closing (text, generated_text, details, more)
  return M.event('{"token":' .. M.token_json(text, more) .. ',"generated_text":"'
    .. generated_text .. '","details":' .. (details or M.details()) .. "}")
end

--- Returns an error event of the router, and the body of its error responses.
function M.error_json (message, error_type)
  return ('{"error":"%s","error_type":"%s"}'):format(message, error_type)
end

function M.error (message, error_type)
  return M.event(M.error_json(message, error_type))
end

--- Returns the events of a short answer: four tokens and the closing event with the fifth.
function M.answer ()
  return M.token " The" .. M.token " sky" .. M.token " is" .. M.token " blue"
    .. M.closing(".", " The sky is blue.")
end

--- Returns the expected result of that answer, with more or other fields.
function M.expected (other)
  local expect = {
    texts = { " The", " sky", " is", " blue", "." }, text = " The sky is blue.",
    finish_reason = "eos_token",
    usage = { prompt_tokens = 6, completion_tokens = 5, total_tokens = 11 },
  }
  for name, value in pairs(other or {}) do expect[name] = value end
  return expect
end

--- The first three tokens of that answer, and the partial result when it is cut after them.
function M.three_tokens ()
  return M.token " The" .. M.token " sky" .. M.token " is"
end

function M.broken (kind, message, other)
  local expect = {
    texts = { " The", " sky", " is" }, partial_text = " The sky is", kind = kind, message = message,
  }
  for name, value in pairs(other or {}) do expect[name] = value end
  return expect
end

--- The head of a stream (LoRAX /generate_stream), without the connection's header fields.
function M.stream_head ()
  return {
    ["content-type"] = "text/event-stream", ["cache-control"] = "no-cache",
    ["x-compute-type"] = "gpu+optimized", ["x-compute-characters"] = "18",
    ["x-accel-buffering"] = "no", ["x-model-id"] = "mistralai/Mistral-7B-Instruct-v0.1",
  }
end

--- The head of a whole response (LoRAX /generate): token counts, and times in milliseconds.
function M.answer_head ()
  return {
    ["content-type"] = "application/json", ["x-compute-type"] = "gpu+optimized",
    ["x-compute-time"] = "1", ["x-compute-characters"] = "18", ["x-total-time"] = "187",
    ["x-prompt-tokens"] = "6", ["x-generated-tokens"] = "5", ["x-skipped-tokens"] = "0",
    ["x-total-tokens"] = "11", ["x-validation-time"] = "1", ["x-queue-time"] = "2",
    ["x-inference-time"] = "184", ["x-time-per-token"] = "36", ["x-time-to-first-token"] = "40",
    ["x-time-per-output-token"] = "36", ["x-model-id"] = "mistralai/Mistral-7B-Instruct-v0.1",
  }
end

return M
