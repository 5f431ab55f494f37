//! Who logs in where, and how a client program of the place is started with that.

use crate::command::{self, words};
use crate::database::Failure;
use crate::place::Place;
use mainstay_model::Secret;
use std::fmt::Write as _;
use std::time::Duration;

/// For a question that reads catalogues only.
pub(crate) const QUICK: Duration = Duration::from_secs(60);

/// Reads the password as the first line of its input, or takes it from what the official image is configured
/// with, and becomes the program. Debian keeps what a user does not start off the `PATH`.
const WRAPPER: &str = r#"IFS= read -r given || exit 1
if [ -z "$given" ] && [ -z "$PGPASSWORD" ]; then
  given=$POSTGRES_PASSWORD
  if [ -z "$given" ] && [ -r "$POSTGRES_PASSWORD_FILE" ]; then
    IFS= read -r given <"$POSTGRES_PASSWORD_FILE" || :
  fi
fi
if [ -n "$given" ]; then PGPASSWORD=$given; export PGPASSWORD; fi
unset given
PGCONNECT_TIMEOUT=20 PGAPPNAME=mainstay
export PGCONNECT_TIMEOUT PGAPPNAME
found=
for bin in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
  if [ -d "$bin" ]; then found=$bin:$found; fi
done
PATH=$PATH:$found
export PATH
exec "$@""#;

/// How a database is logged in to.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub database: String,
    /// `None`: what the place's `PGPASSWORD`, `POSTGRES_PASSWORD` or `POSTGRES_PASSWORD_FILE` says, or none.
    pub password: Option<Secret<String>>,
    /// A host name, or the directory of a socket. `None`: the local socket, then 127.0.0.1.
    pub host: Option<String>,
    pub port: u16,
}

/// A server that answered.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) login: Login,
    host: Option<String>,
    /// As `server_version_num` has it: 150014.
    pub(crate) version: u32,
}

impl Client {
    /// Finds the way to the server, over `database`.
    ///
    /// # Errors
    /// No way answers; the message holds what each said.
    pub(crate) async fn open(
        place: &dyn Place,
        login: &Login,
        database: &str,
    ) -> Result<Self, Failure> {
        let password = login.password.as_ref().map(Secret::expose);
        if password.is_some_and(|password| password.contains('\n')) {
            return Err(Failure::new("the password holds a line break"));
        }
        let ways = match &login.host {
            Some(host) => vec![Some(host.clone())],
            None => vec![None, Some("127.0.0.1".to_owned())],
        };
        let mut said = String::new();
        for host in ways {
            let mut client = Self {
                login: login.clone(),
                host,
                version: 0,
            };
            let sql = "SELECT current_setting('server_version_num');";
            match client.psql(place, database, sql, QUICK).await {
                Ok(version) => {
                    let number = version.trim().parse();
                    client.version = number.map_err(|_| {
                        Failure::new(format!("`{}` is no version of PostgreSQL", version.trim()))
                    })?;
                    return Ok(client);
                }
                Err(failure) => {
                    let way = client.host.as_deref().unwrap_or("the local socket");
                    let _ = write!(said, "; over {way}: {failure}");
                }
            }
        }
        Err(Failure::new(format!("no log-in to PostgreSQL{said}"))
            .hint("check user, password and database of the service, and whether it runs"))
    }

    /// As [`Self::open`], over a database that every server has and that is not `other`.
    pub(crate) async fn maintenance(
        place: &dyn Place,
        login: &Login,
        other: &str,
    ) -> Result<(Self, &'static str), Failure> {
        let mut last = None;
        for database in ["postgres", "template1"] {
            if database == other {
                continue;
            }
            match Self::open(place, login, database).await {
                Ok(client) => return Ok((client, database)),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new("no database to work from")))
    }

    /// `program` with the log-in before `arguments`. Its input begins with [`Self::head`].
    pub(crate) fn words(&self, program: &str, database: &str, arguments: &[String]) -> Vec<String> {
        let mut all = words(["sh", "-c", WRAPPER, "mainstay", program]);
        all.extend(["--no-password".to_owned(), "--username".to_owned()]);
        all.push(self.login.user.clone());
        all.extend(["--port".to_owned(), self.login.port.to_string()]);
        if let Some(host) = &self.host {
            all.extend(["--host".to_owned(), host.clone()]);
        }
        all.push(format!("--dbname={}", connection(database)));
        all.extend_from_slice(arguments);
        all
    }

    /// `psql` that reads SQL from its input and stops at the first error.
    pub(crate) fn psql_words(&self, database: &str) -> Vec<String> {
        let arguments = [
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set=ON_ERROR_STOP=1",
        ];
        self.words("psql", database, &arguments.map(str::to_owned))
    }

    /// The first line of a program's input. [`Self::open`] refused a password of more lines.
    pub(crate) fn head(&self) -> Vec<u8> {
        let password = self.login.password.as_ref().map(Secret::expose);
        let mut line = password.map_or_else(Vec::new, |password| password.clone().into_bytes());
        line.push(b'\n');
        line
    }

    /// Runs SQL, and answers what it printed.
    pub(crate) async fn psql(
        &self,
        place: &dyn Place,
        database: &str,
        sql: &str,
        limit: Duration,
    ) -> Result<String, Failure> {
        let mut input = self.head();
        input.extend_from_slice(sql.as_bytes());
        let words = self.psql_words(database);
        let answer = command::run(place, "psql", &words, &input, limit).await?;
        String::from_utf8(answer).map_err(|_| Failure::new("psql wrote what is no UTF-8"))
    }
}

/// The start of a script: a command of the place in the environment of [`WRAPPER`], without a log-in.
pub(crate) fn wrapped(program: &[&str]) -> Vec<String> {
    let mut all = words(["sh", "-c", WRAPPER, "mainstay"]);
    all.extend(program.iter().map(|word| (*word).to_owned()));
    all
}

/// The same command in sessions that cannot write, and whose statements end after `limit`.
pub(crate) fn read_only(mut words: Vec<String>, limit: Duration) -> Vec<String> {
    let options = format!(
        "PGOPTIONS=-c default_transaction_read_only=on -c statement_timeout={}s",
        limit.as_secs()
    );
    // After `sh -c WRAPPER mainstay`.
    words.splice(4..4, ["env".to_owned(), options]);
    words
}

/// A connection string, so that a name that looks like one is a name
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).
fn connection(database: &str) -> String {
    let escaped = database.replace('\\', r"\\").replace('\'', r"\'");
    format!("dbname='{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_holds_the_password() {
        let client = Client {
            login: Login {
                user: "app".to_owned(),
                database: "it's".to_owned(),
                password: Some(Secret::new("hunter2".to_owned())),
                host: None,
                port: 5432,
            },
            host: None,
            version: 0,
        };
        let words = client.psql_words("it's host=elsewhere");
        assert!(!words.iter().any(|word| word.contains("hunter2")));
        assert!(words.contains(&r"--dbname=dbname='it\'s host=elsewhere'".to_owned()));
        assert_eq!(client.head(), b"hunter2\n");
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
