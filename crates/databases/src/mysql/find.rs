//! What a service's own environment says of its database, as the official images of MariaDB and MySQL have it.

use super::{Mysql, MysqlAt, MysqlLogin};
use crate::command::{START, run, words};
use crate::database::Failure;
use crate::password::Password;
use crate::place::Place;
use mainstay_model::Secret;

/// Says the database, and who logs in with what: no secret.
const LOOK: &str = r#"printf '%s\n' "${MARIADB_DATABASE:-${MYSQL_DATABASE-}}"
R=${MARIADB_ROOT_PASSWORD-}${MARIADB_ROOT_PASSWORD_FILE-}${MYSQL_ROOT_PASSWORD-}${MYSQL_ROOT_PASSWORD_FILE-}
E=${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD-}${MYSQL_ALLOW_EMPTY_PASSWORD-}
U=${MARIADB_USER:-${MYSQL_USER-}}
if [ -n "$R$E" ] || [ -z "$U" ]; then echo root; else printf '%s\n' "$U"; fi"#;

impl Mysql {
    /// The database of a service. What is `None` is looked for in the environment of its place: the database, the
    /// user (root, where its password is known there), the password.
    ///
    /// # Errors
    /// Nothing says which database.
    pub async fn of_service(
        place: &dyn Place,
        at: MysqlAt,
        database: Option<String>,
        user: Option<String>,
        password: Option<Secret<String>>,
    ) -> Result<Self, Failure> {
        let look = words(["sh", "-c", LOOK]);
        let said = run(place, "looking for a database", &look, b"", START).await?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut lines = said.lines();
        let there = lines
            .next()
            .filter(|line| !line.is_empty())
            .map(str::to_owned);
        let who = lines.next().unwrap_or("root").to_owned();
        let Some(database) = database.or(there) else {
            return Err(Failure::new("nothing says which database is the service's")
                .hint("name it: `database:` of its source of backups"));
        };
        let user = user.unwrap_or(who);
        let password = match password {
            Some(secret) => Password::Given(secret),
            None => Password::Either(variables(&user)),
        };
        let login = MysqlLogin { at, user, password };
        Ok(Self { login, database })
    }
}

/// Where the password of a user stands.
fn variables(user: &str) -> Vec<String> {
    let names = match user {
        "root" => ["MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"],
        _ => ["MARIADB_PASSWORD", "MYSQL_PASSWORD"],
    };
    names.map(str::to_owned).into()
}
