#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# Where there is no stack yet.
anywhere() {
    exec "${MAINSTAY:-mainstay}" "$@"
}

usage() {
    for line in "$@"; do printf 'usage: %s %s\n' "$(basename "$0")" "$line" >&2; done
    exit 2
}

# The repository is named by MAINSTAY_BACKUP_REPOSITORY, its key by MAINSTAY_BACKUP_KEY.
from=${MAINSTAY_BACKUP_REPOSITORY:?a directory, or s3:https://ENDPOINT/BUCKET/PREFIX}
case "${1-}" in
interactive) anywhere recover --from "$from" ;;
latest) anywhere recover --from "$from" --latest ;;
auto) anywhere recover --from "$from" --point "${2:?the name of a restore point}" ;;
*) usage interactive latest "auto NAME" ;;
esac
