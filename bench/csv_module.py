# SPDX-License-Identifier: MIT
"""Reads a CSV file with Python's csv module: as lists, and as dicts. Prints lines "NAME VALUE".

usage: csv_module.py FILE
"""

import csv
import os
import sys
import time


def measure(name, reader, path):
    """Prints the speed of a reader in megabytes for each second of CPU time."""
    began = time.process_time()
    with open(path, newline="", encoding="utf-8") as file:
        for _ in reader(file):
            pass
    taken = time.process_time() - began
    print(f"{name}_mb_per_cpu_s {os.path.getsize(path) / 1e6 / taken:.1f}")


measure("reader", csv.reader, sys.argv[1])
measure("dict_reader", csv.DictReader, sys.argv[1])
