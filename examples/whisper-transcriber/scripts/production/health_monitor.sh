#!/bin/sh
# Written by `mainstay render scripts` from the stack whisper-transcriber.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# In the stack's directory: the nearest one above this script that has a compose file.
mainstay() {
    stack=$(cd "$(dirname "$0")" && until [ -f compose.yaml ] || [ -f docker-compose.yml ] || [ "$PWD" = / ]; do cd ..; done && pwd)
    exec "${MAINSTAY:-mainstay}" -C "$stack" "$@"
}

usage() {
    for line in "$@"; do printf 'usage: %s %s\n' "$(basename "$0")" "$line" >&2; done
    exit 2
}

mode=once
left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1))
    shift
    case "$word" in
    --mode)
        mode=${1:?once, continuous or scheduled} left=$((left - 1))
        shift
        ;;
    *) set -- "$@" "$word" ;;
    esac
done
case "$mode" in
once) mainstay health "$@" ;;
continuous) mainstay health --continuous "$@" ;;
# From cron: a page that is written anew each time.
scheduled) mainstay health --report health.md "$@" ;;
*) usage "--mode once|continuous|scheduled" "--interval SECONDS" ;;
esac
