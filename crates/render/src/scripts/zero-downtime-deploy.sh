mainstay deploy --strategy blue-green "$@"
