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
