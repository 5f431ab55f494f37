#!/bin/sh
# Written by `mainstay render scripts` from the stack whisper-transcriber.
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

kind=light
while [ "$#" -gt 0 ]; do
    case "$1" in
    --type) kind=${2:?light, medium, heavy or stress}; shift ;;
    --headless) ;;
    *) usage "--type light|medium|heavy|stress" --headless ;;
    esac
    shift
done
not_yet "load tests; the file is rendered: mainstay render locust, for level $kind"
