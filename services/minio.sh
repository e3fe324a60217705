#!/usr/bin/env bash
# A real MinIO (an object store that speaks S3, one node) for tests, built from its Go packages.
#   minio.sh fetch                               build the pinned version into the cache folder, once; print where
#   minio.sh have                                print where it is; fail if it was not built yet
#   minio.sh up    DIR [--port P] [--tls]        start if it does not run, wait until ready, print its address;
#       the first `up` fixes port and TLS; with TLS, DIR/authority.crt is the certificate to trust
#   minio.sh down  DIR                           stop (data is kept)
#   minio.sh kill  DIR                           kill -9; `up DIR` starts it again
#   minio.sh pause DIR | resume DIR              stop it in its tracks, as a machine that hangs; and let it go on
#   minio.sh hold  DIR [options of up]           `up`, then wait for the end of standard input, then kill -9:
#                                                what a test holds ends with the test, however that ends
# Buckets are made by whoever uses it. User `spotlight`, password `spotlight-secret`, region `us-east-1`.
# Needs bash, coreutils, flock; Go 1.24 or newer for the fetch, which takes minutes; openssl for --tls.
# The cache folder is spotlight/minio-VERSION below XDG_CACHE_HOME or ~/.cache.
# Environment: MINIO_WAIT seconds (60), GO.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# A revision of the sources, by the date of its commit.
MINIO_VERSION=2026-02-12 MINIO_PACKAGE=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
GO=${GO:-go}
CACHE=$(cache "minio-$MINIO_VERSION")
fetch() {
  [ ! -x "$CACHE/minio" ] || return 0
  need "$GO" "Go builds MinIO (install it, or give its path in GO)"
  fetch_lock
  if [ ! -x "$CACHE/minio" ]; then
    GOBIN=$CACHE/new nice "$GO" install -p 2 -trimpath -ldflags '-s -w' "$MINIO_PACKAGE" >&2 || die "MinIO $MINIO_VERSION could not be built"
    mv "$CACHE/new/minio" "$CACHE/minio" && rmdir "$CACHE/new"
  fi
  exec 9>&-
}
configure() { # configure PORT TLS: writes minio.env, and certificates of its own if asked to, once
  local port=${1:-$(pick_port)} scheme=http
  port_free "$port" || die "port $port is in use"
  mkdir -p "$DIR/certs"
  if [ -n "$2" ]; then
    scheme=https
    need openssl "it makes the certificates (3.0 or newer)"
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
    { openssl req -x509 "${key[@]}" -subj "/CN=authority of a test" -keyout "$DIR/authority.key" -out "$DIR/authority.crt" &&
      openssl req -x509 "${key[@]}" -subj /CN=127.0.0.1 -CA "$DIR/authority.crt" -CAkey "$DIR/authority.key" \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout "$DIR/certs/private.key" -out "$DIR/certs/public.crt"; } 2>"$DIR/log" || die "no certificate: $DIR/log"
  fi
  printf '%s=%q\n' PORT "$port" SCHEME "$scheme" >"$DIR/minio.env"
}
ready() { # it says that it can be written; with TLS only that it takes connections
  # shellcheck disable=SC2016,SC2153
  [ "$SCHEME" = http ] || { ! port_free "$PORT" && return 0 || return 1; }
  timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"
    printf "GET /minio/health/cluster HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" >&3
    read -r _ code _ <&3 && [ "$code" = 200 ]' "$PORT" 2>/dev/null
}
up() {
  local port='' tls='' t0=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in --port) port=$2 && shift 2 ;; --tls) tls=1 && shift ;; *) die "unknown option $1" ;; esac
  done
  fetch
  [ -e "$DIR/minio.env" ] || configure "$port" "$tls"
  . "$DIR/minio.env"
  if ! alive; then
    MINIO_ROOT_USER=spotlight MINIO_ROOT_PASSWORD=spotlight-secret MINIO_BROWSER=off MINIO_UPDATE=off MINIO_REGION=us-east-1 \
      nohup "$CACHE/minio" server --quiet --certs-dir "$DIR/certs" --address "127.0.0.1:$PORT" "$DIR/data" >>"$DIR/log" 2>&1 </dev/null &
    echo $! >"$DIR/pid"
    # Until the program has replaced the shell that starts it, its command line is the shell's.
    sleep 0.2
  fi
  until ready; do
    alive || die "MinIO died: $DIR/log"
    [ $((SECONDS - t0)) -lt "${MINIO_WAIT:-60}" ] || die "MinIO is not ready: $DIR/log"
    sleep 0.1
  done
  echo "$SCHEME://127.0.0.1:$PORT"
}
pause() { # returns when all threads have stopped: one that still runs may answer
  local pid && pid=$(cat "$DIR/pid")
  kill -STOP "$pid"
  while cut -d' ' -f3 /proc/"$pid"/task/*/stat | grep -qv T; do sleep 0.01; done
}
running() { alive || die "MinIO of $DIR is not running"; }
cmd=${1:-}
case $cmd in
  fetch) fetch && echo "$CACHE/minio" && exit ;;
  have) [ -x "$CACHE/minio" ] || die "MinIO $MINIO_VERSION was not built yet: minio.sh fetch" && echo "$CACHE/minio" && exit ;;
esac
[ $# -ge 2 ] || die "usage: minio.sh fetch | have | up|down|kill|pause|resume|hold DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in
  up) up "$@" ;; down) stop TERM ;; hold) hold "$@" ;;
  kill) running && stop KILL ;;
  pause) running && pause ;;
  resume) running && kill -CONT "$(cat "$DIR/pid")" ;;
  *) die "unknown command $cmd" ;;
esac
