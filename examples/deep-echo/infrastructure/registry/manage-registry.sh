#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
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
build) mainstay image build ;;
push) mainstay image build --push ;;
list) mainstay image list ;;
scan) not_yet "looking for known flaws; rules about images are there: mainstay image check" ;;
sign) not_yet "signing" ;;
*) usage build push list scan sign ;;
esac
