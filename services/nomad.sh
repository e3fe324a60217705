#!/usr/bin/env bash
# A real Nomad for tests, built from its Go packages: a server and a client as two processes, so that tasks outlive the
# end of either one, with the driver `raw_exec`, and without Consul, Vault and CNI.
#   nomad.sh fetch                               build the pinned version into the cache folder, once; print where
#   nomad.sh have                                print where it is; fail if it was not built yet
#   nomad.sh up    DIR [--port P]                start what does not run, wait until a node is ready, print the address;
#       the first `up` fixes the ports: P is HTTP, P+1 RPC, P+2 gossip, P+3 HTTP of the client
#   nomad.sh down  DIR                           stop all jobs as they ask to be stopped, then both agents (data is kept)
#   nomad.sh kill  DIR server|client             kill -9 of an agent; its tasks go on, and `up DIR` starts it again
#   nomad.sh hold  DIR [options of up]           `up`, then wait for the end of standard input, then kill -9 agents and
#                                                tasks: what a test holds ends with the test, however that ends
#   nomad.sh check DIR FILE...                   judge job files: their form, and what the agent of DIR says of them
# Needs root (the driver makes control groups and mounts), bash, coreutils, flock, curl; Go 1.24 or newer for the fetch.
# The cache folder is spotlight/nomad-VERSION below XDG_CACHE_HOME or ~/.cache.
# Environment: NOMAD_WAIT seconds (60), GO.
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# The first of its pair names the release, the second the module `api` at the commit of that release.
NOMAD_VERSION=1.10.5 NOMAD_API=v0.0.0-20250909143645-a3b86c697f38
GO=${GO:-go}
CACHE=$(cache "nomad-$NOMAD_VERSION")
BIN=$CACHE/nomad
export NOMAD_CLI_SHOW_HINTS=0
alive() { # alive ROLE: that agent of this DIR runs (the pid is checked against the command line)
  local pid && pid=$(cat "$DIR/$1.pid" 2>/dev/null) || return 1
  grep -qaF "$DIR/$1.hcl" "/proc/$pid/cmdline" 2>/dev/null
}
fetch() {
  [ ! -x "$BIN" ] || return 0
  need "$GO" "Go builds Nomad (install it, or give its path in GO)"
  fetch_lock
  mkdir -p "$CACHE/build"
  if [ ! -x "$BIN" ]; then
    # Nomad's go.mod replaces modules, which `go install` refuses: they are replaced here again, in a module around it.
    cat >"$CACHE/build/go.mod" <<END
module localhost/nomad
go 1.24.7
require (
	github.com/hashicorp/nomad v$NOMAD_VERSION
	github.com/hashicorp/nomad/api $NOMAD_API
)
replace (
	github.com/Microsoft/go-winio => github.com/endocrimes/go-winio v0.4.13-0.20190628114223-fb47a8b41948
	github.com/hashicorp/hcl => github.com/hashicorp/hcl v1.0.1-nomad-1
)
END
    (cd "$CACHE/build" && nice "$GO" build -p 2 -mod=mod -trimpath -ldflags '-s -w' -tags hashicorpmetrics \
      -o "$CACHE/new" github.com/hashicorp/nomad) >&2 || die "Nomad $NOMAD_VERSION could not be built"
    mv "$CACHE/new" "$BIN" && rm -rf "$CACHE/build"
  fi
  exec 9>&-
}
configuration() { # configuration ROLE: of an agent. What each line is for was found by leaving it out.
  local offset=0
  [ "$1" = server ] || offset=3
  # Without `advertise` an agent that is no `-dev` does not start on the loopback address.
  cat <<END
data_dir  = "$DIR/$1"
bind_addr = "127.0.0.1"
advertise = { http = "127.0.0.1", rpc = "127.0.0.1", serf = "127.0.0.1" }
ports     = { http = $((PORT + offset)), rpc = $((PORT + 1)), serf = $((PORT + 2)) }
consul { auto_advertise = false }
telemetry {
  prometheus_metrics         = true
  publish_allocation_metrics = true
}
END
  if [ "$1" = server ]; then
    printf 'server {\n  enabled          = true\n  bootstrap_expect = 1\n}\n'
    return
  fi
  # Without `network_interface` services are registered at the machine's address, where a task on loopback is not found.
  # Without the list of denied fingerprints it asks clouds' metadata addresses, and dies where it cannot.
  cat <<END
plugin "raw_exec" {
  config { enabled = true }
}
client {
  enabled           = true
  network_interface = "lo"
  servers           = ["127.0.0.1:$((PORT + 1))"]
  options = {
    "driver.allowlist"     = "raw_exec"
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault,cni,plugins_cni,bridge"
  }
}
END
}
up() {
  local port='' role t0=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in --port) port=$2 && shift 2 ;; *) die "unknown option $1" ;; esac
  done
  [ "$(id -u)" = 0 ] || die "it runs as root: its driver makes control groups and mounts"
  need curl "it asks whether a node is ready"
  fetch
  if [ ! -e "$DIR/nomad.env" ]; then
    port=${port:-$(pick_port 4)}
    ports_free "$port" 4 || die "one of the ports $port to $((port + 3)) is in use"
    echo "PORT=$port" >"$DIR/nomad.env"
  fi
  . "$DIR/nomad.env"
  for role in server client; do
    ! alive "$role" || continue
    configuration "$role" >"$DIR/$role.hcl"
    # By the variable their tasks are found when they are to be ended.
    SPOTLIGHT_TEST_NOMAD_FOLDER=$DIR nohup "$BIN" agent -config="$DIR/$role.hcl" >>"$DIR/$role.log" 2>&1 </dev/null &
    echo $! >"$DIR/$role.pid"
    # Until the program has replaced the shell that starts it, its command line is the shell's.
    sleep 0.2
  done
  until curl -fs -m 2 "http://127.0.0.1:$PORT/v1/nodes" | grep -q '"Status":"ready"'; do
    for role in server client; do alive "$role" || die "the $role died: $DIR/$role.log"; done
    [ $((SECONDS - t0)) -lt "${NOMAD_WAIT:-60}" ] || die "no node is ready: $DIR/client.log"
    sleep 0.1
  done
  # Secrets can be kept a moment after the first start, once the server has made its key.
  until "$BIN" var put -address="http://127.0.0.1:$PORT" -force -out=none services/ready ready=yes >/dev/null 2>&1; do
    [ $((SECONDS - t0)) -lt "${NOMAD_WAIT:-60}" ] || die "no secret can be kept: $DIR/server.log"
    sleep 0.1
  done
  echo "http://127.0.0.1:$PORT"
}
ours() { # the processes that descend from an agent of this DIR, also of one that was killed
  local one
  for one in /proc/[0-9]*/environ; do
    ! tr '\0' '\n' <"$one" 2>/dev/null | grep -qxF "SPOTLIGHT_TEST_NOMAD_FOLDER=$DIR" || basename "$(dirname "$one")"
  done 2>/dev/null
}
sweep() { # ends what is left, and removes the mounts of tasks, which would keep the folder from being removed
  local one
  for one in client server; do ! alive "$one" || kill -9 "$(cat "$DIR/$one.pid")"; done
  for one in $(ours); do kill -9 "$one" 2>/dev/null || true; done
  while [ -n "$(ours)" ]; do sleep 0.1; done
  # With each task's folders for secrets; deepest first.
  awk -v d="$DIR/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount || true
  rm -f "$DIR"/*.pid
}
down() {
  local job role t0
  if [ -e "$DIR/nomad.env" ] && . "$DIR/nomad.env" && alive server && alive client; then
    export NOMAD_ADDR=http://127.0.0.1:$PORT
    for job in $("$BIN" job status | awk 'NR > 1 && $4 == "running" { print $1 }'); do
      timeout 60 "$BIN" job stop "$job" >/dev/null 2>&1 || true
    done
    t0=$SECONDS
    while curl -fs -m 2 "$NOMAD_ADDR/v1/allocations" | grep -q '"ClientStatus":"\(running\|pending\)"'; do
      [ $((SECONDS - t0)) -lt 60 ] || break
      sleep 0.2
    done
  fi
  for role in client server; do
    ! alive "$role" || kill -INT "$(cat "$DIR/$role.pid")"
    t0=$SECONDS
    while alive "$role" && [ $((SECONDS - t0)) -lt 20 ]; do sleep 0.1; done
  done
  sweep
}
hold() {
  trap sweep EXIT
  up "$@"
  cat >/dev/null || true
}
check() {
  local file wrong=0
  . "$DIR/nomad.env"
  for file in "$@"; do
    "$BIN" fmt -check "$file" >/dev/null || { echo "$file: not as \`nomad fmt\` writes it" >&2 && wrong=1; }
    # The paths of a job start where the program runs.
    (cd "$(dirname "$file")" && "$BIN" job validate -address="http://127.0.0.1:$PORT" "$(basename "$file")") >&2 || wrong=1
  done
  return "$wrong"
}
cmd=${1:-}
case $cmd in
  fetch) fetch && echo "$BIN" && exit ;;
  have) [ -x "$BIN" ] || die "Nomad $NOMAD_VERSION was not built yet: nomad.sh fetch" && echo "$BIN" && exit ;;
esac
[ $# -ge 2 ] || die "usage: nomad.sh fetch | have | up|down|kill|hold|check DIR ..."
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
case $cmd in
  up) up "$@" ;; down) down ;; hold) hold "$@" ;; check) check "$@" ;;
  kill) alive "${1:-client}" || die "the ${1:-client} is not running"; kill -9 "$(cat "$DIR/${1:-client}.pid")" ;;
  *) die "unknown command $cmd" ;;
esac
