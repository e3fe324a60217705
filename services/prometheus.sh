#!/usr/bin/env bash
# A real Prometheus and its promtool for tests, from Debian's package, unpacked and not installed.
#   prometheus.sh fetch                              put the package into the cache folder, once; print where
#   prometheus.sh promtool ARGS...                   run promtool, such as `check metrics` with a scrape on standard input
#   prometheus.sh up   DIR [--port P] [--config FILE | --target HOST:PORT]...
#       start it if it is not running, wait until it is ready, print its address; without a file it scrapes the targets
#       every second
#   prometheus.sh down DIR                           stop it (data is kept)
#   prometheus.sh hold DIR [options of up]           `up`, then wait for the end of standard input, then kill -9: what a test
#                                                    holds ends with the test, however that ends
# Needs bash, coreutils, flock, curl, and for the first fetch apt-get and dpkg.
# The cache folder is spotlight/prometheus-deb below XDG_CACHE_HOME or ~/.cache. Which server apt asks is its own setting.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
CACHE=$(cache "prometheus-deb")
fetch() {
  [ ! -x "$CACHE/bin/promtool" ] || return 0
  need apt-get "it fetches Debian's package of Prometheus"
  need dpkg "it unpacks Debian's package of Prometheus"
  fetch_lock
  if [ ! -x "$CACHE/bin/promtool" ]; then
    rm -rf "$CACHE/new" && mkdir -p "$CACHE/new"
    (
      cd "$CACHE/new"
      apt-get -q download prometheus >&2 || { apt-get -q update >&2 && apt-get -q download prometheus >&2; }
    ) || die "apt-get could not fetch the package prometheus"
    dpkg -x "$CACHE"/new/prometheus_*.deb "$CACHE/new" || die "the package cannot be unpacked"
    rm -rf "${CACHE:?}/bin" && mv "$CACHE/new/usr/bin" "$CACHE/bin" && rm -rf "$CACHE/new"
  fi
  exec 9>&-
}
up() {
  local port='' config='' targets=() t0=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in --port) port=$2 ;; --config) config=$(realpath "$2") ;; --target) targets+=("\"$2\"") ;; *) die "unknown option $1" ;; esac
    shift 2
  done
  need curl "it asks whether Prometheus is ready"
  fetch
  if ! alive; then
    if [ -z "$config" ]; then
      config=$DIR/prometheus.yml
      printf 'global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n- job_name: spotlight\n  static_configs: [{ targets: [%s] }]\n' \
        "$(IFS=,; echo "${targets[*]-}")" >"$config"
    fi
    "$CACHE/bin/promtool" check config "$config" >"$DIR/check.log" 2>&1 || { cat "$DIR/check.log" >&2; die "the configuration is wrong"; }
    port=${port:-$(pick_port)}
    nohup "$CACHE/bin/prometheus" --config.file="$config" --storage.tsdb.path="$DIR/data" \
      --web.listen-address="127.0.0.1:$port" --web.enable-lifecycle >>"$DIR/log" 2>&1 </dev/null &
    echo $! >"$DIR/pid"
    echo "http://127.0.0.1:$port" >"$DIR/address"
  fi
  until curl -fs -m 2 -o /dev/null "$(cat "$DIR/address")/-/ready"; do
    alive || die "Prometheus died: $DIR/log"
    [ $((SECONDS - t0)) -lt 60 ] || die "Prometheus is not ready: $DIR/log"
    sleep 0.1
  done
  cat "$DIR/address"
}
cmd=${1:-}
case $cmd in
  fetch) fetch && echo "$CACHE/bin" && exit ;;
  promtool) shift && fetch && exec "$CACHE/bin/promtool" "$@" ;;
esac
[ $# -ge 2 ] || die "usage: prometheus.sh fetch | promtool ARGS... | up|down|hold DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in up) up "$@" ;; down) stop TERM ;; hold) hold "$@" ;; *) die "unknown command $cmd" ;; esac
