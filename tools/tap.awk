# SPDX-License-Identifier: MIT
# Reads the TAP of one run; prints "passed failed skipped" and appends the
# names of what failed to the file `failures`.
# -v name= the name of the run, -v status= its exit status, -v failures= a file
# for the names of failed tests, -v skips= a file for those of skipped tests

function fail(why) {
  failed++
  print name ": " why >> failures
}

/^ok / {
  if ($0 !~ /# [Ss][Kk][Ii][Pp]/) passed++
  else {
    skipped++
    sub(/^ok *[0-9]* *(- )?/, "")
    print name ": " $0 >> skips
  }
}
/^not ok / {
  sub(/^not ok *[0-9]* *(- )?/, "")
  fail($0)
}
/^1\.\.[0-9]+/ { planned = 1; plan = substr($1, 4) + 0 }

END {
  count = passed + failed + skipped
  if (status == 124 || status == 137)
    fail("did not end in time")
  else if (status > 128)
    fail("killed by signal " (status - 128))
  else if (!planned)
    fail("ended early (exit status " status ", " count + 0 " results)")
  else if (plan != count)
    fail("reported " count + 0 " results of " plan)
  else if (count == 0)
    fail("ran no test")
  else if (status != 0 && failed == 0)
    fail("exit status " status)
  print passed + 0, failed + 0, skipped + 0
}
