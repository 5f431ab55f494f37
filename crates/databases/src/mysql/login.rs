//! Where a server of MySQL is, and how it is logged in to.

use crate::database::Failure;
use crate::password::Password;

/// Where the server is, seen from its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MysqlAt {
    /// Wherever the client programs of the place look for it by themselves.
    #[default]
    Usual,
    Port {
        host: String,
        port: u16,
    },
    /// The path of a socket.
    Socket(String),
}

/// What only one of the dump programs knows: positions in a log are of no use in another server.
const NO_POSITIONS: &str = r#"if "$C" --help 2>/dev/null | grep -q set-gtid-purged; then set -- --set-gtid-purged=OFF "$@"; fi
"#;

/// The variable is not seen by other users, and gone with the program.
const BECOME: &str = r#"[ -z "$P" ] || export MYSQL_PWD="$P"
unset P
exec "$C" "$@""#;

/// How it is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlLogin {
    pub at: MysqlAt,
    /// For a copy: `SELECT`, `SHOW VIEW`, `TRIGGER`, `EVENT` and what shows routines. To restore: all rights on the
    /// database and on `mainstay\_%`.
    pub user: String,
    pub password: Password,
}

impl MysqlLogin {
    /// Finds the program (`mariadb`, `mysql`; `mariadb-dump`, `mysqldump`) and becomes it.
    pub(super) fn words(&self, programs: [&str; 2], more: &[&str]) -> Result<Vec<String>, Failure> {
        let [first, second] = programs;
        let extra = if first.ends_with("-dump") {
            NO_POSITIONS
        } else {
            ""
        };
        let script =
            format!("C={first}; command -v $C >/dev/null 2>&1 || C={second}\n{extra}{BECOME}");
        let at = self.arguments();
        let arguments: Vec<&str> = at
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        self.password.shell(&script, &arguments)
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        match &self.at {
            MysqlAt::Usual => {}
            MysqlAt::Port { host, port } => {
                arguments.push("--protocol=tcp".to_owned());
                arguments.push(format!("--host={host}"));
                arguments.push(format!("--port={port}"));
            }
            MysqlAt::Socket(path) => arguments.push(format!("--socket={path}")),
        }
        arguments.push(format!("--user={}", self.user));
        arguments.push("--default-character-set=utf8mb4".to_owned());
        arguments
    }
}
