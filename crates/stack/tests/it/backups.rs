//! What is backed up without a word, and what cannot work.

mod restore;

use mainstay_stack::{
    BackupWhat, Backups, BeforeDeploy, MemoryLoader, RepositoryAt, Request, Resolution,
    SourceFound, SourceKind, resolve,
};
use std::time::Duration;

/// A stack of containers in production.
fn resolution(compose: &str, backups: &str) -> Resolution {
    in_environment(compose, backups, "production")
}

fn in_environment(compose: &str, backups: &str, environment: &str) -> Resolution {
    let mainstay = format!("environments: {{production: {{}}, staging: {{}}}}\n{backups}");
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", compose)
        .with("/shop/mainstay.yaml", mainstay);
    let request = Request {
        directory: "/shop".into(),
        environment: Some(environment.to_owned()),
        ..Request::default()
    };
    resolve(&files, &request)
}

fn backups(compose: &str, section: &str) -> Backups {
    let resolution = resolution(compose, section);
    let problems = resolution.problems.to_string();
    resolution
        .stack
        .unwrap_or_else(|| panic!("{problems}"))
        .backups
}

/// What is said about backups, with where it stands.
fn said(compose: &str, section: &str) -> Vec<String> {
    let resolution = resolution(compose, section);
    let problems = resolution.problems.iter();
    let own = problems.filter(|one| {
        one.code.starts_with("backups/")
            || one
                .place
                .as_ref()
                .is_some_and(|place| place.file == "mainstay.yaml")
    });
    own.map(|problem| format!("[{}] {problem}", problem.code))
        .collect()
}

fn names(backups: &Backups) -> Vec<String> {
    let sources = backups.sources.iter();
    sources
        .map(|(name, source)| format!("{name}: {}", source.kind.word()))
        .collect()
}

const SHOP: &str = "
services:
  app:
    image: shop
    environment: {DATABASE_URL: 'postgresql://shop@db:5432/shop', REDIS_URL: 'redis://cache:6379', UPLOADS: /srv/uploads}
    volumes: ['uploads:/srv/uploads', './models:/models', './app.conf:/etc/app.conf:ro']
  db:
    image: timescale/timescaledb:2-pg16
    environment: {POSTGRES_USER: shop, POSTGRES_DB: orders}
    volumes: ['db:/var/lib/postgresql/data']
  people:
    image: mariadb:11
    environment: {MARIADB_DATABASE: people, MARIADB_ROOT_PASSWORD_FILE: /run/p}
    volumes: ['people:/var/lib/mysql']
  cache: {image: 'valkey/valkey:8', volumes: ['cache:/data']}
  forgetful: {image: 'redis:7'}
volumes: {uploads: {}, db: {}, people: {}, cache: {}, nobody: {}}
";

#[test]
fn a_stack_without_the_section_has_its_databases_volumes_and_directories_backed_up() {
    let backups = backups(SHOP, "");
    assert!(backups.enabled);
    assert_eq!(
        names(&backups),
        [
            "cache: redis",
            "db: postgresql",
            "models: directory",
            "people: mysql",
            "uploads: volume",
        ]
    );
    let SourceKind::Postgresql(db) = &backups.sources["db"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(db.database.as_deref(), Some("orders"));
    assert_eq!(db.user.as_deref(), Some("shop"));
    let SourceKind::Mysql(people) = &backups.sources["people"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(people.user.as_deref(), Some("root"));
    let schedule = &backups.schedules["daily"];
    assert_eq!(schedule.when.cron(), "0 2 * * *");
    assert!(schedule.when.jitter() > Duration::ZERO);
    assert_eq!(schedule.what, BackupWhat::Full);
    let keep = (
        backups.keep.daily,
        backups.keep.weekly,
        backups.keep.monthly,
    );
    assert_eq!(keep, (7, 4, 12));
    assert_eq!(backups.drill.expect("a drill").when.cron(), "0 4 * * sun");
    assert_eq!(backups.before_deploy, BeforeDeploy::Always);
    assert_eq!(backups.repository.at, RepositoryAt::Server);
}

/// Copied as files while it runs, such a database could not be used again.
#[test]
fn a_database_in_an_image_of_ones_own_is_known_by_its_command_or_its_volume() {
    let compose = "
services:
  db: {image: 'registry.example.org/our/data:3', volumes: ['db:/var/lib/postgresql/data']}
  cache: {image: 'registry.example.org/our/cache:3', command: [redis-server, --save, '60'], volumes: ['cache:/data']}
volumes: {db: {}, cache: {}}
";
    let names = names(&backups(compose, ""));
    assert_eq!(names, ["cache: redis", "db: postgresql"]);
}

#[test]
fn development_has_none_and_an_environment_can_have_its_own() {
    let backups = |section: &str, environment: &str| {
        let resolution = in_environment(SHOP, section, environment);
        resolution.stack.expect("a stack").backups
    };
    let dev = backups("", "dev");
    assert!(!dev.enabled && dev.schedules.is_empty() && dev.drill.is_none());
    let on = backups("backups: {enabled: true}", "dev");
    assert!(on.schedules.contains_key("daily") && on.drill.is_some());
    assert_eq!(dev.before_deploy, BeforeDeploy::Never);
    assert_eq!(
        backups("", "staging").before_deploy,
        BeforeDeploy::Migrations
    );
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", SHOP)
        .with(
            "/shop/mainstay.yaml",
            "
environments:
  production:
    backups:
      repository: {s3: {bucket: b, access_key: a, secret_key: k}}
      schedules: {hourly: '0 * * * *'}
backups:
  repository: {directory: ../there, key: k}
  schedules: {weekly: '0 3 * * sun'}
secrets: {a: {variable: V}, k: {variable: V}}
",
        );
    let mut request = Request {
        directory: "/shop".into(),
        environment: Some("production".to_owned()),
        ..Request::default()
    };
    request.variables.insert("V".to_owned(), "value".to_owned());
    let resolution = resolve(&files, &request);
    let needed: Vec<&str> = (resolution.needed_secrets().iter())
        .map(|secret| secret.name.as_str())
        .collect();
    assert_eq!(needed, ["a", "k"], "a deploy brings them along");
    let stack = resolution.stack.expect("a stack");
    assert_eq!(stack.secrets.keys().collect::<Vec<_>>(), ["a", "k"]);
    let schedules: Vec<&String> = stack.backups.schedules.keys().collect();
    assert_eq!(schedules, ["hourly", "weekly"]);
    let RepositoryAt::S3(s3) = &stack.backups.repository.at else {
        panic!("{:?}", stack.backups.repository)
    };
    assert_eq!(s3.endpoint, "https://s3.us-east-1.amazonaws.com");
    assert!(!s3.path_style);
    assert_eq!(stack.backups.repository.key.as_deref(), Some("k"));
}

#[test]
fn where_nothing_is_backed_up_the_things_of_other_environments_may_be_named() {
    let section = "backups: {sources: {a: {postgresql: prod}, b: {volume: v}, c: {query: q}}, drill: {boot: app}}";
    let compose = "services: {dev: {image: d}}";
    let dev = in_environment(compose, section, "dev");
    assert!(dev.problems.is_empty(), "{}", dev.problems);
    assert!(dev.stack.expect("a stack").backups.sources.is_empty());
    let staging = in_environment(compose, section, "staging").problems;
    assert_eq!(staging.len(), 4, "{staging}");
}

#[test]
fn a_database_in_a_volume_is_copied_as_one_and_left_out_of_its_files() {
    const COMPOSE: &str = "
services:
  app: {image: a, working_dir: /app, environment: {DATABASE_PATH: ./data/app.db}, volumes: ['data:/app/data']}
  worker: {image: a, environment: {DATABASE_URL: 'sqlite:////srv/app.db'}, volumes: ['data:/srv']}
volumes: {data: {x-mainstay: {shared: true}}}
";
    let backups = backups(COMPOSE, "");
    assert_eq!(names(&backups), ["app: sqlite", "data: volume"], "once");
    let SourceKind::Volume(data) = &backups.sources["data"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(
        data.files.exclude,
        ["app.db", "app.db-wal", "app.db-shm", "app.db-journal"]
    );
}

#[test]
fn a_process_has_its_paths_from_the_stacks_directory_and_nothing_mounted() {
    const COMPOSE: &str = "
services:
  app:
    x-mainstay: {command: bin/app}
    environment: {DATABASE_PATH: ./data/app.db, UPLOAD_DIR: data, MODEL_PATH: /srv/models, DATA_URL: 'http://h/'}
    volumes: ['data:/app/data', './other:/other']
  db: {x-mainstay: {command: postgres -D pg}}
  cache: {x-mainstay: {command: \"redis-server --save ''\"}}
volumes: {data: {x-mainstay: {shared: true}}}
";
    let backups = backups(COMPOSE, "");
    assert_eq!(
        names(&backups),
        [
            "app: sqlite",
            "data: directory",
            "db: postgresql",
            "models: directory"
        ]
    );
    let SourceKind::Sqlite(app) = &backups.sources["app"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(app.path, "/shop/data/app.db");
    let SourceKind::Directory(data) = &backups.sources["data"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(data.path.display().to_string(), "/shop/data");
    assert_eq!(data.files.exclude[0], "app.db");
}

#[test]
fn what_is_written_says_more_about_what_was_found_or_takes_its_place() {
    let backups = backups(
        SHOP,
        "
backups:
  sources:
    cache: {enabled: false}
    db: {query: select 1, minimum: 1m}
    recordings: {volume: {volume: uploads, exclude: 'tmp/**'}}
    crm: {mysql: {service: people, database: crm}}
    state: {command: {dump: terraform state pull, restore: [sh, -c, cat]}}
  schedules:
    often: {cron: '@hourly', what: [postgresql, crm]}
",
    );
    assert_eq!(
        names(&backups),
        [
            "cache: redis",
            "crm: mysql",
            "db: postgresql",
            "models: directory",
            "recordings: volume",
            "state: command",
        ]
    );
    assert!(!backups.sources["cache"].enabled);
    assert_eq!(backups.sources["db"].found, SourceFound::Engine);
    assert_eq!(backups.sources["db"].minimum.0, 1 << 20);
    let what = &backups.schedules["often"].what;
    assert!(what.has("db") && what.has("crm") && !what.has("recordings"));
    let SourceKind::Volume(recordings) = &backups.sources["recordings"].kind else {
        panic!("{backups:?}")
    };
    assert_eq!(
        recordings
            .files
            .service
            .as_ref()
            .map(mainstay_model::ServiceName::as_str),
        Some("app")
    );
}

#[test]
fn an_objective_that_the_schedule_cannot_keep_is_refused_with_the_way_out() {
    let section = |rpo: &str, more: &str| {
        format!(
            "backups:\n  objectives: {{rpo: {rpo}}}\n  schedules: {{s: {{cron: '0 */6 * * *', jitter: 10m}}}}\n{more}"
        )
    };
    let db = "services: {db: {image: 'postgres:16'}}";
    assert_eq!(
        said(db, &section("1h", "")),
        [
            "[backups/recovery-point] error: mainstay.yaml:3:16: an `rpo` of 1h cannot be kept: of `db` up to 6h10m is lost\n  \
             hint: receive its log, `wal: true`, and no more than a minute is lost; or back it up every 1h or more often"
        ]
    );
    let wal = "  sources: {db: {postgresql: {service: db, wal: true}}}\n";
    assert_eq!(said(db, &section("1h", wal)), [""; 0]);
    assert_eq!(said(db, &section("7h", "")), [""; 0]);
    let tight = said(db, &section("6h10m", ""));
    assert!(
        tight[0].contains("leaves no time for a copy of `db`"),
        "{tight:?}"
    );
    let files = "services: {a: {image: a, volumes: ['v:/v']}}\nvolumes: {v: {}}";
    let files = said(files, &section("1h", ""));
    assert!(
        files[0].contains("warning") && files[0].contains("databases only: of `v` up to 6h10m"),
        "{files:?}"
    );
}

#[test]
fn the_dump_of_a_database_that_nobody_uses_is_refused() {
    const COMPOSE: &str = "
services:
  backend: {image: b, working_dir: /app, environment: {DATABASE_PATH: ./data/app.db}, volumes: ['data:/app/data']}
  postgres: {image: 'postgres:15', environment: {POSTGRES_USER: u}}
volumes: {data: {}}
";
    let written = "backups: {sources: {main: {postgresql: postgres}}}";
    let problems = said(COMPOSE, written);
    assert_eq!(
        problems,
        [
            "[backups/wrong-database] error: mainstay.yaml:2:21: `main` backs up `postgres`, which no service uses: `backend` uses SQLite at `/app/data/app.db`\n  \
             hint: what is used was found by itself (`app`): take this out"
        ]
    );
    let dump = "backups: {sources: {main: {command: {dump: 'docker exec pg pg_dump -U u'}}}}";
    let compose = COMPOSE.replace(
        "  postgres: {image: 'postgres:15', environment: {POSTGRES_USER: u}}\n",
        "",
    );
    assert!(said(&compose, dump)[0].contains("a PostgreSQL, which no service uses"));
    // Named by a host, by a port of this machine, or by an address that is not known yet.
    for user in [
        "environment: {PGHOST: postgres}",
        "environment: {URL: 'postgres://u@postgres/db'}",
        "x-mainstay: {secrets: {DATABASE_URL: url}}",
    ] {
        let compose = format!("{COMPOSE}secrets: {{url: {{file: u}}}}\n").replace(
            "  postgres:",
            &format!("  other: {{image: o, {user}}}\n  postgres:"),
        );
        assert_eq!(said(&compose, written), [""; 0], "{user}");
    }
    // What waits for it may have its address within.
    let waits = COMPOSE.replace(
        "volumes: ['data:/app/data']",
        "volumes: ['data:/app/data'], depends_on: [postgres]",
    );
    assert!(said(&waits, written)[0].contains("warning"));
}

#[test]
fn what_would_share_the_fate_of_what_it_copies_is_refused() {
    let problems = said(
        "services: {a: {image: a}}",
        "
backups:
  repository: /srv/backups
  copies:
    same: {repository: /srv/backups/copy}
    other: {repository: /mnt/other}
  sources:
    all: {directory: /srv}
    spared: {directory: {path: /, exclude: [srv, 'mnt/**']}}
",
    );
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(
        problems[0].contains("6:12: copy `same` is in the same place as the repository"),
        "{problems:#?}"
    );
    assert!(
        problems[1].contains("9:11: `all` would back up the repository"),
        "{problems:#?}"
    );
    assert!(
        problems[1].contains("`exclude: backups/**`"),
        "{problems:#?}"
    );
    assert!(
        problems[2].contains("`all` would back up copy `same`"),
        "{problems:#?}"
    );
}

/// Told in time, whatever a file says.
#[test]
fn very_many_things_are_refused_and_not_counted_forever() {
    let services = (0..1500).map(|number| format!("  s{number}: {{image: postgres}}\n"));
    let compose = format!("services:\n{}", services.collect::<String>());
    let problems = said(&compose, "backups: {sources: {main: {directory: /a}}}").join("\n");
    assert!(
        problems.contains("more than 500 things to back up"),
        "{problems}"
    );
    let names: Vec<String> = (0..60)
        .map(|number| format!("s{number}: '@daily'"))
        .collect();
    let section = format!("backups: {{schedules: {{{}}}}}", names.join(", "));
    let problems = said("services: {a: {image: a}}", &section).join("\n");
    assert!(problems.contains("more than 50 schedules"), "{problems}");
}

#[test]
fn a_secret_in_a_command_is_not_shown() {
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", "services: {a: {image: a, environment: {K: '${TOKEN}'}}}")
        .with(
            "/shop/mainstay.yaml",
            "backups: {sources: {s: {command: {dump: 'get ${TOKEN}', restore: 'put ${TOKEN}'}}, d: {directory: {path: /d, before: 'stop ${TOKEN}'}}}}",
        );
    let mut request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    request
        .variables
        .insert("TOKEN".to_owned(), "hunter2-hunter2".to_owned());
    let stack = resolve(&files, &request).stack.expect("a stack");
    let shown = serde_json::to_string(&stack.redacted()).expect("JSON");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let problems = said(
        SHOP,
        "
backups:
  repository: {key: kee, compression: 99}
  keep: {daily: 0}
  schedules:
    never: '0 0 30 2 *'
    there: {cron: '0 2 * * *', zone: Europe/Bonn}
    late: {cron: '0 * * * *', jitter: 2h}
    wrong: {cron: daily, what: [bd]}
  drill: {boot: ap}
  sources:
    x: {postgresql: cache}
    y: {volume: uploadz}
    z: {postgresql: dbb}
    files: {volume: db}
    journal: {directory: /j}
    cach: {enabled: false}
    two: {directory: /a, sqlite: b.db}
    asked: {directory: /a, query: select 1}
secrets: {key: {}}
",
    );
    for expected in [
        "4:21: mainstay.yaml does not say where the secret `kee` comes from\n  hint: did you mean `key`?",
        "4:39: `compression` is no level of zstd",
        "5:9: `keep` keeps nothing",
        "7:12: `0 0 30 2 *` never fires",
        "9:31: `jitter` of 2h is longer than the 1h between two runs",
        "8:32: no time zone `Europe/Bonn`",
        "10:13: `daily` is not a cron expression",
        "10:26: no source `bd`\n  hint: did you mean `db`?",
        "11:17: no service `ap`\n  hint: did you mean `app`?",
        "13:21: `cache` is Redis, not PostgreSQL\n  hint: write `redis: cache`",
        "14:17: no volume `uploadz`\n  hint: did you mean `uploads`?",
        "15:21: no service `dbb`\n  hint: did you mean `db`?",
        "16:13: `files` copies the files of PostgreSQL of `db` while it runs",
        "17:5: `journal` is a name of Mainstay's own",
        "18:5: source `cach` is of no kind\n  hint: did you mean `cache`, which was found?",
        "19:11: source `two` is of two kinds",
        "20:28: `asked` cannot be asked a query",
    ] {
        let found = problems
            .iter()
            .any(|one| one.contains(&format!("mainstay.yaml:{expected}")));
        assert!(found, "{expected}\n{problems:#?}");
    }
}

#[test]
fn what_deceives_is_warned_about() {
    let problems = said(
        "services: {a: {image: a, environment: {DATABASE_PATH: /app/x.db}}, m: {image: 'mongo:7', volumes: ['m:/data/db']}}\nvolumes: {m: {}}",
        "
backups:
  repository: {directory: /mnt/b, key: k}
  secrets: include
  keep: {last: 3}
  schedules: {often: '0 * * * *', none: {cron: '0 1 * * *', what: redis}}
secrets: {k: {from: file, path: /mnt/b/key}}
",
    );
    for expected in [
        "[backups/key-beside] warning: mainstay.yaml:4:35",
        "[backups/not-proven] warning: mainstay.yaml:6:3: restore points are kept for 3h, and a drill is made every 7d",
        "[backups/copies-nothing] warning: mainstay.yaml:7:61: schedule `none` copies nothing",
        "[backups/not-kept] warning: compose.yaml:1:12: `DATABASE_PATH` of `a` names `/app/x.db`",
        "[backups/running-database] warning: compose.yaml:1:68: `m` copies the files of mongo of `m` while it runs",
    ] {
        let found = problems.iter().any(|one| one.starts_with(expected));
        assert!(found, "{expected}\n{problems:#?}");
    }
}

/// Two of a process would work in the same files.
#[test]
fn a_boot_that_cannot_be_tried_is_warned_about() {
    let section = "backups: {sources: {files: {directory: /srv/files}}, drill: {boot: app}}\n";
    let of = |app: &str| {
        let said = said(&format!("services: {{app: {{image: shop{app}}}}}"), section);
        said.iter()
            .any(|one| one.starts_with("[backups/boot-not-supported] warning"))
    };
    assert!(of(", x-mainstay: {command: [bin/app]}"));
    assert!(!of(""), "an image alone runs on containers");
}
