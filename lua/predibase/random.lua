-- SPDX-License-Identifier: MIT
--- Random numbers for jitter and request ids. They are not suitable for secrets.
--
-- The library does not use `math.random`, which belongs to the program. On Lua 5.1 to 5.3 it is not
-- seeded, so all processes would retry at the same time, and seeding it here would change the
-- numbers that the program gets.
-- @module predibase.random

local M = {}

-- Park and Miller's generator (CACM 31, 1988). Its products are exact in doubles on every Lua.
local MULTIPLIER, MODULUS = 48271, 2147483647

-- Number of values of six hexadecimal digits. One number of the generator has enough bits for them.
local RANGE = 2 ^ 24

local floor = math.floor

--- Makes a generator.
-- @tparam number seed any number
-- @treturn function returns a number from 0 up to but not including 1 at each call
function M.new (seed)
  local state = floor(seed) % (MODULUS - 1) + 1
  local function draw ()
    state = state * MULTIPLIER % MODULUS
    return (state - 1) / (MODULUS - 1)
  end
  draw()      -- similar seeds give similar first numbers
  return draw
end

--- Makes a seed that differs between processes that start in the same second.
-- @tparam number now seconds with a fraction, on any clock
-- @treturn number
function M.seed (now)
  -- The system randomises the addresses of a process. The C library prints an address with or
  -- without 0x.
  local digits = tostring({}):match("%x+$")
  local address = digits and tonumber(digits, 16) or 0
  return os.time() * 1000 + now * 1e6 % 1e9 + address % MODULUS
end

--- Makes a generator that starts again with a new seed in each copy of its process. The workers of
-- nginx are such copies, and would otherwise all make the same identifiers.
-- @tparam ?function process returns the id of the current process; nil when there are no copies
-- @tparam function now returns seconds with a fraction, on any clock
-- @treturn function a generator, as `new` returns it
function M.of_process (process, now)
  if not process then return M.new(M.seed(now())) end
  local draw, owner
  return function ()
    local me = process()
    if owner ~= me then draw, owner = M.new(M.seed(now()) + me * 65536), me end
    return draw()
  end
end

--- Makes an identifier for one request.
-- @tparam function draw a generator
-- @treturn string 24 hexadecimal digits
function M.id (draw)
  return ("%06x%06x%06x%06x"):format(floor(draw() * RANGE), floor(draw() * RANGE),
    floor(draw() * RANGE), floor(draw() * RANGE))
end

return M
