-- SPDX-License-Identifier: MIT
--- The version of the library. The number is defined only here.
-- The module is a string: `require "predibase.version"` returns `"0.1.0"`.
-- @module predibase.version

return "0.1.0"
