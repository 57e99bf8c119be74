# SPDX-License-Identifier: MIT
"""Is predibase.template.jinja Jinja? Renders templates with both and compares every byte.

usage: check.py INTERPRETER [COUNT [SEED]]
The templates are those of cases.py, one by one and joined, and COUNT random ones. Where one of the
two raises, the other has to. Prints TAP and "N passed, N failed"."""

import json
import subprocess
import sys

import cases
import generate
import reference

SHOWN = 20              # differences that are printed
AT_ONCE = 2000          # templates for one process


def rendered_by_lua(interpreter, templates, context):
    lines = "".join(json.dumps({"template": t, "context": context, "now": reference.NOW},
                               ensure_ascii=False) + "\n" for t in templates)
    done = subprocess.run([interpreter, "spec/jinja/render.lua"], input=lines.encode(),
                          stdout=subprocess.PIPE, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


class Tally:
    def __init__(self):
        self.passed = self.failed = self.raised = 0

    def add(self, template, answer, context):
        text, error = reference.render(template, context)
        if text is not None and " at 0x" in text.lower():
            return                      # an address of Python's
        if answer.get("text") == text:
            self.passed += 1
            self.raised += text is None
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
    print(f"{'not ' if tally.failed else ''}ok - {name}: {tally.passed} the same,"
          f" {tally.raised} of them raise in both, {tally.failed} differ")
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
        compare("random templates", interpreter, random_ones, cases.CONTEXT)]
    failed = sum(t.failed for t in tallies)
    print(f"{sum(t.passed for t in tallies)} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
