#!/usr/bin/env bash
# The reader of Docker Compose, compose-go, for tests: says what a compose file means, or what is wrong with it. No engine.
#   compose.sh fetch              build the pinned version into the cache folder, once; print where
#   compose.sh read FILE          print the file as JSON, with all variables replaced; fails where Compose would refuse it
# Variables come from the environment, and from a file `.env` beside the compose file.
# Needs bash, coreutils, flock; Go 1.24 or newer for the fetch (seconds).
# The cache folder is spotlight/compose-go-VERSION below XDG_CACHE_HOME or ~/.cache. Environment: GO.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
COMPOSE_VERSION=$(sed -n 's,.*compose-go/v2 ,,p' "$HERE/compose/go.mod")
GO=${GO:-go}
CACHE=$(cache "compose-go-$COMPOSE_VERSION")
fetch() {
  [ ! -x "$CACHE/compose" ] || return 0
  need "$GO" "Go builds the reader of compose files (install it, or give its path in GO)"
  fetch_lock
  if [ ! -x "$CACHE/compose" ]; then
    rm -rf "$CACHE/new" && cp -r "$HERE/compose" "$CACHE/new"
    (cd "$CACHE/new" && nice "$GO" build -p 2 -mod=mod -trimpath -o compose .) >&2 ||
      die "compose-go $COMPOSE_VERSION could not be built"
    mv "$CACHE/new/compose" "$CACHE/compose" && rm -rf "$CACHE/new"
  fi
  exec 9>&-
}
case ${1:-} in
  fetch) fetch && echo "$CACHE/compose" ;;
  read)
    [ $# -eq 2 ] || die "usage: compose.sh read FILE"
    fetch
    exec "$CACHE/compose" "$2"
    ;;
  *) die "usage: compose.sh fetch | read FILE" ;;
esac
