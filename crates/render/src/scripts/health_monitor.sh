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
