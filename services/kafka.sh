#!/usr/bin/env bash
# A real Apache Kafka (KRaft, broker and controller in one process) for tests, from Maven packages alone.
#   kafka.sh fetch                               put the pinned packages into the cache folder, once; print where
#   kafka.sh up    DIR [--brokers N] [--port P] [--set key=value]...
#       format if needed, start what is not running, wait until ready, print the bootstrap address;
#       the first `up` fixes brokers, ports and settings; brokers use P.., controllers P+N..
#   kafka.sh down  DIR                           stop all brokers (data is kept)
#   kafka.sh kill  DIR [i]                       kill -9 broker i (default 1); `up DIR` starts it again
#   kafka.sh hold  DIR [options of up]           `up`, then wait for the end of standard input, then kill -9 all brokers:
#                                                what a test holds ends with the test, however that ends
#   kafka.sh tool  DIR CLASS ARGS...             run a tool of Kafka on the same class path
# Needs bash, coreutils, flock, a JDK 17 or newer, and mvn for the first fetch.
# The cache folder is spotlight/kafka-VERSION below XDG_CACHE_HOME or ~/.cache.
# Environment: KAFKA_HEAP (512m), KAFKA_JVM_OPTS, KAFKA_WAIT seconds (90), JAVA_HOME, MVN.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# 4.4.0 is only half published; a range or "latest" would pick it.
KAFKA_VERSION=4.3.1 LOG4J_VERSION=2.25.5
DEP_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
MVN=${MVN:-mvn}
CACHE=$(cache "kafka-$KAFKA_VERSION")
alive() { # alive I: broker I of this DIR runs (the pid is checked against the command line)
  local pid && pid=$(cat "$DIR/broker$1/pid" 2>/dev/null) || return 1
  grep -qaF "$DIR/broker$1/server.properties" "/proc/$pid/cmdline" 2>/dev/null
}
brokers_seen() { # brokers_seen PORT: sends a Metadata request of version 1, prints the number of live brokers it names
  # shellcheck disable=SC2016
  timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"
    printf "\0\0\0\16\0\3\0\1\0\0\0\1\377\377\0\0\0\0" >&3
    set -- $(head -c 12 <&3 | od -An -tu1); echo "${12}"' "$1" 2>/dev/null || echo 0
}
fetch() {
  local mark="$CACHE/lib/.fetched-$KAFKA_VERSION-$LOG4J_VERSION"
  [ ! -e "$mark" ] || return 0
  need "$MVN" "Maven fetches Kafka's packages (install it, or give its path in MVN)"
  fetch_lock
  if [ ! -e "$mark" ]; then
    rm -rf "$CACHE/lib.new" && mkdir -p "$CACHE/lib.new"
    { echo '<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>kafka-fetch</artifactId><version>1</version><dependencies>'
      printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' \
        org.apache.kafka kafka_2.13 "$KAFKA_VERSION" org.apache.kafka kafka-tools "$KAFKA_VERSION" \
        org.apache.logging.log4j log4j-slf4j-impl "$LOG4J_VERSION"
      echo '</dependencies></project>'; } >"$CACHE/pom.xml"
    "$MVN" -q -B -f "$CACHE/pom.xml" "$DEP_PLUGIN:copy-dependencies" \
      -DincludeScope=runtime -DoutputDirectory="$CACHE/lib.new" >&2 || die "Maven could not fetch Kafka $KAFKA_VERSION"
    rm -rf "${CACHE:?}/lib" && mv "$CACHE/lib.new" "$CACHE/lib" && touch "$mark"
  fi
  exec 9>&-
}
configure() { # configure N PORT: writes cluster.env and each broker's server.properties, once
  local n=$1 port=$2 rf=$(($1 < 3 ? $1 : 3)) isr i voters='' p=() c=()
  isr=$((rf == 3 ? 2 : 1))
  for ((i = 0; i < 2 * n; i++)); do
    if [ -n "$port" ]; then p+=($((port + i))); else p+=("$(pick_port)"); fi
    port_free "${p[i]}" || die "port ${p[i]} is in use"
  done
  [ "$(printf '%s\n' "${p[@]}" | sort -u | wc -l)" -eq $((2 * n)) ] || die "port clash, try again"
  c=("${p[@]:n}")
  for ((i = 1; i <= n; i++)); do voters+="${voters:+,}$i@127.0.0.1:${c[i - 1]}"; done
  for ((i = 1; i <= n; i++)); do
    mkdir -p "$DIR/broker$i"
    # The session time-out is short, so that a broker that was killed may come back after 3 s instead of 9.
    { printf '%s\n' process.roles=broker,controller "node.id=$i" "controller.quorum.voters=$voters" "log.dirs=$DIR/broker$i/data" \
        "listeners=PLAINTEXT://127.0.0.1:${p[i - 1]},CONTROLLER://127.0.0.1:${c[i - 1]}" inter.broker.listener.name=PLAINTEXT \
        controller.listener.names=CONTROLLER listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT \
        {default,offsets.topic,transaction.state.log,share.coordinator.state.topic}".replication.factor=$rf" \
        "min.insync.replicas=$isr" {transaction.state.log,share.coordinator.state.topic}".min.isr=$isr" \
        {offsets.topic,transaction.state.log,share.coordinator.state.topic}.num.partitions=4 \
        group.initial.rebalance.delay.ms=0 group.min.session.timeout.ms=1000 group.consumer.min.session.timeout.ms=1000 \
        group.consumer.min.heartbeat.interval.ms=100 broker.session.timeout.ms=3000 broker.heartbeat.interval.ms=500 \
        auto.create.topics.enable=false num.network.threads=2 num.io.threads=4 background.threads=2 \
        log.cleaner.dedupe.buffer.size=8388608 log.cleaner.backoff.ms=1000 ${SETS[@]+"${SETS[@]}"}; } >"$DIR/broker$i/server.properties"
  done
  printf '%s\n' status=warn appender.o.type=Console appender.o.name=o appender.o.layout.type=PatternLayout \
    'appender.o.layout.pattern=%d{ISO8601} %p %c{1} %m%n' rootLogger.level=info rootLogger.appenderRef.o.ref=o \
    >"$DIR/log4j2.properties"
  { echo "N=$n"; echo "CLUSTER_ID=T$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-21)g"
    echo "PORTS=(${p[*]:0:n})"; echo "BOOTSTRAP=$(printf '127.0.0.1:%s,' "${p[@]:0:n}" | sed 's/,$//')"; } >"$DIR/cluster.env"
}
up() {
  local n='' port='' i t0=$SECONDS SETS=() log="-Dlog4j2.configurationFile=$DIR/log4j2.properties"
  while [ $# -gt 0 ]; do
    case $1 in --brokers) n=$2 ;; --port) port=$2 ;; --set) SETS+=("$2") ;; *) die "unknown option $1" ;; esac
    shift 2
  done
  need "$JAVA" "Kafka runs on Java 17 or newer (install a JDK, or set JAVA_HOME)"
  fetch
  [ -e "$DIR/cluster.env" ] || configure "${n:-1}" "$port"
  . "$DIR/cluster.env"
  [ "${n:-$N}" = "$N" ] || die "$DIR already holds a cluster of $N"
  for ((i = 1; i <= N; i++)); do
    ! alive "$i" || continue
    [ -e "$DIR/broker$i/data/meta.properties" ] ||
      "$JAVA" -Xmx128m -XX:TieredStopAtLevel=1 "$log" -cp "$CACHE/lib/*" kafka.tools.StorageTool format -t "$CLUSTER_ID" \
        -c "$DIR/broker$i/server.properties" >"$DIR/broker$i/format.log" 2>&1 || die "format failed: $DIR/broker$i/format.log"
    # shellcheck disable=SC2086
    nohup "$JAVA" "-Xmx${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${KAFKA_JVM_OPTS:-} "$log" -cp "$CACHE/lib/*" \
      kafka.Kafka "$DIR/broker$i/server.properties" >>"$DIR/broker$i/log" 2>&1 </dev/null &
    echo $! >"$DIR/broker$i/pid"
  done
  for ((i = 1; i <= N; i++)); do
    until [ "$(brokers_seen "${PORTS[i - 1]}")" = "$N" ]; do
      alive "$i" || die "broker $i died: $DIR/broker$i/log"
      [ $((SECONDS - t0)) -lt "${KAFKA_WAIT:-90}" ] || die "broker $i not ready: $DIR/broker$i/log"
      sleep 0.1
    done
  done
  echo "$BOOTSTRAP"
}
stop() { # stop SIGNAL: sends it to all brokers, and kills what is still there after 20 s
  local f i t0=$SECONDS
  for f in "$DIR"/broker*/pid; do i=${f%/pid} && i=${i##*broker}; ! alive "$i" || kill "-$1" "$(cat "$f")"; done
  for f in "$DIR"/broker*/pid; do
    i=${f%/pid} && i=${i##*broker}
    while alive "$i"; do [ $((SECONDS - t0)) -lt 20 ] || kill -9 "$(cat "$f")"; sleep 0.1; done
  done
  rm -f "$DIR"/broker*/pid
}
cmd=${1:-}
if [ "$cmd" = fetch ]; then fetch && echo "$CACHE/lib" && exit; fi
[ $# -ge 2 ] || die "usage: kafka.sh fetch | up|down|kill|hold|tool DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in
  up) up "$@" ;; down) stop TERM ;; hold) hold "$@" ;;
  kill) alive "${1:-1}" || die "broker ${1:-1} is not running"; kill -9 "$(cat "$DIR/broker${1:-1}/pid")" ;;
  tool) fetch && exec "$JAVA" -Xmx256m -XX:TieredStopAtLevel=1 -Dlog4j2.level=WARN -cp "$CACHE/lib/*" "$@" ;;
  *) die "unknown command $cmd" ;;
esac
