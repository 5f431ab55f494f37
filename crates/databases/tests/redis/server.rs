//! A Redis server of the tests.

use crate::support::{PATIENCE, free_port, program, until};
use mainstay_databases::Password;
use mainstay_databases::redis::Redis;
use mainstay_model::Secret;
use std::process::{Child, Command, Stdio};

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) password: Option<&'static str>,
    more: Vec<&'static str>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    pub(crate) async fn start(
        test: &str,
        password: Option<&'static str>,
        more: &[&'static str],
    ) -> Option<Self> {
        program("redis-server", test)?;
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Self::spawn(port, &directory, password, more);
        let server = Self {
            child,
            port,
            directory,
            password,
            more: more.to_vec(),
        };
        server.wait().await;
        Some(server)
    }

    fn spawn(port: u16, dir: &tempfile::TempDir, password: Option<&str>, more: &[&str]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]);
        command
            .arg(dir.path())
            .args(["--repl-diskless-sync-delay", "0"])
            .args(more);
        if let Some(password) = password {
            command.args(["--requirepass", password]);
        }
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

    /// Also the children that it forked to save.
    pub(crate) fn kill_with_children(&mut self) {
        let id = self.child.id();
        let path = format!("/proc/{id}/task/{id}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        self.kill();
        for child in children.split_whitespace() {
            let _ = Command::new("kill").args(["-9", child]).status();
        }
    }

    /// Copies in its folder.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("mainstay")).collect()
    }

    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.child = Self::spawn(self.port, &self.directory, self.password, &self.more);
        self.wait().await;
    }

    async fn wait(&self) {
        until("redis answers", async || {
            let Ok(mut connection) = self.try_connect().await else {
                return false;
            };
            redis::cmd("DBSIZE")
                .query_async::<i64>(&mut connection)
                .await
                .is_ok()
        })
        .await;
    }

    async fn try_connect(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let login = self
            .password
            .map(|password| format!(":{password}@"))
            .unwrap_or_default();
        let url = format!("redis://{login}127.0.0.1:{}/", self.port);
        // Half a second, as it has it, is too little on a machine that is busy.
        let patience = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        redis::Client::open(url)?
            .get_multiplexed_async_connection_with_config(&patience)
            .await
    }

    pub(crate) async fn connect(&self) -> redis::aio::MultiplexedConnection {
        self.try_connect().await.unwrap()
    }

    pub(crate) fn database(&self) -> Redis {
        let database = Redis::on_port(self.port);
        match self.password {
            None => database,
            Some(password) => {
                database.with_password(Password::Given(Secret::new(password.to_owned())))
            }
        }
    }
}
