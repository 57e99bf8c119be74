#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads and writes files with Python's csv module, for spec/bulk_rows_roundtrip_spec.lua.

usage: csv_module.py SEPARATOR IN.csv OUT...

Prints the cells of IN.csv as JSON, an array of arrays of strings. Writes the same cells to each
OUT, in another style each. (With the line end LF and QUOTE_MINIMAL, releases before 3.13 write cells
with a carriage return without quotes, which their own reader cannot read.)
"""

import csv
import json
import sys

STYLES = [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]

separator, source, *targets = sys.argv[1:]
with open(source, newline="", encoding="utf-8") as file:
    cells = [row for row in csv.reader(file, delimiter=separator, strict=True) if row]
for target, (end, quoting) in zip(targets, STYLES):
    with open(target, "w", newline="", encoding="utf-8-sig" if end == "\r\n" else "utf-8") as file:
        csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting).writerows(cells)
json.dump(cells, sys.stdout)
