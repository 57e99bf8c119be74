---@meta predibase.params
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/params.lua by `make types`; do not edit.

---The parameters of LoRAX /generate, see docs/parameters.md.
---@class predibase.GenerateParameters
---@field max_new_tokens? integer most tokens of the answer, above 0 (default: up to the model's limit)
---@field temperature? number 0 or more; 0 always takes the most likely token (default 1)
---@field top_k? integer above 0: only the so many most likely tokens (default off)
---@field top_p? number above 0, at most 1 (default 1)
---@field typical_p? number above 0, below 1 (default off)
---@field do_sample? boolean also enabled by a temperature other than 0 and 1, by `top_k`, `top_p` or `typical_p` (default false)
---@field seed? integer|string 0 to 2^64 - 1, or its decimal digits (default random)
---@field repetition_penalty? number above 0 (default 1)
---@field repitition_penalty? number the spelling of Predibase's documentation
---@field frequency_penalty? number -2 to 2 (default 0)
---@field presence_penalty? number -2 to 2 (default 0)
---@field stop? string|string[] the sequences at which the server stops
---@field ignore_eos_token? boolean go on after the end-of-sequence token (default false)
---@field best_of? integer make so many answers and return the most likely one (default 1)
---@field details? boolean return details of the answer (default false; true for streams)
---@field decoder_input_details? boolean return the tokens of the prompt; not for streams (default false)
---@field return_k_alternatives? integer so many alternatives for each token, above 0 (default off)
---@field truncate? integer read only the last so many tokens of the prompt, above 0 (default off)
---@field watermark? boolean mark the text as generated (default false)
---@field adapter_id? string `repo/version` at Predibase (default: the base model)
---@field adapter_source? "pbase"|"hub"|"local"|"s3" where the adapter is (default `"pbase"`)
---@field merged_adapters? predibase.MergedAdapters several adapters in place of one
---@field api_token? string for private adapters of the hub
---@field apply_chat_template? boolean LoRAX accepts and ignores it (default false)
---@field response_format? predibase.ResponseFormat the form of the answer (default: free text)
---@field extra? table<string, any> further fields of the request, for parameters that the library does not know

---The parameters that a client sends with every call.
---@class predibase.ClientDefaults : predibase.GenerateParameters
---@field return_full_text? boolean put the prompt before the generated text (default false)

---Several adapters in place of one.
---@class predibase.fields.MergedAdapters
---@field ids string[] the adapters
---@field weights? number[] of each adapter
---@field merge_strategy? "linear"|"ties"|"dare_linear"|"dare_ties" how they are merged (default `"linear"`)
---@field density? number 0 to 1
---@field majority_sign_method? "total"|"frequency" for `"ties"` and `"dare_ties"`

---Several adapters in place of one.
---@class predibase.MergedAdapters : predibase.fields.MergedAdapters, predibase.Known<predibase.fields.MergedAdapters>
---@field ids string[] the adapters

---The form of an answer: JSON that fits a schema.
---@class predibase.ResponseFormat
---@field type "json_object"|"json_schema" `"json_schema"` is OpenAI's form
---@field schema? string|table|boolean with `"json_object"`: the schema, as JSON text or as a table
---@field json_schema? table with `"json_schema"`: `{ name =, schema = }`

---Checks the parameters of a call before a request is sent, with the router's own error messages,
---and puts them in a fixed order.
---
---The parameters of a route are a set, which `define` makes. This module contains the set of LoRAX
---`/generate` and `/generate_stream`, which is also that of the client's defaults.
---@class predibase.params
---@field DEFAULT_SOURCE string The source of adapters trained by Predibase, used when `adapter_source` is not given.
---@field list table Every parameter of /generate, in the order of sending. `kind` names a function of `predibase.params.kinds`; a function `check` does the same for a kind that only one route has; `max` is the largest value of the router's integer type.
---@field ranges table The ranges of the parameters of /generate, in the order in which the router checks them. A value is out of range when it is below `min`, at or below `above`, above `max`, or at or above `below`. The router accepts `top_p = 1`, although its message says otherwise.
---@field misspelt table The misspelling in Predibase's documentation and the name that the router knows.
---@field generate table The parameters of LoRAX /generate and /generate_stream. In a stream, `details` is true by default, because only the details contain token counts.
---@field names table Set of the names of the parameters of /generate, including the misspelling and `extra`.
local M = {}

---Makes a set of parameters.
---@param spec table `list` (array of entries like those of `list` in this module, in the order of sending), `ranges` (like those of this module), `aliases` (other name -> name), `others` (array of options of the route that are read elsewhere), `reserved` (array of fields of the body that the route writes itself; neither may be in `extra`), and functions, each of which may be missing: `before` and `after` take the checked values and the context of `read`, and return what is wrong, before and after the ranges are checked; `complete` takes the checked values, a function that adds a parameter, and the context
---@return table # the set: the fields of `spec`, and `names`, the set of all names that a caller may use, including the aliases and `extra`
function M.define(spec) end

---Adds the source of an adapter, and the token of the hub, when the caller leaves them out.
---@param checked table name -> value
---@param add function adds a parameter
function M.complete_adapter(checked, add) end

---Checks parameters and puts them in the order of sending. Their names must have been checked.
---Raises for an unknown field of `merged_adapters` or `response_format`.
---@param parameters table name -> value, not changed; `json.null` means not given
---@param context table `stream` (boolean): the parameters are for a stream; `check_schema` (boolean): false skips `predibase.schema`, which refuses schemas that the server cannot turn into a grammar; `partial` (boolean): the parameters are defaults to which a call will add others, so rules for combinations are not checked; `server`: `"openai"` leaves the ranges of LoRAX out
---@param set? table the parameters of a route; those of /generate by default
---@return table? # array of `{ name, value }`, for `predibase.json.object`
---@return predibase.Error # error of kind `validation`
---@return_overload table
---@return_overload nil, predibase.Error
function M.read(parameters, context, set) end

---Checks parameters and their names, and puts them in the order of sending. Raises for an unknown
---name.
---@param parameters? table as for `read`
---@param context? table as for `read`
---@return table? # as `read` returns it
---@return predibase.Error # error of kind `validation`
---@return_overload table
---@return_overload nil, predibase.Error
function M.check(parameters, context) end

---Makes a deep copy of a value, so that a later change of the caller's tables changes nothing.
---Metatables with fields are dropped unread, except for the marks of `predibase.json`. Empty
---metatables are kept: they may be marks of another JSON library.
---@param value any anything
---@return any # the copy
function M.copy(value) end

---Merges the parameters of a call with the client's defaults. A value of the call replaces the
---whole default; `json.null` removes the default. `adapter_id` and `merged_adapters` replace each
---other, too.
---@param defaults? table
---@param parameters? table
---@param set? table the parameters of a route; those of /generate by default
---@return table # a new table; its values are shared and must not be changed
function M.merge(defaults, parameters, set) end

return M
