#!/usr/bin/env bash
# A real schema registry that speaks Confluent's API (Apicurio Registry, ccompat v7) for tests, from Maven packages alone.
#   registry.sh fetch                            put the pinned package into the cache folder, once; print where
#   registry.sh up    DIR [--port P] [--storage file|mem|kafka] [--kafka BOOTSTRAP] [--login USER:PASSWORD] [--compat LEVEL]
#       start if it does not run, wait until ready, print the base address for clients;
#       the first `up` fixes port, storage and login; storage `file` (the default) survives `down` and `kill`
#   registry.sh down  DIR                        stop (data is kept)
#   registry.sh kill  DIR                        kill -9; `up DIR` starts it again
#   registry.sh hold  DIR [options of up]        `up`, then wait for the end of standard input, then kill -9:
#                                                what a test holds ends with the test, however that ends
# Compatibility is set to BACKWARD on the first start, which is Confluent's default; Apicurio's own is NONE.
# Needs bash, coreutils, flock, tar, a JDK 17 or newer, and mvn for the first fetch.
# The cache folder is spotlight/apicurio-VERSION below XDG_CACHE_HOME or ~/.cache.
# Environment: REGISTRY_HEAP (384m), REGISTRY_JVM_OPTS, REGISTRY_WAIT seconds (90), JAVA_HOME, MVN.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# The newest for Java 17; 3.3 needs Java 21.
APICURIO_VERSION=3.0.9
# Newer ones of the plug-in want the package's parent, which is not published.
DEP_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:2.10
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
MVN=${MVN:-mvn}
CACHE=$(cache "apicurio-$APICURIO_VERSION")
alive() { # the registry of this DIR runs (the pid is checked against the command line)
  local pid && pid=$(cat "$DIR/pid" 2>/dev/null) || return 1
  grep -qzxF -- "-Dspotlight.registry=$DIR" "/proc/$pid/cmdline" 2>/dev/null
}
http() { # http METHOD PATH [BODY]: prints the status
  # shellcheck disable=SC2016,SC2153
  timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"
    printf "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" \
      "$1" "/apis/ccompat/v7$2" "$4" "${#3}" "$3" >&3
    read -r _ code _ <&3 && echo "$code"' "$PORT" "$1" "$2" "${3:-}" "$(printf %s "$LOGIN" | base64 -w0)" 2>/dev/null || echo 0
}
fetch() {
  local mark="$CACHE/.fetched"
  [ ! -e "$mark" ] || return 0
  need "$MVN" "Maven fetches the registry's package (install it, or give its path in MVN)"
  fetch_lock
  if [ ! -e "$mark" ]; then
    rm -rf "$CACHE/new" "${CACHE:?}/app" && mkdir -p "$CACHE/new/app"
    "$MVN" -q -B "$DEP_PLUGIN:copy" "-Dartifact=io.apicurio:apicurio-registry-app:$APICURIO_VERSION:tar.gz:all" \
      -DoutputDirectory="$CACHE/new" >&2 || die "Maven could not fetch Apicurio Registry $APICURIO_VERSION"
    tar -xzf "$CACHE/new/apicurio-registry-app-$APICURIO_VERSION-all.tar.gz" -C "$CACHE/new/app"
    mv "$CACHE/new/app" "$CACHE/app" && rm -rf "$CACHE/new" && touch "$mark"
  fi
  exec 9>&-
}
configure() { # configure PORT STORAGE KAFKA LOGIN: writes registry.env, once
  local port=${1:-$(pick_port)}
  port_free "$port" || die "port $port is in use"
  case $2 in file | mem) ;; kafka) [ -n "$3" ] || die "--storage kafka needs --kafka" ;; *) die "unknown storage $2" ;; esac
  printf '%s=%q\n' PORT "$port" STORAGE "$2" KAFKA "$3" LOGIN "$4" >"$DIR/registry.env"
}
start() {
  local opts=()
  case $STORAGE in
    # Without WRITE_DELAY=0 a kill loses what was just registered.
    file) opts+=("-Dapicurio.datasource.url=jdbc:h2:file:$DIR/db/registry;WRITE_DELAY=0") ;;
    mem) opts+=(-Dapicurio.datasource.url=jdbc:h2:mem:registry) ;;
    kafka) opts+=(-Dapicurio.storage.kind=kafkasql "-Dapicurio.kafkasql.bootstrap.servers=$KAFKA") ;;
  esac
  [ -z "$LOGIN" ] || opts+=(-Dquarkus.security.users.embedded.plain-text=true
    "-Dquarkus.security.users.embedded.users.${LOGIN%%:*}=${LOGIN#*:}" "-Dquarkus.security.users.embedded.roles.${LOGIN%%:*}=sr-admin"
    '-Dquarkus.http.auth.permission.all.paths=/apis/*' -Dquarkus.http.auth.permission.all.policy=authenticated
    -Dquarkus.http.auth.basic=true -Dquarkus.security.users.embedded.enabled=true)
  # The management port is of no use, and cannot be turned off. Without the canonical hash white space would make a new schema.
  # shellcheck disable=SC2086
  nohup "$JAVA" "-Xmx${REGISTRY_HEAP:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${REGISTRY_JVM_OPTS:-} \
    "-Dspotlight.registry=$DIR" -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$PORT" -Dquarkus.management.host=127.0.0.1 \
    -Dquarkus.management.port=0 -Dapicurio.datasource.jdbc.initial-size=2 -Dapicurio.datasource.jdbc.min-size=2 \
    -Dquarkus.http.access-log.enabled=false -Dapicurio.ccompat.use-canonical-hash=true "${opts[@]}" \
    -jar "$CACHE"/app/*-runner.jar >>"$DIR/log" 2>&1 </dev/null &
  echo $! >"$DIR/pid"
}
up() {
  local port='' storage=file kafka='' login='' compat='' t0=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2 ;; --storage) storage=$2 ;; --kafka) kafka=$2 ;; --login) login=$2 ;; --compat) compat=$2 ;;
      *) die "unknown option $1" ;;
    esac
    shift 2
  done
  need "$JAVA" "the registry runs on Java 17 or newer (install a JDK, or set JAVA_HOME)"
  fetch
  [ -e "$DIR/registry.env" ] || { configure "$port" "$storage" "$kafka" "$login" && compat=${compat:-BACKWARD}; }
  . "$DIR/registry.env"
  [ "$STORAGE" != mem ] || compat=${compat:-BACKWARD}
  alive || start
  until [ "$(http GET /subjects)" = 200 ]; do
    alive || die "the registry died: $DIR/log"
    [ $((SECONDS - t0)) -lt "${REGISTRY_WAIT:-90}" ] || die "the registry is not ready: $DIR/log"
    sleep 0.1
  done
  [ -z "$compat" ] || [ "$(http PUT /config "{\"compatibility\":\"$compat\"}")" = 200 ] || die "could not set compatibility $compat"
  echo "http://127.0.0.1:$PORT/apis/ccompat/v7"
}
cmd=${1:-}
if [ "$cmd" = fetch ]; then fetch && echo "$CACHE/app" && exit; fi
[ $# -ge 2 ] || die "usage: registry.sh fetch | up|down|kill|hold DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in
  up) up "$@" ;; down) stop TERM ;; hold) hold "$@" ;;
  kill) alive || die "the registry is not running"; stop KILL ;;
  *) die "unknown command $cmd" ;;
esac
