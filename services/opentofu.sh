#!/usr/bin/env bash
# OpenTofu (the language and the commands of Terraform) for tests, built from its Go packages.
#   opentofu.sh fetch                            build the pinned version into the cache folder, once; print where
#   opentofu.sh have                             print where it is; fail if it was not built yet
#   opentofu.sh check FOLDER...                  judge the form of modules (`fmt -check`); what uses providers that are not
#                                                built in can be judged no further here, as they cannot be fetched
#   opentofu.sh up    DIR FOLDER [NAME=VALUE]... apply the module in FOLDER, with its state in DIR; print its outputs as
#                                                JSON. Values are JSON too
#   opentofu.sh plan  DIR                        0 if nothing would change, 2 if something would
#   opentofu.sh down  DIR                        destroy what `up` made
# There is no process to hold. `up` works for modules that need no provider but the built-in one: nothing is fetched.
# Needs bash, coreutils, flock; Go 1.26 or newer for the fetch, which takes minutes.
# The cache folder is spotlight/opentofu-VERSION below XDG_CACHE_HOME or ~/.cache. Environment: GO, TOFU (another program).
# shellcheck disable=SC1091
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# HCL as OpenTofu itself replaces it.
TOFU_VERSION=1.12.6 TOFU_HCL=v2.20.2-0.20251021132045-587d123c2828
GO=${GO:-go}
CACHE=$(cache "opentofu-$TOFU_VERSION")
BIN=${TOFU:-$CACHE/tofu}
export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1 TF_CLI_CONFIG_FILE=/dev/null
fetch() {
  [ ! -x "$BIN" ] || return 0
  need "$GO" "Go builds OpenTofu (install it, or give its path in GO)"
  fetch_lock
  mkdir -p "$CACHE/build"
  if [ ! -x "$BIN" ]; then
    cat >"$CACHE/build/go.mod" <<END
module localhost/tofu
go 1.26.6
require github.com/opentofu/opentofu v$TOFU_VERSION
replace github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 $TOFU_HCL
END
    (cd "$CACHE/build" && nice "$GO" build -p 2 -mod=mod -trimpath -ldflags '-s -w' \
      -o "$CACHE/new" github.com/opentofu/opentofu/cmd/tofu) >&2 || die "OpenTofu $TOFU_VERSION could not be built"
    mv "$CACHE/new" "$BIN" && rm -rf "$CACHE/build"
  fi
  exec 9>&-
}
check() {
  local folder wrong=0
  for folder in "$@"; do
    "$BIN" fmt -check -diff -recursive "$folder" >&2 || wrong=1
  done
  return "$wrong"
}
tofu() { # tofu COMMAND ...: of the module of DIR; its state is in DIR
  local command=$1 && shift
  "$BIN" -chdir="$(cat "$DIR/module")" "$command" -input=false -no-color -state="$DIR/terraform.tfstate" \
    -var-file="$DIR/given.tfvars.json" "$@" >&2
}
up() {
  local word comma=''
  [ -d "${1:-}" ] || die "up: which module?"
  (cd "$1" && pwd) >"$DIR/module" && shift
  { echo '{'
    for word in "$@"; do printf '%s"%s": %s' "$comma" "${word%%=*}" "${word#*=}" && comma=','; done
    echo '}'; } >"$DIR/given.tfvars.json"
  "$BIN" -chdir="$(cat "$DIR/module")" init -input=false -no-color >"$DIR/init.log" 2>&1 ||
    { cat "$DIR/init.log" >&2 && die "the module cannot be initialised"; }
  "$BIN" -chdir="$(cat "$DIR/module")" validate -no-color >&2
  tofu apply -auto-approve
  "$BIN" -chdir="$(cat "$DIR/module")" output -json -state="$DIR/terraform.tfstate"
}
plan() { tofu plan -detailed-exitcode; }
down() { [ ! -e "$DIR/module" ] || tofu destroy -auto-approve; }
cmd=${1:-}
case $cmd in
  fetch) fetch && echo "$BIN" && exit ;;
  have) [ -x "$BIN" ] || die "OpenTofu $TOFU_VERSION was not built yet: opentofu.sh fetch" && echo "$BIN" && exit ;;
  check) shift && fetch && check "$@" && exit ;;
esac
[ $# -ge 2 ] || die "usage: opentofu.sh fetch | have | check FOLDER... | up|plan|down DIR ..."
fetch
mkdir -p "$2" && DIR=$(cd "$2" && pwd) && shift 2
# What is initialised lies in DIR, not in the module.
export TF_DATA_DIR=$DIR/.terraform
case $cmd in up) up "$@" ;; plan) plan ;; down) down ;; *) die "unknown command $cmd" ;; esac
