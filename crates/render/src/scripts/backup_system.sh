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
