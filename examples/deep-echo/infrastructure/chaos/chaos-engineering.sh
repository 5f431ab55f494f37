#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# 69: EX_UNAVAILABLE of sysexits.h.
not_yet() {
    printf '%s: not yet: %s\n' "$(basename "$0")" "$1" >&2
    exit 69
}

usage() {
    for line in "$@"; do printf 'usage: %s %s\n' "$(basename "$0")" "$line" >&2; done
    exit 2
}

case "${1-}" in
container-failure) not_yet "faults; by hand: mainstay restart ${2:-SERVICE}, and mainstay events shows what came of it" ;;
network-partition | cpu-stress | memory-stress | disk-stress | redis-failure | database-failure | suite) not_yet "faults" ;;
*)
    usage "container-failure INSTANCE SECONDS" "network-partition SERVICE SECONDS" "cpu-stress SERVICE PERCENT SECONDS" \
        "redis-failure SECONDS" suite
    ;;
esac
