# Every source of `backups` in mainstay.yaml; the databases among them are found by themselves.
mainstay backup create "$@"
