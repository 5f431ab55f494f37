mainstay backup create "$@"
