-- SPDX-License-Identifier: MIT
-- busted under the Lua that runs this file: `lua5.1 tools/busted.lua spec`.
-- The installed program asks for an interpreter called `lua`, which on Debian
-- may be any version.
require "busted.runner" { standalone = false }
