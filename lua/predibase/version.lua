-- SPDX-License-Identifier: MIT
--- The version of the library. The number is defined only here.
-- The module is a string such as `"1.2.3"`.
-- @module predibase.version

return "1.0.0-rc.1"
