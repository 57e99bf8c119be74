#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each fuzz target for an equal share of the time. A target starts with the
# inputs in spec/c/corpus/TARGET, if there are any; inputs that fail are saved
# in build/fuzz.
# usage: sh tools/fuzz.sh SECONDS TARGET...
set -u
cd "$(dirname "$0")/.."
seconds=$1
shift
if [ $# -eq 0 ]; then
  echo "fuzz: no targets given"
  echo "0 passed, 1 failed"
  exit 1
fi
share=$((seconds / $#))
[ "$share" -gt 0 ] || share=1

passed=0 failed=0
for target; do
  name=$(basename "$target")
  corpus=$target.corpus
  seeds=spec/c/corpus/$name
  mkdir -p "$corpus"
  [ -d "$seeds" ] || seeds=
  # shellcheck disable=SC2086 # none or one
  if "$target" -max_total_time="$share" -print_final_stats=1 -timeout=20 \
    -artifact_prefix="$target." "$corpus" $seeds >"$target.log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' \
      "$target.log") inputs in $share s"
  else
    failed=$((failed + 1))
    tail -n 60 "$target.log"
    echo "$name: FAILED, the input was saved next to $target"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
