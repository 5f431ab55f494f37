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

case "${1-}" in
list | verify | drill | prune) mainstay backup "$@" ;;
restore)
    shift
    # `--restore-date` is one of its own flags.
    mainstay restore "$@"
    ;;
create | --*) ;;
*) usage "[create] [--type full|SOURCE] [--upload-s3] [--notify-slack]" "list|verify|drill|prune" "restore --restore-date DATE" ;;
esac
[ "$1" != create ] || shift
left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1))
    shift
    case "$word" in
    --type)
        kind=${1:?full, or the name of a source} left=$((left - 1))
        shift
        [ "$kind" = full ] || set -- "$@" --only "$kind"
        ;;
    # Copies are made of every restore point, and their places stand in mainstay.yaml: backups.copies.
    --upload-s3) ;;
    # Who is told stands in server.yaml, and what of in the pack `mainstay`: BackupDone, BackupFailed.
    --notify-slack) ;;
    *) set -- "$@" "$word" ;;
    esac
done
mainstay backup create "$@"
