//! An empty server of our own, into which dumps are brought to be looked at.

use super::client::{execute, name};
use super::{Mysql, MysqlAt, MysqlLogin};
use crate::database::Failure;
use crate::held::Held;
use crate::password::Password;
use crate::place::Place;
use crate::scratch::{Program, Scratch};
use std::time::Duration;

/// For a server to come up.
const UP: Duration = Duration::from_secs(120);

/// Makes an empty data directory: by the program of MariaDB, or by the server of MySQL itself. A server that
/// starts removes what it takes for left-overs of temporary tables: it must not see the live one's.
const PREPARE: &str = r#"TMPDIR=$D; export TMPDIR
PATH=$PATH:/usr/sbin:/usr/local/sbin
I=mariadb-install-db; command -v $I >/dev/null 2>&1 || I=mysql_install_db
if command -v $I >/dev/null 2>&1; then
  $I --no-defaults --datadir="$D/data" --user="$(id -un)" --auth-root-authentication-method=normal --skip-test-db
else
  mysqld --no-defaults --initialize-insecure --datadir="$D/data" --user="$(id -un)"
fi"#;

/// Over a socket only, and small. Events stay asleep: what was counted must not change.
const SERVE: &str = r#"TMPDIR=$D; export TMPDIR
PATH=$PATH:/usr/sbin:/usr/local/sbin
S=mariadbd; command -v $S >/dev/null 2>&1 || S=mysqld
cd "$D" && exec $S --no-defaults --datadir="$D/data" --user="$(id -un)" --socket="$D/s" --pid-file="$D/pid" \
  --skip-networking --event-scheduler=OFF --skip-log-bin --max-allowed-packet=1G --innodb-flush-log-at-trx-commit=0"#;

/// Starts the server, with one database.
pub(super) async fn start(
    place: &dyn Place,
    database: &str,
) -> Result<Held<Mysql, Scratch>, Failure> {
    let program = Program {
        what: "a scratch server of MySQL",
        prepare: PREPARE,
        serve: SERVE,
        arguments: &[],
        settings: "",
        farewell: ":",
        password: &Password::None,
    };
    let scratch = program.start(place).await?;
    let login = MysqlLogin {
        at: MysqlAt::Socket(format!("{}/s", scratch.directory)),
        user: "root".to_owned(),
        password: Password::None,
    };
    let mysql = Mysql {
        login,
        database: database.to_owned(),
    };
    let mut patience = scratch.patience(UP);
    while execute(&mysql, place, None, "SELECT 1;").await.is_err() {
        patience.wait().await?;
    }
    let statement = format!("CREATE DATABASE IF NOT EXISTS {};", name(database));
    execute(&mysql, place, None, &statement).await?;
    Ok(Held::new(mysql, scratch))
}
