//! A server of MariaDB for the tests.

use crate::support::{Local, PATIENCE, program, until};
use mainstay_databases::Password;
use mainstay_databases::mysql::{Mysql, MysqlAt, MysqlLogin};
use mainstay_model::Secret;
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

pub(crate) const PASSWORD: &str = "it's \"secret\" $X";

pub(crate) struct Server {
    child: Child,
    directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn place() -> Arc<Local> {
    Arc::new(Local::default())
}

impl Server {
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let install = program("mariadb-install-db", test)?;
        let daemon = program("mariadbd", test)?;
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let user = format!("--user={}", user());
        // Servers that start remove the temporary tables of others that share their directory.
        let made = Command::new(install)
            .env("TMPDIR", directory.path())
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .arg(&user)
            .arg(format!("--datadir={}", data.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let path = |name: &str| directory.path().join(name).display().to_string();
        let child = Command::new(daemon)
            .env("TMPDIR", directory.path())
            .args([
                "--no-defaults",
                "--skip-networking",
                "--skip-log-bin",
                &user,
            ])
            .arg(format!("--datadir={}", data.display()))
            .args([
                format!("--socket={}", path("s")),
                format!("--pid-file={}", path("pid")),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, directory };
        until("mariadb answers", async || {
            server.client("", None).status.success()
        })
        .await;
        server.sql(
            &format!(
                "ALTER USER root@localhost IDENTIFIED BY '{}';",
                PASSWORD.replace('\'', "''")
            ),
            "",
        );
        Some(server)
    }

    pub(crate) fn socket(&self) -> String {
        self.directory.path().join("s").display().to_string()
    }

    fn client(&self, sql: &str, database: Option<&str>) -> Output {
        let mut command = self.command();
        let mut child = command.args(database).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(sql.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("mariadb");
        command.args([
            "--no-defaults",
            "--user=root",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
        ]);
        command.arg(format!("--socket={}", self.socket()));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What a statement of root answers.
    pub(crate) fn sql(&self, sql: &str, database: &str) -> String {
        let mut command = self.command();
        command.env("MYSQL_PWD", PASSWORD);
        if !database.is_empty() {
            command.arg(database);
        }
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(sql.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < PATIENCE, "{sql}");
        if output.status.success() {
            return String::from_utf8(output.stdout)
                .unwrap()
                .trim_end()
                .to_owned();
        }
        // The first statement of all is the one that sets the password.
        let first = self.client(sql, None);
        assert!(first.status.success(), "{output:?}");
        String::from_utf8(first.stdout).unwrap()
    }

    /// Statements that go on while the test does other things.
    pub(crate) fn begin(&self, sql: &str, database: &str) -> Child {
        let mut command = self.command();
        command
            .env("MYSQL_PWD", PASSWORD)
            .arg(database)
            .args(["-e", sql]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn database(&self, name: &str) -> Mysql {
        self.logged_in(name, Password::Given(Secret::new(PASSWORD.to_owned())))
    }

    pub(crate) fn logged_in(&self, name: &str, password: Password) -> Mysql {
        let at = MysqlAt::Socket(self.socket());
        let login = MysqlLogin {
            at,
            user: "root".to_owned(),
            password,
        };
        Mysql {
            login,
            database: name.to_owned(),
        }
    }
}

/// Who runs the tests.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
