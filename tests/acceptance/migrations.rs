//! Migrations: once for each release, before anything is replaced; no way back over a schema that
//! forbids it. On a real SQLite and on a real PostgreSQL.

use crate::postgres::Postgres;
use crate::site::{QUICK, Site, compose};
use std::process::Stdio;

/// What a project's own migration tool does, in a few lines.
const SCRIPT: &str = r#"
sql() {
    if [ -n "$PG_URL" ]; then psql "$PG_URL" -qtAX -v ON_ERROR_STOP=1 -c "$1"
    else sqlite3 schema.db "$1"; fi
}
current() { sql "select coalesce(max(n), 0) from revisions"; }
sql "create table if not exists revisions (n integer)" 2>/dev/null
case $1 in
current) current ;;
up)
    echo "$MAINSTAY_RELEASE" >> runs.log
    while [ "$(current)" -lt "$WANT" ]; do
        n=$(($(current) + 1)); sql "insert into revisions values ($n)"; echo "up to $n"
    done
    sleep "${SLOW:-0}"
    [ -z "$BROKEN" ] || { echo "no such column" >&2; exit 3; } ;;
down) sql "delete from revisions where n > $MAINSTAY_SCHEMA_TO" ;;
esac
"#;

fn site(url: &str) -> Site {
    let site = Site::sample();
    site.write("migrate.sh", SCRIPT);
    let variables = format!("      WANT: \"1\"\n      PG_URL: \"{url}\"\n");
    site.write("compose.yaml", &compose(1, &variables));
    let migrations = "  migrations:
    service: app
    command: sh migrate.sh up
    downgrade: sh migrate.sh down
    revision: sh migrate.sh current
";
    site.write("mainstay.yaml", &format!("{QUICK}{migrations}"));
    site.up();
    site
}

fn through_a_schema(site: &Site) {
    let schema = |release: &str| {
        let detail = site.json(&["releases", "show", release]);
        let schema = &detail["record"]["schema"];
        let word = |key: &str| schema[key].as_str().unwrap_or("?").to_owned();
        format!("{} → {}", word("before"), word("after"))
    };
    assert_eq!(schema("1"), "0 → 1");
    site.deploy("rolling", &["WANT=2"]).with_code(0);
    assert_eq!(schema("2"), "1 → 2");

    // The way back is shut, opens with a downgrade, and is an incident.
    site.run(&["rollback"])
        .with_code(1)
        .says("the schema is at 2 since r2, and r1 ran with 1")
        .says("--downgrade");
    assert_eq!(site.release(), 2);
    site.ok(&["rollback", "--downgrade", "--reason", "orders are slow"]);
    assert_eq!(site.release(), 1);
    let events = site.events().join("\n");
    assert!(
        events.contains("incident.rollback") && events.contains("orders are slow"),
        "{events}"
    );

    // A migration that fails leaves the instances alone, and what it did to the schema is told.
    let before = site.running_instances();
    site.deploy("rolling", &["WANT=3", "BROKEN=yes"])
        .with_code(1)
        .says("migration")
        .says("from 1 to 3");
    assert_eq!(site.running_instances(), before);
    assert_eq!((site.release(), schema("3").as_str()), (1, "1 → 3"));
    site.run(&["doctor"]).with_code(1).says("schema");
    site.run(&["rollback", "2"])
        .with_code(1)
        .says("the schema is at 3");
    site.ok(&["rollback", "2", "--force"]);
    assert_eq!(site.release(), 2);
}

#[test]
fn a_schema_in_sqlite_goes_up_and_down_with_its_releases() {
    if !crate::postgres::found("sqlite3", "sqlite3", "a_schema_in_sqlite_goes_up_and_down") {
        return;
    }
    through_a_schema(&site(""));
}

#[test]
fn a_schema_in_postgresql_goes_up_and_down_with_its_releases() {
    let Some(postgres) = Postgres::start("a_schema_in_postgresql_goes_up_and_down") else {
        return;
    };
    through_a_schema(&site(&postgres.url()));
}

/// The control plane dies in the middle of a migration: it runs on, and is not run twice.
#[test]
fn a_migration_outlives_the_control_plane_and_runs_once() {
    if !crate::postgres::found(
        "sqlite3",
        "sqlite3",
        "a_migration_outlives_the_control_plane",
    ) {
        return;
    }
    let site = site("");
    let mut command = site.command(&["deploy", "--set", "app.environment.WANT=2"]);
    command.args(["--set", "app.environment.SLOW=3"]);
    let mut deploy = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.eventually("the migration runs", || {
        let running = site.running_instances();
        running.iter().any(|name| name.contains("app.migrate-r2-2"))
    });
    site.kill_server();
    site.start_server();
    assert!(deploy.wait().unwrap().success(), "{}", site.story());
    assert_eq!(site.release(), 2);
    let runs = std::fs::read_to_string(site.path().join("runs.log")).unwrap();
    assert_eq!(runs, "r1\nr2\n");
}
