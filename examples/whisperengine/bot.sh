#!/bin/sh
# Written by `mainstay render scripts` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# In the stack's directory: the nearest one above this script that has a compose file.
mainstay() {
    stack=$(cd "$(dirname "$0")" && until [ -f compose.yaml ] || [ -f docker-compose.yml ] || [ "$PWD" = / ]; do cd ..; done && pwd)
    exec "${MAINSTAY:-mainstay}" -C "$stack" "$@"
}

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
start) mainstay up --detach --env "${2:-dev}" ;;
stop) mainstay down --env "${2:-dev}" ;;
status) mainstay status --env "${2:-dev}" ;;
logs) mainstay logs --env "${2:-dev}" ;;
restart) mainstay restart --env "${2:-dev}" ;;
reset-data) not_yet "resetting data; restoring an older state is there: mainstay restore --date DAY" ;;
clear-cache) not_yet "clearing caches; by hand: mainstay exec redis -- redis-cli flushall" ;;
*) usage "start|stop|status|logs|restart [ENV]" "reset-data|clear-cache ENV" ;;
esac
