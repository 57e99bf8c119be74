-- SPDX-License-Identifier: MIT
--- Special tokens that tokenizer classes of `transformers` have when no file of a model says
-- otherwise; only classes that chat models use.
-- @module predibase.template.classes

local M = {}

local function same(token, pad)
  return { bos_token = token, eos_token = token, unk_token = token, pad_token = pad }
end

local LLAMA = { bos_token = "<s>", eos_token = "</s>", unk_token = "<unk>" }
local QWEN = { eos_token = "<|endoftext|>", unk_token = "<|endoftext|>",
  pad_token = "<|endoftext|>" }

-- The first four take what files say, and nothing else.
local TOKENS = {
  PreTrainedTokenizer = {}, TokenizersBackend = {}, SentencePieceBackend = {}, PythonBackend = {},
  BloomTokenizer = { bos_token = "<s>", eos_token = "</s>", unk_token = "<unk>",
    pad_token = "<pad>" },
  CodeGenTokenizer = same("<|endoftext|>"),
  CodeLlamaTokenizer = LLAMA,
  CohereTokenizer = { bos_token = "<BOS_TOKEN>", eos_token = "<|END_OF_TURN_TOKEN|>",
    unk_token = "<UNK>", pad_token = "<PAD>", sep_token = "<SEP>", cls_token = "<CLS>",
    mask_token = "<MASK_TOKEN>" },
  GPT2Tokenizer = same("<|endoftext|>"),
  GPTNeoXTokenizer = same("<|endoftext|>", "<|padding|>"),
  GemmaTokenizer = { bos_token = "<bos>", eos_token = "<eos>", unk_token = "<unk>",
    pad_token = "<pad>", mask_token = "<mask>" },
  LlamaTokenizer = LLAMA,
  Qwen2Tokenizer = QWEN,
  Qwen3_5Tokenizer = QWEN,
  T5Tokenizer = { eos_token = "</s>", unk_token = "<unk>", pad_token = "<pad>" },
}

--- The tokens of a class, by their names.
-- @tparam string class with or without `Fast` at its end
-- @treturn ?table nil for a class that is not known here
function M.tokens(class)
  return TOKENS[class] or TOKENS[class:match("^(.*)Fast$")]
end

return M
