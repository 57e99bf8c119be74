-- SPDX-License-Identifier: MIT
-- Runs busted with the Lua that runs this file: `lua5.1 tools/busted.lua spec`.
-- The installed busted program uses the interpreter called `lua`, which on Debian
-- may be any version.
require "busted.runner" { standalone = false }
