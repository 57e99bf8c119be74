---@meta predibase.image
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/image.lua by `make types`; do not edit.

---An image. `tostring` of it is the text that `generate` takes, and it can be joined with strings.
---@class predibase.Image
---@field url string the data URL

---The options of `predibase.image`: either `path` or `bytes`.
---@class predibase.fields.ImageOptions
---@field path? string of a file
---@field bytes? string of the image
---@field type? string the media type, such as `"image/png"` (default: found in the first bytes)

---The options of `predibase.image`: either `path` or `bytes`.
---@class predibase.ImageOptions : predibase.fields.ImageOptions, predibase.Known<predibase.fields.ImageOptions>
---@field path? string of a file

---Images for prompts and messages of models that see.
---
---    local image = assert(predibase.image { path = "cat.png" })
---    client:generate(image .. "What is this?", …)
---    client:chat_completion({ { role = "user", content = { "What is this?", image } } }, …)
---
---LoRAX reads images in the text of a prompt, as `![](data:image/png;base64,…)`.
---@class predibase.image
---@field MAX_BYTES integer Largest image in bytes: its Base64 text has to fit into the body of a request.
local M = {}

---Makes an image from a file or from bytes.
---
---Raises an error for options of the wrong type, or that do not exist.
---@param options predibase.ImageOptions `path` (of a file) or `bytes`; `type`, the media type, such as `"image/png"`: found in the first bytes of PNG, JPEG, GIF, WebP and BMP
---@return predibase.Image? # the image: `tostring` of it is the text that `generate` takes, and it can be joined with strings; it can stand among the parts of a message's content; `url` is the data URL
---@return predibase.Error # error of kind `validation`: the file cannot be read, is too large for a request (2 MiB with its encoding), or its type is not known
---@return_overload predibase.Image
---@return_overload nil, predibase.Error
function M.new(options) end

---Tells whether a value is an image.
---@param value any anything
---@return TypeGuard<predibase.Image>
function M.is(value) end

return M
