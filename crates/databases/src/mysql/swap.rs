//! Puts what was loaded in the place of what is there.
//!
//! Tables change their places in one statement, with the foreign keys between them. Views, triggers, routines
//! and events cannot be moved to another database: they are written down, removed, and made anew. What is
//! needed to go back is written down in the database that keeps the old tables *before* anything is touched.

use super::client::{execute, list, name, text};
use super::objects::{Objects, create, is_there};
use super::{Mysql, undo};
use crate::database::{Failure, Undo};
use crate::place::Place;
use std::fmt::Write as _;

/// The table that keeps what is needed to go back.
pub(super) const KEPT: &str = "mainstay_kept";

/// Exchanges all of the database, or only some tables.
pub(super) async fn swap(
    mysql: &Mysql,
    place: &dyn Place,
    loaded: &str,
    token: &str,
    only: Option<&[String]>,
) -> Result<Undo, Failure> {
    let here = &mysql.database;
    if !is_there(mysql, place, here).await? {
        create(mysql, place, here, loaded).await?;
    }
    let mut new = Objects::of(mysql, place, loaded).await?;
    let mut old = Objects::of(mysql, place, here).await?;
    if let Some(tables) = only {
        for table in tables {
            if !new.tables.contains(table) {
                return Err(Failure::new(format!("the copy has no table `{table}`")));
            }
        }
        apart(mysql, place, [here, loaded], tables).await?;
        new = new.only(tables);
        old = old.only(tables);
    }
    let making = new.definitions(mysql, place, loaded).await?;
    let kept = format!("mainstay_undo_{token}");
    keep(mysql, place, &kept, [&old, &new], only.is_none()).await?;
    let undo = undo::exchanged(here, &kept);
    let moved = exchange(mysql, place, [loaded, &kept], [&old, &new], &making).await;
    if let Err(failure) = moved {
        return match undo::undo(mysql, place, &undo).await {
            Ok(()) => Err(failure),
            Err(second) => Err(Failure::new(format!(
                "{}; and bringing back what was there: {}",
                failure.message, second.message
            ))
            .hint(format!("what was there is in the database `{kept}`"))),
        };
    }
    Ok(undo)
}

/// Writes down what is needed to go back: definitions, how many tables were there, which ones come.
async fn keep(
    mysql: &Mysql,
    place: &dyn Place,
    kept: &str,
    [old, new]: [&Objects; 2],
    whole: bool,
) -> Result<(), Failure> {
    let definitions = old.definitions(mysql, place, &mysql.database).await?;
    create(mysql, place, kept, &mysql.database).await?;
    let table = format!("{}.{}", name(kept), name(KEPT));
    let mut statements = format!(
        "CREATE TABLE {table} (n INT AUTO_INCREMENT PRIMARY KEY, kind VARCHAR(16) NOT NULL, what LONGBLOB NOT \
         NULL) ENGINE=InnoDB;\nSTART TRANSACTION;\n"
    );
    let mut row = |kind: &str, what: &[u8]| {
        let mut hex = String::with_capacity(2 * what.len());
        for byte in what {
            let _ = write!(hex, "{byte:02x}");
        }
        let _ = writeln!(
            statements,
            "INSERT INTO {table} (kind, what) VALUES ('{kind}', x'{hex}');"
        );
    };
    row("definitions", &definitions);
    row("here", mysql.database.as_bytes());
    if whole {
        row("whole", b"");
    }
    for old in &old.tables {
        row("old", old.as_bytes());
    }
    for new in &new.tables {
        row("new", new.as_bytes());
    }
    statements.push_str("COMMIT;");
    execute(mysql, place, None, &statements).await.map(|_| ())
}

/// Everything that touches the database: first what cannot be moved goes, then all tables at once.
async fn exchange(
    mysql: &Mysql,
    place: &dyn Place,
    [loaded, kept]: [&str; 2],
    [old, new]: [&Objects; 2],
    making: &[u8],
) -> Result<(), Failure> {
    let here = &mysql.database;
    let mut statements = new.drops(loaded);
    statements.push_str(&old.drops(here));
    let moves = moves(&old.tables, here, kept).chain(moves(&new.tables, loaded, here));
    statements.push_str(&rename(moves));
    statements.push_str(&String::from_utf8_lossy(making));
    execute(mysql, place, Some(here), &statements)
        .await
        .map(|_| ())
}

/// Each table from one database to another.
pub(super) fn moves<'a>(
    tables: &'a [String],
    from: &'a str,
    to: &'a str,
) -> impl Iterator<Item = String> + 'a {
    tables.iter().map(move |table| {
        let table = name(table);
        format!("{}.{table} TO {}.{table}", name(from), name(to))
    })
}

/// One statement for all of them.
pub(super) fn rename(moves: impl Iterator<Item = String>) -> String {
    let moves: Vec<String> = moves.collect();
    if moves.is_empty() {
        return String::new();
    }
    format!("RENAME TABLE {};\n", moves.join(", "))
}

/// Some tables can be brought back without the others only where no foreign key holds them together.
async fn apart(
    mysql: &Mysql,
    place: &dyn Place,
    schemas: [&str; 2],
    tables: &[String],
) -> Result<(), Failure> {
    for schema in schemas {
        // Judged here: MariaDB 10.11 finds none where more is asked of this view.
        let rest = format!(
            "FROM information_schema.key_column_usage WHERE table_schema = {}",
            text(schema)
        );
        let pair = "CONCAT_WS('\\n', table_name, referenced_table_schema, referenced_table_name)";
        for key in list(mysql, place, pair, &rest).await? {
            let parts: Vec<&str> = key.split('\n').collect();
            let [table, other_schema, other] = parts[..] else {
                continue;
            };
            let wanted = |name: &str| tables.iter().any(|table| table == name);
            if wanted(table) != (other_schema == schema && wanted(other)) {
                let text = format!("a foreign key holds `{table}` and `{other}` together");
                return Err(
                    Failure::new(text).hint("name both tables, or restore the whole database")
                );
            }
        }
    }
    Ok(())
}
