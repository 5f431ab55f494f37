//! An empty server of our own, into which dumps are brought to be looked at.

use super::client::{execute, name};
use super::{Mysql, MysqlAt, MysqlLogin};
use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::password::Password;
use crate::place::{Answer, Place};
use crate::scratch::{Program, Scratch};
use mainstay_recovery::Figures;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;

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

/// The server, with one database.
pub(super) struct MysqlScratch {
    mysql: Mysql,
    _scratch: Scratch,
}

impl MysqlScratch {
    pub(super) async fn start(place: &dyn Place, database: &str) -> Result<Self, Failure> {
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
        Ok(Self {
            mysql,
            _scratch: scratch,
        })
    }
}

impl Database for MysqlScratch {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        self.mysql.dump(place)
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        self.mysql.figures(place)
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        self.mysql.scratch(place)
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        self.mysql.load(place, data, load)
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.mysql.undo(place, undo)
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.mysql.settle(place, undo)
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        self.mysql.ask(place, query)
    }
}
