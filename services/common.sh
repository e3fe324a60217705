# What the scripts of this folder share; each sources it. A script that keeps more than one process has `alive` and `stop`
# of its own.
# shellcheck shell=bash disable=SC2034
die() { echo "$(basename "$0"): $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || die "\`$1\` is not there: $2"; }
# cache NAME: where what was fetched for it lies.
cache() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/spotlight/$1"; }
# fetch_lock: keeps two runs from fetching into CACHE at once, until `exec 9>&-`.
fetch_lock() {
  need flock "it keeps two runs from fetching at once (package util-linux)"
  mkdir -p "$CACHE"
  exec 9>"$CACHE/lock" && flock 9
}
port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# ports_free P N: N ports from P on.
ports_free() { local i; for ((i = 0; i < ${2:-1}; i++)); do port_free $(($1 + i)) || return 1; done; }
# pick_port [N]: the first of N free ports in a row, below the range from which the system takes ports of clients.
pick_port() { local q; until q=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)) && ports_free "$q" "${1:-1}"; do :; done && echo "$q"; }
# The process of DIR runs: its command line must name what lies there, as a number is given to another process some day.
alive() {
  local pid && pid=$(cat "$DIR/pid" 2>/dev/null) || return 1
  grep -qaF "$DIR/data" "/proc/$pid/cmdline" 2>/dev/null
}
stop() { # stop SIGNAL: sends it, and kills what is still there after 20 s
  local t0=$SECONDS
  ! alive || kill "-$1" "$(cat "$DIR/pid")"
  while alive; do [ $((SECONDS - t0)) -lt 20 ] || kill -9 "$(cat "$DIR/pid")"; sleep 0.1; done
  rm -f "$DIR/pid"
}
hold() { # hold [options of up]: until standard input ends, which it does with whoever holds it
  trap 'stop KILL' EXIT
  up "$@"
  cat >/dev/null || true
}
