-- SPDX-License-Identifier: MIT
--- Damaged events: for any damage by a server, a proxy or a bit error, `event.decode` returns an
-- event of the documented shape or a failure of a documented kind. The damage is the same on
-- every run.
local errors = require "predibase.errors"
local event = require "predibase.event"
local json = require "predibase.json"
local random = require "spec.support.random"

local token = '{"token":{"id":1369,"text":" t\\u00e9st é😀","logprob":-0.34,"special":false,'

local good = {
  token .. '"skipped":false},"generated_text":null,"details":null}',
  token .. '"alternative_tokens":[{"id":0,"text":"a","logprob":-1.5},{"id":9,"text":"b",'
    .. '"logprob":null}],"skipped":true},"generated_text":null,"details":null}',
  token .. '"skipped":false},"generated_text":" test","details":{"finish_reason":"eos_token",'
    .. '"prompt_tokens":6,"generated_tokens":2,"seed":18446744073709551615}}',
  '{"error":"Input validation error: `temperature` must be non-negative",'
    .. '"error_type":"validation"}',
  '{"error":{"message":"m","type":"t"}}',
  "[DONE]",
}

local inserts = { "null", "true", "false", "{}", "[]", '""', '"x"', "0", "-1", "1.5", "1e400", "-0",
  "9007199254740993", "18446744073709551616", '"9007199254740993"', "[[", "{", "}", "]", ",", ":",
  '"', "\\", "\\ud83d", "\0", "\n", "\255", "\226\130", '"error":', '"error_type":', '"token":',
  '"id":', '"text":', '"logprob":', '"details":', '"generated_text":', '"done":true,',
  '"error":null,', '"seed":', '"alternative_tokens":', '"special":', "NaN" }

local function is_count (v)
  if type(v) == "string" then return #v >= 16 and v:find("^%d+$") ~= nil end
  return type(v) == "number" and v >= 0 and v % 1 == 0
end

local function optional (v, kind)
  return v == nil or type(v) == kind
end

local function is_piece (t)
  return type(t) == "table" and is_count(t.id) and type(t.text) == "string"
    and (t.logprob == nil or (type(t.logprob) == "number" and t.logprob - t.logprob == 0))
end

local function is_token (t)
  if not is_piece(t) or not optional(t.special, "boolean") then return false end
  if not optional(t.skipped, "boolean") or not optional(t.alternative_tokens, "table") then
    return false
  end
  for _, other in pairs(t.alternative_tokens or {}) do
    if not is_piece(other) then return false end
  end
  return true
end

local function is_event (ev)
  if ev.done then return next(ev) == "done" and next(ev, "done") == nil end
  if ev.error then return type(ev.error) == "string" and optional(ev.error_type, "string") end
  if not is_token(ev.token) or not optional(ev.generated_text, "string") then return false end
  local details = ev.details
  if details == nil then return true end
  return type(details) == "table" and type(details.finish_reason) == "string"
    and (details.seed == nil or is_count(details.seed))
    and (details.prompt_tokens == nil or is_count(details.prompt_tokens))
    and (details.generated_tokens == nil or is_count(details.generated_tokens))
end

--- Returns one of the documented outcomes, or a text that says what is wrong with it.
local function verdict (payload)
  local ok, ev, failure = pcall(event.decode, payload)
  if not ok then return "it raised: " .. tostring(ev) end
  if ev == nil then
    if type(failure) ~= "table" or failure.kind ~= "protocol" then return "no failure" end
    return type(failure.message) == "string" and "failure" or "a failure without a message"
  end
  if type(ev) ~= "table" or failure ~= nil then return "neither event nor failure" end
  if not is_event(ev) then return "an event of the wrong shape" end
  if not ev.error then return "event" end
  local kind = event.failure(ev).kind
  return errors.kinds[kind] and "error" or "an unknown kind"
end

--- Copies an event without the fields that LoRAX does not have, because those are not checked.
local function documented (ev)
  if not ev or not ev.token then return ev end
  local out = {}
  for _, name in ipairs { "id", "text", "logprob", "special", "skipped", "alternative_tokens" } do
    out[name] = ev.token[name]
  end
  local details = ev.details
  return { out, ev.generated_text, details and details.finish_reason, details and details.seed,
    details and details.prompt_tokens, details and details.generated_tokens }
end

local allowed = { event = true, error = true, failure = true }

describe("event.decode", function ()
  it("accepts all the undamaged events", function ()
    for i, payload in ipairs(good) do
      assert.equal((i == 4 or i == 5) and "error" or "event", verdict(payload))
    end
  end)

  it("returns a documented event or failure for ten thousand damaged events", function ()
    local rng = random.new(31337)
    local seen = { event = 0, error = 0, failure = 0 }
    for _ = 1, 10000 do
      local payload = rng:mutate(rng:pick(good), inserts)
      local result = verdict(payload)
      if not allowed[result] then error(("%s for %q"):format(result, payload)) end
      seen[result] = seen[result] + 1
    end
    -- Each of the three outcomes occurs often enough to be tested.
    for result, n in pairs(seen) do assert.is_true(n > 100, result) end
  end)

  it("accepts or refuses an event with any single byte replaced", function ()
    for _, payload in ipairs(good) do
      for i = 1, #payload do
        for _, byte in ipairs { "\0", '"', "\\", "}", "1", "\255" } do
          local damaged = payload:sub(1, i - 1) .. byte .. payload:sub(i + 1)
          assert.is_true(allowed[verdict(damaged)], damaged)
        end
      end
    end
  end)

  it("refuses an event that is cut short", function ()
    for i, payload in ipairs(good) do
      for cut = 0, #payload - 1 do
        assert.equal("failure", verdict(payload:sub(1, cut)), i .. ":" .. cut)
      end
    end
  end)

  it("returns the same event on the fast path and on the checked path", function ()
    -- White space makes no difference to JSON. An escaped lone surrogate in an unused field forces
    -- the checked path.
    local rng = random.new(5)
    for _ = 1, 3000 do
      local payload = rng:mutate(rng:pick(good), inserts)
      if json.check(payload) and payload:sub(1, 1) == "{" and not payload:find("^{%s*}") then
        local careful = '{"unused":"\\ud83d",' .. payload:sub(2)
        local a, fa = event.decode(payload)
        local b, fb = event.decode(careful)
        assert.same({ documented(a), fa }, { documented(b), fb }, payload)
      end
    end
  end)

  it("raises nothing for random bytes", function ()
    local rng = random.new(8)
    for _ = 1, 3000 do
      local payload = rng:bytes(rng:int(0, 40))
      assert.is_true(allowed[verdict(payload)], payload)
    end
  end)
end)
