-- SPDX-License-Identifier: MIT
--- The version of the library, the only place that holds the number.
-- The module is the string itself: `require "predibase.version"` gives `"0.1.0"`.
-- @module predibase.version

return "0.1.0"
