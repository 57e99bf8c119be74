# SPDX-License-Identifier: MIT
"""Checks the built manual in build/docs.

- Every link inside the manual leads to a page, and its anchor to a place on that page.
- No page loads a script, style, font or picture from another host.
- The pages of the guide have the same text, headings, lists, tables and code as on GitHub: the
  HTML of cmark-gfm is compared with that of MkDocs, which reads another dialect of Markdown.
- Every page of the navigation is in the index of the search, except those of internal modules.

usage: python tools/docs/check.py   (in the top folder, after make docs)
Prints TAP and "N passed, N failed".
"""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

SITE = pathlib.Path("build/docs")
SOURCE = pathlib.Path("build/docs-source")

# What a browser loads without being asked.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
          "audio": "src", "embed": "src", "object": "data", "link": "href"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
        "wbr"}
COUNTED = ["h1", "h2", "h3", "h4", "li", "pre", "table", "tr", "a", "img", "strong", "em"]


class Page(html.parser.HTMLParser):
    """What the checks need of a page: links, anchors, resources; text and counts of the article."""

    def __init__(self, text, article=True):
        super().__init__()
        self.links, self.anchors, self.resources, self.styles = [], set(), [], []
        self.text, self.counts = [], dict.fromkeys(COUNTED, 0)
        self.stack = []          # of (tag, is inside the article, is left out)
        self.whole = article is False
        self.feed(text)

    def state(self):
        return self.stack[-1][1:] if self.stack else (self.whole, False)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        inside, hidden = self.state()
        classes = (attributes.get("class") or "").split()
        inside = inside or tag == "article"
        # Not in the source: links to headings, line anchors of code.
        hidden = hidden or bool({"headerlink", "md-source-file"} & set(classes))
        if tag == "a" and "href" not in attributes:
            hidden = True
        if "id" in attributes:
            self.anchors.add(attributes["id"])
        if "name" in attributes and tag == "a":
            self.anchors.add(attributes["name"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag in LOADED and LOADED[tag] in attributes:
            rel = attributes.get("rel", "")
            if tag != "link" or rel not in ("canonical", "prev", "next"):
                self.resources.append(attributes[LOADED[tag]])
        if "srcset" in attributes:
            self.resources += [part.split()[0] for part in attributes["srcset"].split(",")]
        if "style" in attributes:
            self.styles.append(attributes["style"])
        if inside and not hidden and tag in self.counts:
            self.counts[tag] += 1
        if tag not in VOID:
            self.stack.append((tag, inside, hidden))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        while self.stack:
            if self.stack.pop()[0] == tag:
                return

    def handle_data(self, data):
        inside, hidden = self.state()
        if self.stack and self.stack[-1][0] == "style":
            self.styles.append(data)
        elif inside and not hidden and not (self.stack and self.stack[-1][0] == "script"):
            self.text.append(data)

    def letters(self):
        return re.sub(r"\s+", "", "".join(self.text))


def is_elsewhere(url):
    return bool(re.match(r"([a-z][a-z0-9+.-]*:)?//", url.strip(), re.I))


def urls_of_style(text):
    return re.findall(r"url\(\s*['\"]?([^'\")]+)", text) + re.findall(
        r"@import\s+['\"]([^'\"]+)", text)


def file_of(name, path):
    """The file that a link or a resource of a page names. 404.html has links from the root."""
    return SITE / path.lstrip("/") if path.startswith("/") else (SITE / name).parent / path


def check_links(pages):
    problems = []
    for name, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = urllib.parse.unquote(parts.path)
            target = (file_of(name, path) if path else SITE / name).resolve()
            if target.is_dir():
                target = target / "index.html"
            if not target.exists():
                problems.append(f"{name}: {link}: this page does not exist")
                continue
            anchor = urllib.parse.unquote(parts.fragment)
            found = pages.get(str(target.relative_to(SITE.resolve())))
            if anchor and found and anchor not in found.anchors and anchor != "__skip":
                problems.append(f"{name}: {link}: the page has no such place")
    return problems


def check_hosts(pages):
    problems = []
    for name, page in pages.items():
        urls = page.resources + [u for style in page.styles for u in urls_of_style(style)]
        for url in urls:
            if is_elsewhere(url):
                problems.append(f"{name} loads {url}")
            elif not url.startswith("data:"):
                path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
                if path and not file_of(name, path).exists():
                    problems.append(f"{name} loads {url}, which does not exist")
    for path in SITE.rglob("*.css"):
        for url in urls_of_style(path.read_text()):
            if is_elsewhere(url):
                problems.append(f"{path} loads {url}")
    return problems


def guide():
    """The files of the guide and their pages, as tools/docs.lua has written them."""
    for line in (SOURCE / "guide.txt").read_text().splitlines():
        yield line.split("\t")


def check_dialect(pages):
    problems = []
    for path, name in guide():
        text = pathlib.Path(path).read_text()
        made = subprocess.run(["cmark-gfm", "--unsafe", "--extension", "table"], input=text,
                              capture_output=True, text=True, check=True).stdout
        wanted, found = Page(made, article=False), pages[name]
        a, b = wanted.letters(), found.letters()
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            problems.append(f"{path}: GitHub shows {a[max(0, at - 30):at + 50]!r}, "
                            f"the manual {b[max(0, at - 30):at + 50]!r}")
        for tag in COUNTED:
            # The manual has more links: names of modules.
            more = tag == "a" and found.counts[tag] >= wanted.counts[tag]
            if found.counts[tag] != wanted.counts[tag] and not more:
                problems.append(f"{path}: GitHub has {wanted.counts[tag]} <{tag}>, the manual "
                                f"{found.counts[tag]}")
    return problems


def check_search(pages):
    index = json.loads((SITE / "search/search_index.json").read_text())
    known = {entry["location"].split("#")[0] for entry in index["docs"]}
    return [f"{name} is not in the index of the search" for name in pages
            if name not in known and not name.startswith("internal/") and name != "404.html"] + [
            f"{name} is in the index of the search" for name in known
            if name.startswith("internal/")]


def main():
    pages = {str(path.relative_to(SITE)): Page(path.read_text())
             for path in sorted(SITE.rglob("*.html"))}
    failed = 0
    checks = [("every link leads to a place that exists", check_links),
              ("nothing is loaded from another host", check_hosts),
              ("pages of the guide look as they do on GitHub", check_dialect),
              ("the search finds every public page", check_search)]
    for number, (name, check) in enumerate(checks, 1):
        problems = check(pages) if len(pages) > 100 else [f"there are {len(pages)} pages"]
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        for problem in problems[:40]:
            print(f"  {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
