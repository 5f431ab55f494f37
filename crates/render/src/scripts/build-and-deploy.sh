# What services build is built first, and goes with the release.
mainstay deploy "$@"
