# SPDX-License-Identifier: MIT
"""Reads a stream of COUNT tokens from a server that sends as fast as it can, with the Python package
lorax-client, for comparison with the library.

usage: lorax_client.py stream URL COUNT; prints a line "NAME VALUE".
"""
import sys
import time

from lorax import Client

url, count = sys.argv[2], int(sys.argv[3])
began = time.process_time()
seen = sum(1 for _ in Client(url, timeout=600).generate_stream("water"))
assert seen == count + 1, "the stream was cut"
print(f"tokens_per_cpu_s {count / (time.process_time() - began):.0f}")
