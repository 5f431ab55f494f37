#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# 69: EX_UNAVAILABLE of sysexits.h.
not_yet() {
    printf '%s: not yet: %s\n' "$(basename "$0")" "$1" >&2
    exit 69
}

not_yet "load tests; the files are rendered: mainstay render artillery"
