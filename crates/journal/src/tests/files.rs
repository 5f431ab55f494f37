//! Opening: versions, backups, foreign files.

use super::{Place, event};
use crate::schema::{self, MIGRATIONS};
use crate::{Journal, JournalError};
use std::os::unix::fs::PermissionsExt as _;

fn error(place: &Place) -> String {
    match Journal::open(&place.path()) {
        Ok(_) => panic!("was opened"),
        Err(error) => error
            .to_string()
            .replace(&place.path().display().to_string(), "FILE"),
    }
}

#[test]
fn the_file_is_for_its_owner_only() {
    let place = Place::new();
    drop(place.with_events(1));
    let mode = std::fs::metadata(place.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_newer_major_is_refused_and_a_newer_minor_is_not() {
    let place = Place::new();
    drop(place.with_events(2));
    place.meddle("PRAGMA user_version = 2003");
    assert_eq!(
        error(&place),
        "the journal FILE has format 2.3, and this program knows 1.3; hint: run the newer program, or restore the backup beside the file"
    );
    place.meddle("PRAGMA user_version = 1007");
    let mut journal = place.open();
    assert_eq!(journal.append(&event(3)).unwrap(), 3);
}

#[test]
fn a_foreign_database_is_refused_and_left_alone() {
    let place = Place::new();
    place.meddle("CREATE TABLE mine (x)");
    let before = std::fs::read(place.path()).unwrap();
    assert_eq!(
        error(&place),
        "FILE is not a journal of Mainstay; hint: move it away and a new one is made"
    );
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[test]
fn something_that_is_no_database_is_refused() {
    let place = Place::new();
    std::fs::write(place.path(), "dear diary\n".repeat(100)).unwrap();
    let words = error(&place);
    assert!(words.contains("file is not a database"), "{words}");
}

#[test]
fn a_migration_backs_up_first() {
    let place = Place::new();
    let journal = place.with_events(5);
    let head = journal.head().clone();
    drop(journal);
    let mut migrations = MIGRATIONS.to_vec();
    migrations.push((1004, "ALTER TABLE rollouts ADD COLUMN colour TEXT"));
    migrations.push((2000, "CREATE TABLE more (x) STRICT; DROP TABLE idempotency"));
    // The syntax error of a STRICT column without a type: nothing of it is there afterwards.
    assert!(schema::open(&place.path(), &migrations).is_err());
    assert_eq!(place.open().verify().unwrap().head, head);

    migrations.pop();
    migrations.push((2000, "DROP TABLE idempotency"));
    let connection = schema::open(&place.path(), &migrations).unwrap();
    let journal = Journal::over(connection).unwrap();
    assert_eq!(journal.verify().unwrap().head, head);
    drop(journal);
    let newer = Journal::open(&place.path());
    assert!(matches!(newer, Err(JournalError::NewerFormat { .. })));

    let backup = schema::backup_path(&place.path(), 1003);
    assert!(backup.ends_with("journal.db.v1.3.bak"));
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let old = Journal::open(&backup).unwrap();
    assert_eq!(old.verify().unwrap().head, head);
}

/// A journal of the first version: its releases are read, with nothing in the new columns.
#[test]
fn a_journal_of_the_first_version_is_brought_up_to_date() {
    let place = Place::new();
    drop(schema::open(&place.path(), &MIGRATIONS[..1]).unwrap());
    place.meddle(
        "INSERT INTO releases VALUES ('shop', 'dev', 1, 5, 'ada', NULL, 'v1', NULL, '{}', '{}', '{}', 'current')",
    );
    let journal = place.open();
    let scope = "shop/dev";
    let (stack, environment) = scope.split_once('/').unwrap();
    let scope = mainstay_model::Scope {
        stack: stack.parse().unwrap(),
        environment: environment.parse().unwrap(),
    };
    let release = journal.rows().releases(&scope, 10).unwrap().remove(0);
    assert_eq!(release.tag.as_deref(), Some("v1"));
    assert_eq!(
        (release.record, release.verified_at),
        (serde_json::Value::Null, None)
    );
    assert!(schema::backup_path(&place.path(), 1000).exists());
}
