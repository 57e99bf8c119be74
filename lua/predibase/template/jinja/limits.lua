-- SPDX-License-Identifier: MIT
--- What a template may use up. Templates come from outside: each of these ends one that would take
-- the program's time or memory.
-- @module predibase.template.jinja.limits

local M = {}

--- Bytes of source. The longest template that was found published has 28 KiB.
M.SOURCE = 1024 * 1024

--- Levels of brackets, operators and blocks inside one another in the source. Published templates
-- stay below 30.
M.NESTING = 100

--- Levels of the source that are under way together, macros in macros included. Lua 5.1 and LuaJIT
-- have a fixed stack; a level takes about forty of LuaJIT's 65,500 slots.
M.DEPTH = 900

--- Steps of one rendering: an expression's part, a round of a loop, an item, 64 bytes of a string
-- that is made, 1 to 32 bytes of one that is gone over. A conversation of 1,000 messages takes
-- about 100,000.
M.STEPS = 4 * 1000 * 1000

--- Bytes of what is rendered: more than any model reads.
M.OUTPUT = 16 * 1024 * 1024

--- Bytes of one string on the way.
M.STRING = 16 * 1024 * 1024

--- Bytes of a tuple that is the key of a dict.
M.KEY = 64 * 1024

--- Items of one `range`, as in Jinja's sandbox.
M.RANGE = 100000

--- Levels of lists and dicts in one another.
M.DATA = 100

--- Largest integer in both directions: beyond it a number of Lua 5.1 is no longer exact.
M.INTEGER = 2 ^ 53

--- Decimal places of numbers that `round` and the format specifications take.
M.PLACES = 100

return M
