-- SPDX-License-Identifier: MIT
--- Compares the outcome of a call with the one that a fixture of spec/fixtures/wire expects.

local errors = require "predibase.errors"

local M = {}

local function same (a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function shown (value)
  if type(value) ~= "table" then
    local text = type(value) == "string" and ("%q"):format(value) or tostring(value)
    return #text > 200 and text:sub(1, 200) .. "…" or text
  end
  local parts = {}
  for key, inner in pairs(value) do
    if #parts == 20 then break end
    parts[#parts + 1] = ("%s = %s"):format(tostring(key), shown(inner))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- Collects differences.
local function collector ()
  local problems = {}
  return problems, function (what, wanted, got)
    if not same(wanted, got) then
      problems[#problems + 1] = ("%s: expected %s, got %s"):format(what, shown(wanted), shown(got))
    end
  end
end

local function compare_tokens (expect, tokens, check)
  local texts = {}
  for i, token in ipairs(tokens) do texts[i] = token.text end
  check("texts of the tokens", expect.texts, texts)
  if #tokens ~= #expect.texts then return end
  for i, fields in pairs(expect.tokens or {}) do
    for name, value in pairs(fields) do
      check(("token %d, %s"):format(i, name), value, tokens[i][name])
    end
  end
  for i, names in pairs(expect.absent or {}) do
    for _, name in ipairs(names) do
      check(("token %d, %s"):format(i, name), nil, tokens[i][name])
    end
  end
  for i, digits in ipairs(expect.ids or {}) do
    check(("token %d, id as text"):format(i), digits, tostring(tokens[i].id))
  end
end

local function without_empty (texts)
  local left = {}
  for _, text in ipairs(texts) do
    if text ~= "" then left[#left + 1] = text end
  end
  return left
end

--- Returns the pieces that were joined to make `got`, or `got` if it is not made of whole pieces in
-- their order. Texts that arrive together may come as one piece.
local function split_like (pieces, got)
  local i, split = 0, {}
  for _, text in ipairs(got) do
    local joined = ""
    while i < #pieces and #joined < #text do
      i = i + 1
      joined, split[i] = joined .. pieces[i], pieces[i]
    end
    if joined ~= text or text == "" then return got end
  end
  return split
end

--- Compares what only the results of chats and completions have.
local function compare_answer (expect, result, check)
  local calls, ids, texts = {}, {}, {}
  for i, call in ipairs(result.tool_calls or {}) do
    calls[i], ids[i] = { call.name, call.raw_arguments }, call.id
    check(("call %d has an id"):format(i), true, type(call.id) == "string" and call.id ~= "")
  end
  for i, choice in ipairs(result.choices or {}) do texts[i] = choice.text end
  check("calls", expect.calls or {}, calls)
  check("no empty list of calls", expect.calls == nil, result.tool_calls == nil)
  if expect.call_ids then check("ids of the calls", expect.call_ids, ids) end
  check("texts of the choices", expect.choices or {}, texts)
  check("reasoning", expect.reasoning, result.reasoning)
  check("stop_sequence", expect.stop_sequence, result.stop_sequence)
  check("finish_reason", expect.finish_reason, result.finish_reason)
  check("raw_finish_reason",
    not expect.no_raw_finish_reason and (expect.raw_finish_reason or expect.finish_reason) or nil,
    result.raw_finish_reason)
end

local function compare_result (expect, result, check, is_answer)
  if type(result) ~= "table" then return check("the result", "a table", result) end
  check("text", expect.text, result.text)
  check("tostring(result)", expect.text, tostring(result))
  if expect.usage then check("usage", expect.usage, result.usage) end
  if expect.attempts then check("attempts", expect.attempts, result.attempts) end
  if is_answer then return compare_answer(expect, result, check) end
  check("generated_text", expect.text, result.generated_text)
  local details = result.details or {}
  check("details are absent", expect.no_details or false, result.details == nil)
  if expect.finish_reason then
    check("finish_reason", expect.finish_reason, details.finish_reason)
  end
  if expect.seed then check("seed as text", expect.seed, tostring(details.seed)) end
  if expect.other_seed then
    check("seed of the sequence that lost", expect.other_seed,
      tostring(details.best_of_sequences[1].seed))
  end
end

local function compare_error (expect, err, check, secret)
  if not errors.is(err) then return check("the error", "an error object", err) end
  check("kind", expect.kind, err.kind)
  check(("message %q fits %q"):format(err.message:sub(1, 200), expect.message), true,
    err.message:find(expect.message) ~= nil)
  for _, name in ipairs { "partial_text", "status", "error_type", "attempts", "retryable" } do
    if expect[name] ~= nil then check(name, expect[name], err[name]) end
  end
  if expect.texts then check("tokens", #expect.texts, err.tokens) end
  check("length of the message", true, #err.message <= (expect.longest_message or 512))
  check("length of the body", true, #(err.body or "") <= 512)
  check("the token is in the error", nil, tostring(err):find(secret, 1, true))
end

--- Compares an outcome with the expected one.
-- @tparam table expect see `spec.support.fixture`
-- @tparam table outcome of `fixture.run`
-- @tparam string secret that the error must not contain
-- @tparam string call the method that was called
-- @treturn ?string the differences, one per line; nil when there are none
function M.problems (expect, outcome, secret, call)
  local problems, check = collector()
  if expect.kind then
    check("the result", nil, outcome.result)
    compare_error(expect, outcome.err, check, secret)
  else
    check("the error", nil, outcome.err and tostring(outcome.err))
    if not outcome.err then
      compare_result(expect, outcome.result, check, not call:find "^generate")
    end
  end
  if outcome.tokens then compare_tokens(expect, outcome.tokens, check) end
  if outcome.pieces then
    local pieces = expect.pieces or without_empty(expect.texts)
    check("pieces", pieces, split_like(pieces, outcome.pieces))
  end
  check("the same on every later call", true, outcome.final)
  if #problems > 0 then return table.concat(problems, "\n") end
end

return M
