//! Statements and questions, by the client program of the place. They go over standard input.

use super::Mysql;
use crate::command::run;
use crate::database::Failure;
use crate::place::Place;
use std::fmt::Write as _;
use std::time::Duration;

/// `mariadb`, or `mysql`.
pub(super) const PROGRAMS: [&str; 2] = ["mariadb", "mysql"];

/// For statements that move no rows. A lock on a table may have to be waited for.
const SOON: Duration = Duration::from_secs(180);

/// Put before statements: a lock that is not given within this many seconds is a failure.
const PATIENT: &str = "SET SESSION lock_wait_timeout = 60;\n";

/// An identifier as a statement has it.
pub(super) fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as a statement has it, whatever the server makes of backslashes.
pub(super) fn text(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut out = String::from("_utf8mb4 0x");
    for byte in text.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Carries out statements, each only where the one before went well.
pub(super) async fn execute(
    mysql: &Mysql,
    place: &dyn Place,
    database: Option<&str>,
    statements: &str,
) -> Result<String, Failure> {
    let mut more = vec![
        "--batch",
        "--skip-column-names",
        "--raw",
        "--max-allowed-packet=1G",
    ];
    // Nothing in what is carried out can start a program.
    more.push("--binary-mode");
    let database = database.map(|database| format!("--database={database}"));
    more.extend(database.as_deref());
    let words = mysql.login.words(PROGRAMS, &more)?;
    let input = mysql
        .login
        .password
        .input(format!("{PATIENT}{statements}\n").as_bytes());
    let answer = run(place, "mysql", &words, &input, SOON)
        .await
        .map_err(hinted)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The rows of a question of which each has one text.
pub(super) async fn list(
    mysql: &Mysql,
    place: &dyn Place,
    expression: &str,
    rest: &str,
) -> Result<Vec<String>, Failure> {
    let question = format!("SELECT HEX({expression}) {rest};");
    let answer = execute(mysql, place, None, &question).await?;
    let unhex = |line: &str| {
        let bytes: Option<Vec<u8>> = line
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Failure::new("mysql: an answer that is not understood"))
    };
    answer.lines().map(unhex).collect()
}

/// The user's question; its first value as text.
pub(super) async fn ask(mysql: &Mysql, place: &dyn Place, query: &str) -> Result<String, Failure> {
    let query = query.trim().trim_end_matches(';');
    let question = format!("START TRANSACTION READ ONLY;\n{query};");
    let answer = execute(mysql, place, Some(&mysql.database), &question).await?;
    let first = answer.lines().next().unwrap_or_default();
    Ok(first.split('\t').next().unwrap_or_default().to_owned())
}

/// With what to do about it.
pub(super) fn hinted(failure: Failure) -> Failure {
    if failure.message.contains("Access denied") || failure.message.contains("privileges") {
        failure.hint(
            "give the user and password of an account that may do this, as a variable or a file of the service",
        )
    } else if failure.message.contains("not found") {
        failure.hint("the place must have `mariadb` and `mariadb-dump`, or `mysql` and `mysqldump`")
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::{name, text};

    #[test]
    fn nothing_ends_its_quotes() {
        assert_eq!(name("a`b"), "`a``b`");
        assert_eq!(text("a'b"), "_utf8mb4 0x612762");
        assert_eq!(text(""), "''");
    }
}
