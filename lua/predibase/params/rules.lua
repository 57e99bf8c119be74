-- SPDX-License-Identifier: MIT
--- The parameters of LoRAX `/generate` and `/generate_stream` as data: name, kind, range and
-- the router's own text for a value outside it.
-- @module predibase.params.rules

local M = {}

--- Every parameter in the order in which it is sent. `kind` names a function of
-- `predibase.params.kinds`; `max` is the largest value of the router's integer type.
M.list = {
  { name = "adapter_id", kind = "identifier" },
  { name = "adapter_source", kind = "choice", choices = { "hub", "local", "s3", "pbase" } },
  { name = "merged_adapters", kind = "merged" },
  { name = "api_token", kind = "token" },
  { name = "best_of", kind = "integer", min = 0, max = 2^53 - 1 },             -- usize
  { name = "temperature", kind = "single" },
  { name = "repetition_penalty", kind = "single" },
  { name = "frequency_penalty", kind = "single" },
  { name = "presence_penalty", kind = "single" },
  { name = "top_k", kind = "integer", max = 2^31 - 1 },                        -- i32
  { name = "top_p", kind = "single" },
  { name = "typical_p", kind = "single" },
  { name = "do_sample", kind = "boolean" },
  { name = "max_new_tokens", kind = "integer", max = 2^32 - 1 },               -- u32
  { name = "ignore_eos_token", kind = "boolean" },
  { name = "return_full_text", kind = "boolean" },
  { name = "stop", kind = "strings" },
  { name = "truncate", kind = "integer", max = 2^53 - 1 },                     -- usize
  { name = "watermark", kind = "boolean" },
  { name = "details", kind = "boolean" },
  { name = "decoder_input_details", kind = "boolean" },
  { name = "return_k_alternatives", kind = "integer", max = 2^31 - 1 },        -- i32
  { name = "apply_chat_template", kind = "boolean" },
  { name = "seed", kind = "seed" },
  { name = "response_format", kind = "format" },
}

--- Ranges in the order in which the router tests them. A value breaks a range when it is
-- below `min`, at or below `above`, above `max`, or at or above `below`.
-- The router lets `top_p = 1` pass although its text says otherwise.
M.ranges = {
  { name = "temperature", min = 0, text = "`temperature` must be non-negative" },
  { name = "repetition_penalty", above = 0,
    text = "`repetition_penalty` must be strictly positive" },
  { name = "frequency_penalty", min = -2, max = 2,
    text = "`frequency_penalty` must be >= -2.0 and <= 2.0" },
  { name = "presence_penalty", min = -2, max = 2,
    text = "`presence_penalty` must be >= -2.0 and <= 2.0" },
  { name = "top_p", above = 0, max = 1, text = "`top_p` must be > 0.0 and < 1.0" },
  { name = "typical_p", above = 0, below = 1, text = "`typical_p` must be > 0.0 and < 1.0" },
  { name = "top_k", above = 0, text = "`top_k` must be strictly positive" },
  { name = "return_k_alternatives", above = 0,
    text = "`return_k_alternatives` must be strictly positive" },
  { name = "max_new_tokens", above = 0, text = "`max_new_tokens` must be strictly positive" },
  { name = "truncate", above = 0, text = "`truncate` must be strictly positive" },
}

--- The documented misspelling and the name that the router knows.
M.misspelt = { repitition_penalty = "repetition_penalty" }

--- Names of `merged_adapters.merge_strategy`. The router ends its process on any other.
M.merge_strategies = { "linear", "ties", "dare_linear", "dare_ties" }

--- Names of `merged_adapters.majority_sign_method`. The router ends its process on any other.
M.sign_methods = { "total", "frequency" }

--- Names of `response_format.type`.
M.formats = { "text", "json_object", "json_schema" }

return M
