-- SPDX-License-Identifier: MIT
--- The manual that `make docs` has built, opened from its files in a real browser.

local browser = require "spec.support.browser"

local SITE = "file://" .. os.getenv "PWD" .. "/build/docs/"

--- What a page is as wide as, and how wide it may be.
local WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"

local function guide ()
  local pages = {}
  for line in io.lines "build/docs-source/guide.txt" do
    pages[#pages + 1] = assert(line:match "\t(.+)$")
  end
  assert.is_true(#pages > 20)
  return pages
end

describe("the manual", function ()
  after_each(browser.stop)

  it("finds a page by a word in it, and by the name of a function", function ()
    local page = browser.open(SITE .. "index.html", { width = 1280 })
    for word, target in pairs { rendezvous = "deployments.html", generate_json = "structured.html",
        classify = "reference/predibase.client.html" } do
      page:visit(SITE .. "index.html")
      page:click ".md-search__input"
      page:type(".md-search__input", word)
      page:wait(("[...document.querySelectorAll('.md-search-result__link')].some(link => "
        .. "link.href.includes('%s'))"):format(target))
    end
  end)

  it("copies a program", function ()
    local page = browser.open(SITE .. "cookbook.html", { width = 1280 })
    page:value "document.addEventListener('copy', event => { window.copied = event.target.value; })"
    page:wait "document.querySelector('.highlight button') !== null"
    page:click ".highlight button"
    page:wait "typeof window.copied === 'string'"
    local text = page:value "window.copied"
    assert.equal("-- chat.lua\n", text:sub(1, 12))
    assert.is_truthy(text:find("max_input_tokens = 3000,\n})\n", 1, true))
  end)

  it("fits on the screen of a phone, and of a tablet", function ()
    for _, width in ipairs { 390, 768 } do
      local page = browser.open(SITE .. "index.html", { width = width, height = 844 })
      -- What fits on a phone is narrow enough for a tablet, except where the layout differs.
      local pages = width == 390 and guide() or { "index.html", "parameters.html" }
      pages[#pages + 1] = "reference/predibase.client.html"
      for _, name in ipairs(pages) do
        page:visit(SITE .. name)
        local widths = page:value(WIDTHS)
        assert(widths[1] <= widths[2], ("%s is %d wide on a screen of %d"):format(name, widths[1],
          widths[2]))
      end
      page:close()
    end
  end)

  it("is light or dark, as the system is", function ()
    local brightness = {}
    for _, name in ipairs { "light", "dark" } do
      local page = browser.open(SITE .. "streams.html", { dark = name == "dark" })
      page:wait "document.body.dataset.mdColorMedia !== undefined"
      local colour = page:value "getComputedStyle(document.body).backgroundColor"
      local sum = 0
      for part in colour:gmatch "%d+" do sum = sum + tonumber(part) end
      brightness[name] = sum
    end
    assert.is_true(brightness.light > 700 and brightness.dark < 250)
  end)

  it("loads files of its own only, and complains of nothing", function ()
    local page = browser.open(SITE .. "index.html", { width = 1280 })
    for _, name in ipairs { "index.html", "openresty.html", "reference/predibase.client.html" } do
      page:visit(SITE .. name)
      page:click ".md-search__input"
      page:wait "document.querySelector('.md-search-result__meta').textContent.length > 0"
      local loaded = page:value("[...document.querySelectorAll('script[src], img, iframe[src], "
        .. "link[rel=stylesheet], link[rel=icon]')].map(one => one.src || one.href)")
      assert.is_true(#loaded > 2)
      for _, url in ipairs(loaded) do assert.equal(SITE, url:sub(1, #SITE)) end
    end
    -- Among them would be every request that fails, and there is no other host here to answer one.
    assert.same({}, page:complaints())
  end)
end)
