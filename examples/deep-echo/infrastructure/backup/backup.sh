#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# In the stack's directory: the nearest one above this script that has a compose file.
mainstay() {
    stack=$(cd "$(dirname "$0")" && until [ -f compose.yaml ] || [ -f docker-compose.yml ] || [ "$PWD" = / ]; do cd ..; done && pwd)
    exec "${MAINSTAY:-mainstay}" -C "$stack" "$@"
}

mainstay backup create "$@"
