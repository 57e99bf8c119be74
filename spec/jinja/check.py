# SPDX-License-Identifier: MIT
"""Compares predibase.template.jinja with Jinja: renders templates with both, byte for byte.

usage: check.py INTERPRETER [COUNT [SEED]]
The templates are those of cases.py, one by one and combined, and COUNT random ones. Where one of
the two raises, the other has to. Constructs that are not supported have to be refused by name.
Prints TAP and "N passed, N failed"."""

import json
import subprocess
import sys

import cases
import generate
import reference

SHOWN = 20              # differences that are printed
AT_ONCE = 2000          # templates for one process
# Parts of errors that refuse by name what the interpreter does not support. Random templates run
# into them by combining what it does support; more than this share of them is a fault.
REFUSALS = ("is not supported", "are not supported", "the filter safe")
MOST_REFUSED = 0.04


def rendered_by_lua(interpreter, templates, context):
    lines = "".join(json.dumps({"template": t, "context": context, "now": reference.NOW},
                               ensure_ascii=False) + "\n" for t in templates)
    done = subprocess.run([interpreter, "spec/jinja/render.lua"], input=lines.encode(),
                          stdout=subprocess.PIPE, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


class Tally:
    def __init__(self):
        self.passed = self.failed = self.raised = self.refused = 0

    def add(self, template, answer, context):
        text, error = reference.render(template, context)
        if text is not None and " at 0x" in text.lower():
            return                      # an address of Python's
        if answer.get("text") == text:
            self.passed += 1
            self.raised += text is None
            return
        if any(part in answer.get("error", "") for part in REFUSALS):
            self.refused += 1
            return
        self.failed += 1
        if self.failed <= SHOWN:
            print(f"# template: {template!r}")
            print(f"#   jinja2: {text!r} {error or ''}")
            print(f"#   ours:   {answer.get('text')!r} {answer.get('error', '')}")


def compare(name, interpreter, templates, context):
    tally = Tally()
    for start in range(0, len(templates), AT_ONCE):
        batch = templates[start:start + AT_ONCE]
        answers = rendered_by_lua(interpreter, batch, context)
        if len(answers) != len(batch):
            sys.exit("the interpreter ended early")
        for template, answer in zip(batch, answers):
            tally.add(template, answer, context)
    if tally.refused > MOST_REFUSED * len(templates):
        tally.failed += tally.refused
    print(f"{'not ' if tally.failed else ''}ok - {name}: {tally.passed} the same,"
          f" {tally.raised} of them raise in both, {tally.refused} not supported,"
          f" {tally.failed} differ")
    return tally


def compare_unsupported(interpreter, context):
    """Templates that Jinja renders and the interpreter refuses with an error of its own."""
    tally = Tally()
    entries = cases.unsupported()
    answers = rendered_by_lua(interpreter, [template for _, template in entries], context)
    for (name, template), answer in zip(entries, answers):
        text, error = reference.render(template, context)
        if text is not None and name in answer.get("error", ""):
            tally.passed += 1
            continue
        tally.failed += 1
        print(f"# template: {template!r}")
        print(f"#   jinja2: {text!r} {error or ''}")
        print(f"#   ours:   {answer}, wanted {name!r}")
    print(f"{'not ' if tally.failed else ''}ok - constructs that are not supported:"
          f" {tally.passed} refused by name, {tally.failed} not")
    return tally


def main():
    interpreter = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    written = cases.templates()
    random_ones = generate.templates(seed, count)
    print(f"# random templates of seed {seed}")
    tallies = [
        compare("every construct alone", interpreter, written, cases.CONTEXT),
        compare("constructs combined", interpreter, cases.combined(written), cases.CONTEXT),
        compare("random templates", interpreter, random_ones, cases.CONTEXT),
        compare_unsupported(interpreter, cases.CONTEXT)]
    failed = sum(t.failed for t in tallies)
    print(f"{sum(t.passed for t in tallies)} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
