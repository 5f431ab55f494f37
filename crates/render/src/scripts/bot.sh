case "${1-}" in
start) mainstay up --detach --env "${2:-dev}" ;;
stop) mainstay down --env "${2:-dev}" ;;
status) mainstay status --env "${2:-dev}" ;;
logs) mainstay logs --env "${2:-dev}" ;;
restart) mainstay restart --env "${2:-dev}" ;;
reset-data) not_yet "resetting data; restoring an older state is there: mainstay restore --date DAY" ;;
clear-cache) not_yet "clearing caches; by hand: mainstay exec redis -- redis-cli flushall" ;;
*) usage "start|stop|status|logs|restart [ENV]" "reset-data|clear-cache ENV" ;;
esac
