case "${1-}" in
container-failure) not_yet "faults; by hand: mainstay restart ${2:-SERVICE}, and mainstay events shows what came of it" ;;
network-partition | cpu-stress | memory-stress | disk-stress | redis-failure | database-failure | suite) not_yet "faults" ;;
*)
    usage "container-failure INSTANCE SECONDS" "network-partition SERVICE SECONDS" "cpu-stress SERVICE PERCENT SECONDS" \
        "redis-failure SECONDS" suite
    ;;
esac
