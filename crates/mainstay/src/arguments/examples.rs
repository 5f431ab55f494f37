//! The examples at the end of each command's help.

pub(super) const MAINSTAY: &str = "\
Examples:
  mainstay up examples/whisper-transcriber   start a stack and follow it
  mainstay status                            how it is, and what to do next
  mainstay deploy --strategy blue-green      bring in a new version
  mainstay rollback --reason \"p95 doubled\"   take it back

Exit codes: 0 done, 1 it failed, 2 the input is wrong, 3 it waits for approval, 70 a bug in Mainstay.";

pub(super) const UP: &str = "\
Examples:
  mainstay up                                the stack in this directory; Ctrl-C stops it
  mainstay up examples/whisper-transcriber   the stack in another directory
  mainstay up -d                             leave it running
  mainstay up --env staging --profile worker";

pub(super) const DOWN: &str = "\
Examples:
  mainstay down
  mainstay down examples/whisper-transcriber --json";

pub(super) const DEPLOY: &str = "\
Examples:
  mainstay deploy
  mainstay deploy --strategy blue-green --tag v1.4.0
  mainstay deploy --set app.environment.LOG_LEVEL=debug -m \"look for the leak\"
  mainstay deploy --no-build --detach

  mainstay deploy --env production --wait    wait for the approval, then follow
  mainstay deploy --env staging --automatic  in a CI job, for every push
  mainstay deploy --waive load-test --reason \"no traffic yet\"

Ends with 1 when the release failed or was rolled back, with 3 when it waits for approval.";

pub(super) const PROMOTE: &str = "\
Examples:
  mainstay promote staging production
  mainstay promote staging production --wait --tag v1.4.0

Nothing is built: the very artifacts, by their SHA-256, with the other environment's own files.";

pub(super) const APPROVE: &str = "\
Examples:
  mainstay approve --env production
  mainstay approve 0192f1c4 --reason \"looked at staging\"";

pub(super) const REJECT: &str = "\
Examples:
  mainstay reject --env production --reason \"not on a Friday\"";

pub(super) const ROLLBACK: &str = "\
Examples:
  mainstay rollback                          to the release before
  mainstay rollback 12 --reason \"p95 doubled\"
  mainstay rollback v1.3.2
  mainstay rollback 12 --downgrade           take the database's schema back first
  mainstay rollback 4f2a9c1                  the beginning of a commit";

pub(super) const RELEASES: &str = "\
Examples:
  mainstay releases
  mainstay releases show 12                  its steps, notes and resolved stack
  mainstay releases show 12 --markdown > r12.md
  mainstay releases list --json | jq -r '.[0].tag'";

pub(super) const ROLLOUT: &str = "\
Examples:
  mainstay rollout status
  mainstay rollout pause --reason \"look at the dashboard first\"
  mainstay rollout resume
  mainstay rollout abort --reason \"wrong version\"";

pub(super) const ENV: &str = "\
Examples:
  mainstay env list
  mainstay env create staging
  mainstay env create production --from staging
  mainstay env show production               its policy, its next window
  mainstay env diff staging production
  mainstay env delete qa --yes";

pub(super) const STATUS: &str = "\
Examples:
  mainstay status
  mainstay status --env production
  mainstay status --json | jq -r .state";

pub(super) const PS: &str = "\
Examples:
  mainstay ps
  mainstay ps --json | jq -r '.[] | select(.phase != \"healthy\").id'";

pub(super) const LOGS: &str = "\
Examples:
  mainstay logs -f                           everything, as it comes
  mainstay logs app -n 20
  mainstay logs app-r12-1 --since 10m -t";

pub(super) const SCALE: &str = "\
Examples:
  mainstay scale app=3
  mainstay scale app=3 worker=0";

pub(super) const RESTART: &str = "\
Examples:
  mainstay restart
  mainstay restart app";

pub(super) const EXEC: &str = "\
Examples:
  mainstay exec app -- env
  mainstay exec app-r12-1 -- sh -c 'ls -l /proc/self/fd'

Ends with the exit code of the command.";

pub(super) const PORT_FORWARD: &str = "\
Examples:
  mainstay port-forward app                  at its port, or any that is free here
  mainstay port-forward db 15432:5432        a database that is not routed
  mainstay port-forward app-r12-2            one instance of several";

pub(super) const DEBUG: &str = "\
Examples:
  mainstay debug app
  mainstay debug app-r12-2 -n 100
  mainstay debug db --env production --json > db.json

It only asks; to go on from there: `exec`, `port-forward`, `logs -f`.";

pub(super) const EVENTS: &str = "\
Examples:
  mainstay events -n 20
  mainstay events -f
  mainstay events --all --after 1200 --json";

pub(super) const JOURNAL: &str = "\
Examples:
  mainstay journal verify
  mainstay journal verify --json | jq -r .head   keep it elsewhere to notice tampering";

pub(super) const DOCTOR: &str = "\
Examples:
  mainstay doctor
  mainstay doctor examples/whisper-transcriber --json

Works without a server too: it then looks at the files, the ports, the commands and the disk.";

pub(super) const CHECK: &str = "\
Examples:
  mainstay check
  mainstay check examples/whisper-transcriber --env production
  mainstay check --json | jq -r '.problems[].code'";

pub(super) const CONFIG: &str = "\
Examples:
  mainstay config
  mainstay config -f compose.yaml -f compose.override.yaml
  mainstay config --set app.deploy.replicas=3 --json";

pub(super) const RENDER: &str = "\
Examples:
  mainstay render --list
  mainstay render kubernetes --env production --out k8s
  mainstay render nginx > nginx.conf
  mainstay render                       # what render.layout of mainstay.yaml says
  mainstay render --check               # in CI: are the committed files still right?
  mainstay render helm --out chart --diff";

pub(super) const INFRA: &str = "\
Examples:
  mainstay infra plan production
  mainstay infra apply production       # as it was planned: its policy wants approval
  mainstay infra output production --json
  mainstay infra destroy staging
  mainstay infra plan staging -- -target=module.vpc";

pub(super) const MESH: &str = "\
Examples:
  mainstay mesh install
  mainstay mesh configure production
  mainstay mesh verify production";

pub(super) const INIT: &str = "\
Examples:
  mainstay init
  mainstay init examples/whisper-transcriber --force";

pub(super) const SCHEMA: &str = "\
Examples:
  mainstay schema > mainstay.schema.json

Then, in the first line of mainstay.yaml:
  # yaml-language-server: $schema=mainstay.schema.json";

pub(super) const SECRET: &str = "\
Examples:
  mainstay secret keys create                      an identity of your own, once
  mainstay secret set session_key --env production asks for the value
  pass show shop/db | mainstay secret set database_password
  mainstay secret rotate session_key --format hex --length 64 --deploy
  mainstay secret list
  mainstay secret check --env production

A value is never an argument, and is printed by `secret get NAME --reveal` alone.";
pub(super) const IMAGE: &str = "\
Examples:
  mainstay image build                       every service that has `build`
  mainstay image build app --tag v1.4.0 --push
  mainstay image check                       Dockerfiles, contexts, container settings
  mainstay image check app --images --fail-on medium
  mainstay image check --dockerfile Dockerfile --format sarif > audit.sarif
  mainstay image list --json | jq -r '.[] | select(.releases == []).id'

`up` and `deploy` build and pull by themselves. `check` ends with 1 when it finds something that
is at least as bad as --fail-on says.";

pub(super) const TOKEN: &str = "\
Examples:
  mainstay token create ci --role operator
  mainstay token list
  mainstay token revoke ci";

pub(super) const SERVE: &str = "\
Examples:
  mainstay serve --directory /var/lib/mainstay   a data directory
  mainstay serve examples/whisper-transcriber    that of a stack: its .mainstay
  mainstay serve --directory /var/lib/mainstay --check   what is wrong with its server.yaml

What belongs to the server stands in server.yaml in the data directory: docs/reference/server.md.
It never deploys by itself; it goes on with what ran before.";

pub(super) const PROXY: &str = "\
Examples:
  mainstay proxy --directory /var/lib/mainstay";

pub(super) const QUERY: &str = "\
Examples:
  mainstay query up
  mainstay query 'sum by (service) (rate(http_requests_total[5m]))'
  mainstay query --range 1h --step 1m 'mainstay_environment_up'
  mainstay --json query 'count(up == 0)'

Grafana, promtool and curl ask the same at /prometheus: docs/prometheus-api.md.";

pub(super) const TARGETS: &str = "\
Examples:
  mainstay targets
  mainstay targets --down      only what does not answer; exit code 1 where there is any

Instances are found by themselves; further ones stand in the file that `metrics.prometheus` of
server.yaml names: docs/metrics.md.";

pub(super) const METRICS: &str = "\
Examples:
  mainstay metrics top
  mainstay metrics top --limit 30
  mainstay metrics backfill history.om       samples of the past, in the OpenMetrics format";

pub(super) const HEALTH: &str = "\
Examples:
  mainstay health
  mainstay health --env production --profile whisperengine
  mainstay health --threshold system.cpu=75%:90% --threshold api.response=500ms
  mainstay health --continuous --interval 30
  mainstay health --report health.md             from cron, with a page to keep

Ends with 1 when a check fails, or when nothing could be judged: docs/health.md.";

pub(super) const RULES: &str = "\
Examples:
  mainstay rules list                         what the server evaluates, and how it went
  mainstay rules list --failed                exit code 1 where a rule could not be evaluated
  mainstay rules packs                        those that come with Mainstay
  mainstay rules packs mainstay > mainstay.rules.yml
  mainstay rules check rules/*.yml
  mainstay rules test tests/*.yml             promtool's unit tests
  mainstay rules check --json rules/*.yml | jq -r '.problems[].message'

What is read and how it is evaluated: docs/rules.md.";

pub(super) const CERTIFICATES: &str = "\
Examples:
  mainstay certificates                       names, issuer, expiry, next renewal
  mainstay certificates renew www.example.org
  mainstay certificates --server /var/lib/mainstay

Where they come from stands under `tls` in server.yaml: docs/tls.md.";

pub(super) const INSTALL: &str = "\
Examples:
  mainstay install --dry-run          the unit, and what would be run
  sudo mainstay install --now         for /var/lib/mainstay, as the user mainstay
  sudo mainstay install --user deploy --directory /srv/mainstay

Instances and proxy live on when the service is stopped or restarted; `mainstay down` ends them.";

pub(super) const UNINSTALL: &str = "\
Examples:
  mainstay uninstall --dry-run
  sudo mainstay uninstall";

pub(super) const COMPLETIONS: &str = "\
Examples:
  mainstay completions bash > ~/.local/share/bash-completion/completions/mainstay
  mainstay completions zsh > \"${fpath[1]}/_mainstay\"
  mainstay completions fish > ~/.config/fish/completions/mainstay.fish";

pub(super) const ALERTS: &str = "\
Examples:
  mainstay alerts                                   what fires and what is pending
  mainstay alerts why ServiceDown                   from the rule to the receiver, with every reason
  mainstay alerts why ServiceDown service=api --at 2026-11-27T03:00:00Z
  mainstay alerts ack ServiceDown --comment \"on it\"
  mainstay alerts mute DiskAlmostFull instance=web-1  quiet until it is over
  mainstay alerts test critical                     whether the receiver is told
  mainstay alerts list --check                      for scripts: exit code 1 where something fires

Who is told stands under `alerts` in server.yaml: docs/alerts.md.";

pub(super) const SILENCE: &str = "\
Examples:
  mainstay silence add alertname=DiskAlmostFull --for 2h --comment \"disk is being replaced\"
  mainstay silence add 'service=~\"web|api\"' environment=staging --for 30m --comment load-test
  mainstay silence add service=reports --weekly \"sun 02:00-04:00\" --zone Europe/Berlin --comment backup
  mainstay silence list
  mainstay silence expire 0199c

amtool works as well: --alertmanager.url=http://HOST:9900/alertmanager.";

pub(super) const ALERTMANAGER: &str = "\
Examples:
  mainstay alertmanager --config.file=alertmanager.yml --storage.path=/var/lib/alerts
  mainstay alertmanager --config.file=alertmanager.yml --check
  kill -HUP PID                    reads the configuration again

Nobody is asked for a token, as Alertmanager asks for none. A server of Mainstay has all of it at
/alertmanager, with tokens.";

pub(super) const ON_CALL: &str = "\
Examples:
  mainstay oncall
  mainstay oncall --at 2026-12-24T20:00:00Z

Rotas stand under `alerts.rotas` in server.yaml, and who is told next under `alerts.escalations`:
docs/alerting.md.";

pub(super) const BACKUP: &str = "\
Examples:
  mainstay backup                            what is backed up, and every restore point
  mainstay backup create --name before-the-party
  mainstay backup drill                      restore the newest where it harms nobody, and compare
  mainstay backup list --check               for a monitor: exit code 1 where nothing is proven
  mainstay backup prune --dry-run
  mainstay backup key export > key           keep it apart from the repository";

pub(super) const RESTORE: &str = "\
Examples:
  mainstay restore --latest
  mainstay restore --date 2026-11-20
  mainstay restore --to \"2026-11-20 14:03:00 UTC\"
  mainstay restore --latest --only database --table public.orders
  mainstay restore --latest --only database --beside shop_of_yesterday

What is there now is saved first, and comes back by itself where the restore fails.";

pub(super) const RECOVER: &str = "\
Examples:
  mainstay recover new-place --from /mnt/backups/shop --key-file key
  mainstay recover --from s3:https://s3.eu-central-1.amazonaws.com/backups/shop --latest
  mainstay recover --from /mnt/backups/shop --point 2026-11-20T020000 --as dr
  mainstay recover --from /mnt/backups/shop --to \"2026-11-20 14:03:00 UTC\" --as dr

The credentials of S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the key from
MAINSTAY_BACKUP_KEY where no file is named.";
