# Everything else goes through as it is: `mainstay deploy --help`.
left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1))
    shift
    case "$word" in
    --environment | -e) set -- "$@" --env ;;
    --help) usage "--environment ENV" "--strategy rolling|blue-green|stop-first" ;;
    *) set -- "$@" "$word" ;;
    esac
done
mainstay deploy "$@"
