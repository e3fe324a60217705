#!/usr/bin/env bash
# A real Alertmanager for tests, built from its Go packages.
#   alertmanager.sh fetch                              build the pinned version into the cache folder, once; print where
#   alertmanager.sh have                               print where it is; fail if it was not built yet
#   alertmanager.sh up   DIR --config FILE [--port P]  start if it does not run, wait until ready, print its address
#   alertmanager.sh down DIR                           stop (data is kept)
#   alertmanager.sh hold DIR [options of up]           `up`, then wait for the end of standard input, then kill -9: what a
#                                                      test holds ends with the test, however that ends
# Needs bash, coreutils, flock, curl; Go 1.23 or newer for the fetch, which takes a minute.
# The cache folder is spotlight/alertmanager-VERSION below XDG_CACHE_HOME or ~/.cache.
# Environment: GO.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# Later ones cannot be built by `go install`: their web pages are made by another build. Debian's reads templates from /usr.
ALERTMANAGER_VERSION=0.28.1
GO=${GO:-go}
CACHE=$(cache "alertmanager-$ALERTMANAGER_VERSION")
fetch() {
  [ ! -x "$CACHE/alertmanager" ] || return 0
  need "$GO" "Go builds Alertmanager (install it, or give its path in GO)"
  fetch_lock
  if [ ! -x "$CACHE/alertmanager" ]; then
    GOBIN=$CACHE/new nice "$GO" install -p 2 -trimpath -ldflags '-s -w' \
      "github.com/prometheus/alertmanager/cmd/alertmanager@v$ALERTMANAGER_VERSION" >&2 ||
      die "Alertmanager $ALERTMANAGER_VERSION could not be built"
    mv "$CACHE/new/alertmanager" "$CACHE/alertmanager" && rmdir "$CACHE/new"
  fi
  exec 9>&-
}
up() {
  local port='' config='' t0=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in --port) port=$2 ;; --config) config=$(realpath "$2") ;; *) die "unknown option $1" ;; esac
    shift 2
  done
  need curl "it asks whether Alertmanager is ready"
  fetch
  if ! alive; then
    [ -n "$config" ] || die "up needs --config FILE"
    port=${port:-$(pick_port)}
    # Alone: without a cluster it listens nowhere else.
    nohup "$CACHE/alertmanager" --config.file="$config" --storage.path="$DIR/data" --cluster.listen-address= \
      --web.listen-address="127.0.0.1:$port" >>"$DIR/log" 2>&1 </dev/null &
    echo $! >"$DIR/pid"
    echo "http://127.0.0.1:$port" >"$DIR/address"
    # Until the program has replaced the shell that starts it, its command line is the shell's.
    sleep 0.2
  fi
  until curl -fs -m 2 -o /dev/null "$(cat "$DIR/address")/-/ready"; do
    alive || die "Alertmanager died: $(tail -n 3 "$DIR/log")"
    [ $((SECONDS - t0)) -lt 60 ] || die "Alertmanager is not ready: $DIR/log"
    sleep 0.1
  done
  cat "$DIR/address"
}
cmd=${1:-}
case $cmd in
  fetch) fetch && echo "$CACHE/alertmanager" && exit ;;
  have)
    [ -x "$CACHE/alertmanager" ] || die "Alertmanager $ALERTMANAGER_VERSION was not built yet: alertmanager.sh fetch"
    echo "$CACHE/alertmanager" && exit
    ;;
esac
[ $# -ge 2 ] || die "usage: alertmanager.sh fetch | have | up|down|hold DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in up) up "$@" ;; down) stop TERM ;; hold) hold "$@" ;; *) die "unknown command $cmd" ;; esac
