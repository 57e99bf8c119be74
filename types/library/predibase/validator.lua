---@meta predibase.validator
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/validator.lua by `make types`; do not edit.

---@class predibase.Validator
local Validator = {}

---Checks a value.
---@param value any a JSON value, see above; `json.null` is null
---@return boolean? # true
---@return string? # the path of the part that is wrong, such as `$.items[2].name`; positions count from 1
---@return string? # the reason
---@return_overload boolean
---@return_overload nil, string, string
function Validator:check(value) end

---Checks a JSON value against a JSON schema (2020-12), for the keywords from which the server can
---make a grammar, and for the limits of numbers.
---
---Keywords: `type` (also a list), `enum`, `const`, `properties`, `required`,
---`additionalProperties`, `minProperties`, `maxProperties`, `items`, `prefixItems`, `minItems`,
---`maxItems`, `minLength`, `maxLength` (in characters), `pattern`, `format` (date, time, date-time,
---uuid), `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `anyOf`, `allOf`, `oneOf`,
---`$ref` to a place in the same schema, `true` and `false` for a schema; and those of Outlines for
---the digits of numbers: `minDigits`, `maxDigits`, `minDigitsInteger`, `maxDigitsInteger`,
---`minDigitsFraction`, `maxDigitsFraction`, `minDigitsExponent`, `maxDigitsExponent`. Other
---keywords are not checked, and neither is a `pattern` with parts that
---`predibase.validator.pattern` cannot read, or a `$ref` that leads out of the schema.
---
---Values are those of `predibase.json` or `template.ordered`. Only the latter tell an empty list
---from an empty object and keep how a number is written; an empty plain table passes as both.
---@class predibase.validator
---@field MAX_DEPTH integer Deepest nesting of subschemas that are applied inside each other. A value may have 128 levels, and references and combinations add to them.
---@field MAX_STEPS integer Most steps of one check: subschemas that are applied, members, and steps of patterns. References and alternatives can multiply the work, so the size of schema and value alone does not limit it. Lua 5.1 takes about two seconds for so many.
local M = {}

---Makes a validator.
---
---Raises an error for a text that is not JSON.
---@param text string the schema as JSON, as `schema.text` of `predibase.schema` returns it
---@return predibase.Validator # with the method `check` and the field `root`, the schema as an ordered value
function M.new(text) end

---Checks a value against a schema.
---
---Raises an error for a schema that is not a schema.
---@param schema string|table|boolean JSON text, a table, or an ordered object
---@param value any as for `check` of a validator
---@return boolean? # true
---@return string? # the path
---@return string? # the reason
---@return_overload boolean
---@return_overload nil, string, string
function M.check(schema, value) end

return M
