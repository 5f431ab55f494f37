//! A dump back into a server: into a database beside, and then in place of the old one by renaming both.
//!
//! **Invariant:** the old database is untouched until the archive was read to its end and `pg_restore` ended
//! well. It is swapped in one transaction, and is there until the load is settled.

use super::Postgres;
use super::globals::{self, Globals, Settings};
use super::login::{Client, QUICK};
use super::sql::{beside as name_beside, identifier, literal};
use crate::command::inflow;
use crate::database::{Failure, Undo};
use crate::place::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::io::AsyncRead;

type Data<'a> = &'a mut (dyn AsyncRead + Send + Unpin);

/// For `CREATE DATABASE`, `DROP DATABASE` and a swap.
pub(crate) const CHANGE: Duration = Duration::from_secs(10 * 60);

/// A connection to a database that is not the one that is replaced.
pub(crate) struct Desk<'a> {
    place: &'a dyn Place,
    pub(crate) client: Client,
    from: &'static str,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(
        postgres: &Postgres,
        place: &'a dyn Place,
        database: &str,
    ) -> Result<Self, Failure> {
        let (client, from) = Client::maintenance(place, &postgres.login, database).await?;
        Ok(Self {
            place,
            client,
            from,
        })
    }

    pub(crate) async fn run(&self, sql: &str) -> Result<String, Failure> {
        self.client.psql(self.place, self.from, sql, CHANGE).await
    }

    /// The number of a database, which it keeps under another name.
    pub(crate) async fn oid(&self, database: &str) -> Result<Option<String>, Failure> {
        let name = literal(database);
        let sql = format!("SELECT oid FROM pg_database WHERE datname = {name};");
        let oid = self.run(&sql).await?;
        Ok(Some(oid.trim().to_owned()).filter(|oid| !oid.is_empty()))
    }

    pub(crate) async fn drop_database(&self, name: &str) -> Result<(), Failure> {
        let quoted = identifier(name);
        let sql = format!("{}DROP DATABASE IF EXISTS {quoted};", end_sessions(name));
        self.run(&sql).await.map(drop)
    }

    async fn globals(&self, database: &str) -> Result<Globals, Failure> {
        let query = globals::QUERY.replace("NAME", &literal(database));
        let text = self.client.psql(self.place, self.from, &query, QUICK).await;
        Globals::parse(text?.trim())
    }

    /// Creates `name` as the dump's database was, or else as `like` is; answers the roles that it made.
    pub(crate) async fn create(
        &self,
        postgres: &Postgres,
        name: &str,
        like: &str,
    ) -> Result<Vec<String>, Failure> {
        let here = self.globals(like).await?;
        let there = match postgres.details.get(globals::KEY) {
            Some(text) => Globals::parse(text)?,
            None => Globals::default(),
        };
        let existing: BTreeSet<String> = here.roles.iter().map(|role| role.name.clone()).collect();
        let (roles, made) = there.create_roles(&existing);
        if !roles.is_empty() {
            self.run(&format!("BEGIN;\n{roles}COMMIT;")).await?;
        }
        let settings: Option<Settings> = match there.database {
            Some(settings) => Some(settings.with_own_settings_of(here.database.as_ref())),
            None => here.database,
        };
        let create = settings.as_ref().map_or_else(
            || format!("CREATE DATABASE {} TEMPLATE template0;", identifier(name)),
            |settings| settings.create(name, self.client.version),
        );
        self.run(&create).await?;
        let decorate = settings.map_or_else(String::new, |settings| settings.decorate(name));
        let decorated = self.run(&format!("BEGIN;\n{decorate}COMMIT;")).await;
        if let Err(failure) = decorated {
            self.drop_database(name).await?;
            return Err(failure);
        }
        Ok(made)
    }

    /// Streams an archive into an empty database.
    pub(crate) async fn restore(&self, name: &str, data: Data<'_>) -> Result<(), Failure> {
        let arguments = ["--exit-on-error", "--single-transaction"].map(str::to_owned);
        let words = self.client.words("pg_restore", name, &arguments);
        let done = inflow(self.place, "pg_restore", &words, &self.client.head(), data).await;
        if let Err(failure) = done {
            // The failure that matters is the first.
            let _ = self.drop_database(name).await;
            return Err(failure);
        }
        Ok(())
    }

    /// `new` gets the name `name`, and what has it is called `old`; in one transaction, with nobody connected.
    async fn swap(&self, name: &str, new: &str, old: &str) -> Result<(), Failure> {
        let wanted = self.oid(new).await?;
        let (name_q, new_q, old_q) = (identifier(name), identifier(new), identifier(old));
        let sessions = end_sessions(name);
        // Whatever fails on the way, the last statement opens what has the name then.
        let sql = format!(
            "\\set ON_ERROR_STOP 0\n\
             ALTER DATABASE {name_q} ALLOW_CONNECTIONS false;\n\
             {sessions}\
             BEGIN;\n\
             ALTER DATABASE {name_q} RENAME TO {old_q};\n\
             ALTER DATABASE {new_q} RENAME TO {name_q};\n\
             ALTER DATABASE {name_q} ALLOW_CONNECTIONS true;\n\
             COMMIT;\n\
             \\echo :LAST_ERROR_MESSAGE\n\
             ALTER DATABASE {name_q} ALLOW_CONNECTIONS true;\n"
        );
        let said = self.run(&sql).await?;
        if wanted.is_some() && self.oid(name).await? == wanted {
            return Ok(());
        }
        let message = format!("{name} was not replaced: {}", said.trim());
        Err(Failure::new(message)
            .hint("stop the services that use the database, or log in as its owner"))
    }
}

/// Ends the sessions of a database until none is left, for 20 s.
fn end_sessions(database: &str) -> String {
    let name = literal(database);
    format!(
        "DO $mainstay$ BEGIN FOR i IN 1..200 LOOP\n\
         PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {name} AND pid <> pg_backend_pid();\n\
         PERFORM pg_stat_clear_snapshot();\n\
         EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = {name});\n\
         PERFORM pg_sleep(0.1); END LOOP; END $mainstay$;\n"
    )
}

pub(crate) async fn replace(
    postgres: &Postgres,
    place: &dyn Place,
    data: Data<'_>,
) -> Result<Undo, Failure> {
    let name = &postgres.login.database;
    let desk = Desk::open(postgres, place, name).await?;
    let new = name_beside(name, "new");
    desk.drop_database(&new).await?;
    let old_oid = desk.oid(name).await?;
    let made = desk.create(postgres, &new, name).await?;
    desk.restore(&new, data).await?;
    let new_oid = desk.oid(&new).await?;
    let mut kept = kept("replace", name, new_oid, &made);
    if let Some(oid) = old_oid {
        let old = name_beside(name, &format!("old_{oid}"));
        if let Err(failure) = desk.swap(name, &new, &old).await {
            let _ = desk.drop_database(&new).await;
            return Err(failure);
        }
        // Nobody writes into what an undo brings back.
        let closed = format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS false;",
            identifier(&old)
        );
        desk.run(&closed).await?;
        kept.insert("old".to_owned(), old);
    } else {
        let (new, name) = (identifier(&new), identifier(name));
        desk.run(&format!("ALTER DATABASE {new} RENAME TO {name};"))
            .await?;
    }
    Ok(Undo { kept })
}

pub(crate) async fn beside(
    postgres: &Postgres,
    place: &dyn Place,
    data: Data<'_>,
    name: &str,
) -> Result<Undo, Failure> {
    let desk = Desk::open(postgres, place, name).await?;
    if desk.oid(name).await?.is_some() {
        return Err(Failure::new(format!("a database {name} is there already"))
            .hint("give a name that is free"));
    }
    let made = desk
        .create(postgres, name, &postgres.login.database)
        .await?;
    desk.restore(name, data).await?;
    let oid = desk.oid(name).await?;
    Ok(Undo {
        kept: kept("beside", name, oid, &made),
    })
}

fn kept(
    kind: &str,
    database: &str,
    oid: Option<String>,
    roles: &[String],
) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::from([
        ("kind".to_owned(), kind.to_owned()),
        ("database".to_owned(), database.to_owned()),
    ]);
    if let Some(oid) = oid {
        kept.insert("oid".to_owned(), oid);
    }
    if !roles.is_empty() {
        let names = roles.join(", ");
        kept.insert(
            "roles-made".to_owned(),
            format!("{names} (without a password, and not able to log in)"),
        );
    }
    kept
}

pub(crate) async fn undo(
    postgres: &Postgres,
    place: &dyn Place,
    undo: &Undo,
) -> Result<(), Failure> {
    let name = database(undo)?;
    let desk = Desk::open(postgres, place, name).await?;
    let undone = name_beside(name, "undone");
    if let Some(old) = undo.kept.get("old") {
        if desk.oid(old).await?.is_some() {
            desk.drop_database(&undone).await?;
            if desk.oid(name).await?.is_some() {
                desk.swap(name, old, &undone).await?;
            } else {
                let (old, name) = (identifier(old), identifier(name));
                let sql = format!(
                    "BEGIN; ALTER DATABASE {old} RENAME TO {name}; ALTER DATABASE {name} ALLOW_CONNECTIONS true; COMMIT;"
                );
                desk.run(&sql).await?;
            }
        }
        return desk.drop_database(&undone).await;
    }
    // Only what the load made, not what has its name since.
    let oid = desk.oid(name).await?;
    if oid.is_some() && oid == undo.kept.get("oid").cloned() {
        desk.drop_database(name).await?;
    }
    Ok(())
}

pub(crate) async fn settle(
    postgres: &Postgres,
    place: &dyn Place,
    undo: &Undo,
) -> Result<(), Failure> {
    let name = database(undo)?;
    let Some(old) = undo.kept.get("old") else {
        return Ok(());
    };
    let desk = Desk::open(postgres, place, name).await?;
    desk.drop_database(old).await
}

pub(crate) fn database(undo: &Undo) -> Result<&String, Failure> {
    let database = undo.kept.get("database");
    database.ok_or_else(|| Failure::new("what is to be undone names no database"))
}
