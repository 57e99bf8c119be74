# SPDX-License-Identifier: MIT
"""Asks for an answer to each row of a CSV file and writes the rows with their answers as JSON Lines, as
users of the Python package lorax-client do it, for comparison with bulk.lua.

usage: lorax_bulk.py threads|asyncio URL FILE ROWS OUT; prints a line "NAME VALUE".
threads: Client and a pool of threads; asyncio: AsyncClient and a semaphore.
"""
import asyncio
import csv
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from lorax import AsyncClient, Client

CONCURRENCY = 32
TEMPLATE = "Which label has this mail: a, b or c?\n\n{text}\n\nLabel:"


def record(row, answer):
    """Returns the line of a row with its answer."""
    details = answer.details
    row = row | {
        "answer": answer.generated_text,
        "finish_reason": details.finish_reason,
        "tokens": {"in": details.prompt_tokens, "out": details.generated_tokens},
    }
    return json.dumps(row, ensure_ascii=False) + "\n"


def with_threads(url, rows, out):
    client = Client(url, timeout=600)

    def ask(row):
        return record(row, client.generate(TEMPLATE.format(**row), max_new_tokens=8))

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for line in pool.map(ask, rows):
            out.write(line)


async def with_asyncio(url, rows, out):
    client = AsyncClient(url, timeout=600)
    semaphore = asyncio.Semaphore(CONCURRENCY)

    async def ask(row):
        async with semaphore:
            answer = await client.generate(TEMPLATE.format(**row), max_new_tokens=8)
        out.write(record(row, answer))

    await asyncio.gather(*[ask(row) for row in rows])


job, url, path, count, out_path = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
began = time.process_time()
with open(path, newline="", encoding="utf-8") as file, open(out_path, "w", encoding="utf-8") as out:
    if job == "threads":
        with_threads(url, csv.DictReader(file), out)
    else:
        asyncio.run(with_asyncio(url, csv.DictReader(file), out))
taken = time.process_time() - began
with open(out_path, encoding="utf-8") as out:
    assert sum(1 for _ in out) == count, "rows are missing"
print(f"rows_per_cpu_s {count / taken:.1f}")
