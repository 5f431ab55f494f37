#!/bin/sh
# Written by `mainstay render scripts` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

set -eu

# In the stack's directory: the nearest one above this script that has a compose file.
mainstay() {
    stack=$(cd "$(dirname "$0")" && until [ -f compose.yaml ] || [ -f docker-compose.yml ] || [ "$PWD" = / ]; do cd ..; done && pwd)
    exec "${MAINSTAY:-mainstay}" -C "$stack" "$@"
}

# 69: EX_UNAVAILABLE of sysexits.h.
not_yet() {
    printf '%s: not yet: %s\n' "$(basename "$0")" "$1" >&2
    exit 69
}

usage() {
    for line in "$@"; do printf 'usage: %s %s\n' "$(basename "$0")" "$line" >&2; done
    exit 2
}

case "${1-} ${2-}" in
"env create" | "env list" | "env show" | "env delete") mainstay "$@" ;;
"cluster deploy") mainstay up --detach --env "${3:-dev}" ;;
"cluster status") mainstay status --env "${3:-${ENVIRONMENT:-dev}}" ;;
"cluster exec")
    in=${3:?an environment} service=${4:?a service}
    shift 4
    [ "$#" -gt 0 ] || set -- sh
    mainstay exec --env "$in" "$service" -- "$@"
    ;;
"cluster logs") mainstay logs --env "${3:?an environment}" "${4:?a service}" ;;
"cluster scale") mainstay scale --env "${3:?an environment}" "${4:?SERVICE=COUNT}" ;;
"health "*) mainstay health ;;
"infra plan" | "infra apply" | "infra output" | "infra destroy") mainstay "$@" ;;
"mesh install" | "mesh configure" | "mesh verify") mainstay "$@" ;;
"backup create" | "backup list" | "backup verify") mainstay "$@" ;;
"backup restore") mainstay restore --name "${3:?the name of a restore point}" ;;
"security audit") not_yet "an audit of what runs; rules about images are there: mainstay image check" ;;
"security policies") not_yet "policies of a cluster are rendered (mainstay render kubernetes), nothing compares them with what is there" ;;
"performance "*) not_yet "load tests; the files are rendered: mainstay render artillery" ;;
*)
    usage "env create|list|show|delete NAME" "cluster deploy|status [ENV]" "cluster exec|logs|scale ENV SERVICE" health \
        "infra plan|apply|output|destroy ENV" "mesh install|configure|verify" "backup create|list|verify" "backup restore NAME" \
        "security audit|policies" "performance URL"
    ;;
esac
