# SPDX-License-Identifier: MIT
"""The saturated stream with the Python lorax-client, for comparison.

usage: lorax_client.py stream URL COUNT, prints tokens per CPU-second.
"""
import sys
import time

from lorax import Client

url, count = sys.argv[2], int(sys.argv[3])
seen = sum(1 for _ in Client(url, timeout=600).generate_stream("water"))
assert seen == count + 1
print(f"{count / time.process_time():.0f}")
