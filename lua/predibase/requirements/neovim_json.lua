-- SPDX-License-Identifier: MIT
--- The lua-cjson that Neovim contains as `vim.json`, for `predibase.requirements`.
--
-- Inside Neovim it is used instead of a module "cjson". Neovim 0.12 exports functions that have the
-- same names as those inside of lua-cjson, and so an older lua-cjson that is loaded there calls
-- them and writes wrong strings. Since that version `vim.json` has no settings either; this module
-- does here what `predibase.json` sets in other programs.
-- @module predibase.requirements.neovim_json

local M = {}

local byte, find, sub = string.byte, string.find, string.sub

-- A longer string is encoded by an instance of its own, because an instance keeps its buffer, which
-- is six times as long as the longest string so far.
local LONG = 65536

local QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT = byte('"\\[]{}', 1, 6)
local WORDS = { ["true"] = true, ["false"] = true, ["null"] = true }

--- Returns the position of the quote that ends the string which begins at `at`.
local function string_end (text, at)
  local stop = find(text, '["\\]', at + 1)
  while byte(text, stop) == BACKSLASH do stop = find(text, '["\\]', stop + 2) end
  return stop
end

--- Raises an error when a text that lua-cjson has decoded has a number that JSON does not have, or
-- is nested too deep.
local function refuse (text, max_depth)
  local depth = 0
  local at = find(text, '["%w%+%-%[%]{}]')
  while at do
    local last, mark = at, byte(text, at)
    if mark == QUOTE then
      last = string_end(text, at)
    elseif mark == OPEN_ARRAY or mark == OPEN_OBJECT then
      depth = depth + 1
      if depth > max_depth then
        error(("Found too many nested data structures (%d) at character %d"):format(depth, at), 0)
      end
    elseif mark == CLOSE_ARRAY or mark == CLOSE_OBJECT then
      depth = depth - 1
    else
      last = select(2, find(text, "^[%w%.%+%-]+", at))
      local literal = sub(text, at, last)
      if not WORDS[literal]
        and (find(literal, "^%-?0[%dxX]") or not find(literal, "^%-?%.?%d")) then
        error("Expected value but found invalid number at character " .. at, 0)
      end
    end
    at = find(text, '["%w%+%-%[%]{}]', last + 1)
  end
end

--- Makes an instance. It behaves as one of lua-cjson with the settings of `predibase.json`, and
-- only the depth can be changed.
local function new_instance (json)
  local new = json.new or function () return json end
  local own, max_depth = new(), math.huge
  local function ignore () end
  return {
    decode = function (text)
      local value = own.decode(text)
      refuse(text, max_depth)
      return value
    end,
    encode = function (value)
      local long = type(value) == "string" and #value > LONG
      return (long and new() or own).encode(value)
    end,
    decode_max_depth = function (depth) max_depth = depth end,
    decode_invalid_numbers = ignore,
    encode_keep_buffer = ignore,
  }
end

--- Returns Neovim's lua-cjson with the functions and values of lua-cjson that this library uses.
-- @param vim the global `vim` of Neovim; anything else elsewhere
-- @treturn[1] table
-- @treturn[2] nil this is not Neovim, or one older than 0.6
function M.cjson (vim)
  local json = type(vim) == "table" and vim.json
  if type(json) ~= "table" or not (json.decode and json.encode) then return nil end
  if json.decode_invalid_numbers then return json end
  return { new = function () return new_instance(json) end, null = vim.NIL }
end

return M
