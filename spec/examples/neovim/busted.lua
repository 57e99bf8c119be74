-- SPDX-License-Identifier: MIT
-- Runs busted inside Neovim. The variable ARGUMENTS has its arguments, one in a line.

local arguments = vim.split(vim.env.ARGUMENTS .. "\n-o\nTAP", "\n")
arguments[0] = "tools/busted.lua"
rawset(_G, "arg", arguments)
dofile "tools/busted.lua"
