# SPDX-License-Identifier: MIT
# Source this file. start_stand_in starts the stand-in server, sets
# PREDIBASE_BASE_URL to its URL, and removes environment settings that would
# interfere. The server stops when the shell exits for any reason.

stop_stand_in () {
  if [ -n "${stand_in_pid:-}" ]; then
    kill "$stand_in_pid" 2>/dev/null || :
    wait "$stand_in_pid" 2>/dev/null || :
    stand_in_pid=
    rm -f "$stand_in_log"
  fi
}

start_stand_in () {
  stand_in_log=$(mktemp)
  predibase mock >"$stand_in_log" 2>&1 </dev/null &
  stand_in_pid=$!
  trap stop_stand_in EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  PREDIBASE_BASE_URL=
  tries=0
  while [ -z "$PREDIBASE_BASE_URL" ]; do
    if ! kill -0 "$stand_in_pid" 2>/dev/null || [ "$tries" -ge 200 ]; then
      echo "predibase: the stand-in server did not start:" >&2
      cat "$stand_in_log" >&2
      return 1
    fi
    sleep 0.05
    tries=$((tries + 1))
    PREDIBASE_BASE_URL=$(
      sed -n 's|.*\(http://127\.0\.0\.1:[0-9]*\).*|\1|p' "$stand_in_log" |
        head -n 1)
  done
  export PREDIBASE_BASE_URL
  unset PREDIBASE_API_TOKEN PREDIBASE_TENANT_ID PREDIBASE_DEPLOYMENT
  # Connections to loopback must not go through the environment's proxy.
  no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
  NO_PROXY=$no_proxy
  export no_proxy NO_PROXY
}
