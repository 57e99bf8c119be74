-- SPDX-License-Identifier: MIT
-- Makes a table of orders from letters: one call for each letter, all at the same time. Run it
-- with:
--   lua5.4 examples/extract.lua
-- docs/structured.md explains it.

local async = require "predibase.async"
local predibase = require "predibase"

local LETTERS = {
  "Dear team, please send 12 oak chairs and one table to our office in Lyon. Marie Curie",
  "hi!! need 3 desk lamps asap, the blue ones. Thx, Ben (Hull)",
  "We would like to order 40 stools. Our customer number is 2231. Kind regards, A. Turing",
  "Two benches for the park in Graz, please. J. Schumpeter, +43 316 555",
}

-- The model writes the properties in this order. JSON text has an order, a Lua table has none.
local ORDER = [[{
  "type": "object",
  "properties": {
    "customer": { "type": "string", "maxLength": 40 },
    "town": { "type": ["string", "null"] },
    "urgency": { "enum": ["low", "normal", "high"] },
    "items": {
      "type": "array", "minItems": 1, "maxItems": 5,
      "items": {
        "type": "object",
        "properties": {
          "product": { "type": "string", "maxLength": 20 },
          "quantity": { "type": "integer", "minimum": 1, "maximum": 999 }
        },
        "required": ["product", "quantity"]
      }
    }
  },
  "required": ["customer", "town", "urgency", "items"]
}]]

local client = assert(predibase.new { defaults = { max_new_tokens = 200, temperature = 0 } })

--- Returns the order in a letter, or nil and the error.
local function extract (letter)
  local prompt = "Letter:\n" .. letter .. "\n\nThe order in this letter as JSON:\n"
  return client:generate_json(prompt, { schema = ORDER })
end

--- Adds the items of an order to the rows of the table.
local function add_rows (rows, number, order)
  for _, item in ipairs(order.items) do
    -- A member that is null in the JSON is nil here.
    rows[#rows + 1] = { tostring(number), order.customer, order.town or "-", order.urgency,
      item.product, tostring(item.quantity) }
  end
end

--- Returns the number of characters of a text: of its bytes, those that begin a character.
local function width_of (text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

local function print_table (rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for column, text in ipairs(row) do
      widths[column] = math.max(widths[column] or 0, width_of(text))
    end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for column, text in ipairs(row) do
      cells[column] = text .. (" "):rep(widths[column] - width_of(text))
    end
    print((table.concat(cells, "  "):gsub("%s+$", "")))
  end
end

async.run(function ()
  local calls = {}
  for i, letter in ipairs(LETTERS) do
    calls[i] = function () return extract(letter) end
  end
  local orders, others = async.gather(calls)

  local rows = { { "letter", "customer", "town", "urgency", "product", "quantity" } }
  for i = 1, #LETTERS do
    if orders[i] then
      add_rows(rows, i, orders[i])
    else
      -- For example, the model wrote more than max_new_tokens, or broke a rule of the schema that
      -- the server does not enforce.
      local err = others[i]
      io.stderr:write(("letter %d: %s\n"):format(i, tostring(err)))
      if err.partial_text then io.stderr:write("  the text: ", err.partial_text, "\n") end
    end
  end
  print_table(rows)
end)

client:close()
