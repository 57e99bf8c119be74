-- SPDX-License-Identifier: MIT
--- Random numbers for jitter and request ids. Not for secrets.
--
-- Own ones, because `math.random` belongs to the program: it is not seeded on Lua 5.1 to 5.3, where
-- all processes would retry in step, and seeding it here would change somebody else's numbers.
-- @module predibase.random

local M = {}

-- Park and Miller's generator (CACM 31, 1988): exact in doubles on every Lua.
local MULTIPLIER, MODULUS = 48271, 2147483647

-- Six hexadecimal digits: fewer bits than one number of the generator has.
local RANGE = 2 ^ 24

local floor = math.floor

--- A generator.
-- @tparam number seed any number
-- @treturn function gives a number from 0 up to but not including 1 at each call
function M.new(seed)
  local state = floor(seed) % (MODULUS - 1) + 1
  local function draw()
    state = state * MULTIPLIER % MODULUS
    return (state - 1) / (MODULUS - 1)
  end
  draw()      -- near seeds give near first numbers
  return draw
end

--- A seed that differs between processes started in the same second.
-- @tparam number now seconds on any clock with a fraction
-- @treturn number
function M.seed(now)
  -- The address space of a process is randomised by the system. How an address is printed is the
  -- C library's own affair, with or without 0x.
  local digits = tostring({}):match("%x+$")
  local address = digits and tonumber(digits, 16) or 0
  return os.time() * 1000 + now * 1e6 % 1e9 + address % MODULUS
end

--- A generator that does not go on in a copy of its process as in the original: the workers of
-- nginx are copies, and would all make the same identifiers.
-- @tparam ?function process tells the processes apart; nil: there are no copies
-- @tparam function now seconds on any clock with a fraction
-- @treturn function as of `new`
function M.of_process(process, now)
  if not process then return M.new(M.seed(now())) end
  local draw, owner
  return function ()
    local me = process()
    if owner ~= me then draw, owner = M.new(M.seed(now()) + me * 65536), me end
    return draw()
  end
end

--- An identifier for one request.
-- @tparam function draw a generator
-- @treturn string 24 hexadecimal digits
function M.id(draw)
  return ("%06x%06x%06x%06x"):format(floor(draw() * RANGE), floor(draw() * RANGE),
    floor(draw() * RANGE), floor(draw() * RANGE))
end

return M
