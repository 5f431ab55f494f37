//! A drill that starts a service against the copy, on containers: what the copy says decides, never what is live;
//! and nothing of it is left, also after a kill.

use super::containers::{POSTGRES, left, make_images};
use crate::docker::engine;
use crate::docker::image::ask;
use crate::site::Site;
use mainstay_runtime::docker::EngineAddress;
use std::path::PathBuf;
use std::process::Stdio;

const MAINSTAY: &str = "\
environments:
  dev:
    target: docker
deploy:
  minimum_healthy_time: 300ms
  healthy_deadline: 20s
  watch: 1s
  services: {postgres: {healthy_deadline: 2m}}
backups:
  enabled: true
  objectives: {rpo: 26h}
  schedules: {daily: \"0 2 * * *\"}
  drill: {cron: \"0 4 * * sun\", boot: app}
  sources: {uploads: {volume: {volume: uploads, exclude: [\"*.tmp\"]}}}
";

const PASSWORD: &str = "vK7-quiet-otter-rows-91";

/// An app that is healthy where its database says so, where it has the picture that this knows of, nothing that
/// backups leave out, and its model; it finds the password in a file.
fn compose(name: &str) -> String {
    let sql = "PGPASSWORD=$$(cat $$PASSWORD_FILE) psql -qtAXc";
    format!(
        "name: {name}
services:
  app:
    image: {POSTGRES}
    command: [sh, -c, \"{sql} 'create table if not exists settings as select true as ready; create table if not exists pictures (n int)' && exec sleep 86400\"]
    environment: {{PGHOST: postgres, PGUSER: shop, PGDATABASE: shop, PASSWORD_FILE: /run/secrets/postgres_password}}
    secrets: [postgres_password]
    volumes: [\"uploads:/app/uploads\", \"./models:/app/models\"]
    depends_on:
      postgres: {{condition: service_healthy}}
    healthcheck:
      test: [CMD-SHELL, \"test -s /app/models/model && test -e /app/uploads/$$({sql} 'select n from pictures') && test ! -e /app/uploads/2.tmp && test $$({sql} 'select ready from settings') = t\"]
      interval: 1s
      timeout: 5s
      retries: 3
    stop_grace_period: 1s
  postgres:
    image: {POSTGRES}
    environment: {{POSTGRES_USER: shop, POSTGRES_DB: shop, POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password}}
    secrets: [postgres_password]
    volumes: [\"postgres:/var/lib/postgresql/data\"]
    expose: [\"5432\"]
    healthcheck:
      test: [CMD, pg_isready, -U, shop, -d, shop, -h, 127.0.0.1]
      interval: 1s
    stop_signal: SIGINT
volumes:
  postgres:
  uploads:
secrets:
  postgres_password:
    environment: POSTGRES_PASSWORD
"
    )
}

struct Yard {
    site: Site,
    socket: PathBuf,
    name: String,
}

impl Yard {
    fn up(test: &str) -> Option<Self> {
        let EngineAddress::Unix(socket) = engine::shared(test)? else {
            return None;
        };
        make_images(&socket, test)?;
        let mut site = Site::empty();
        let name = format!("drill-x{}", std::process::id());
        site.write("compose.yaml", &compose(&name));
        site.write("mainstay.yaml", MAINSTAY);
        site.write("models/model", "weights");
        site.set("DOCKER_HOST", &format!("unix://{}", socket.display()));
        site.set("POSTGRES_PASSWORD", PASSWORD);
        site.up();
        Some(Self { site, socket, name })
    }

    /// Of the database that is live.
    fn sql(&self, text: &str) -> String {
        let script = format!(
            "PGPASSWORD=$(cat $POSTGRES_PASSWORD_FILE) psql -h 127.0.0.1 -U shop -d shop -qtAXc '{text}'"
        );
        let arguments = ["exec", "postgres", "--", "sh", "-c", &script];
        self.site.ok(&arguments).trim().to_owned()
    }

    fn containers(&self) -> Vec<String> {
        let all = left(&self.socket, "/containers/json?all=true&", &self.name);
        let names = all.as_array().unwrap().iter();
        names
            .map(|one| one["Names"][0].as_str().unwrap().to_owned())
            .collect()
    }

    fn networks(&self) -> Vec<String> {
        let all = left(&self.socket, "/networks?", &self.name);
        let names = all.as_array().unwrap().iter();
        names
            .map(|one| one["Name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn volumes(&self) -> Vec<String> {
        let all = left(&self.socket, "/volumes?", &self.name)["Volumes"].clone();
        let names = all.as_array().unwrap().iter();
        names
            .map(|one| one["Name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The app, its database, their network and volumes, and nothing of a drill.
    fn nothing_left(&self) {
        self.site.eventually("what the drill started is gone", || {
            let volumes = self.volumes().len();
            self.containers().len() == 2 && self.networks().len() == 1 && volumes == 2
        });
    }

    fn app(&self, script: &str) -> String {
        let arguments = ["exec", "app", "--", "sh", "-c", script];
        self.site.ok(&arguments).trim().to_owned()
    }
}

#[test]
fn a_drill_starts_the_service_against_the_copy_and_never_against_what_is_live() {
    let Some(yard) = Yard::up("a_drill_starts_the_service_against_the_copy") else {
        return;
    };
    let site = &yard.site;
    yard.app("echo one > /app/uploads/1");
    yard.sql("insert into pictures values (1)");
    yard.app("echo two > /app/uploads/2.tmp");
    site.ok(&["backup", "create", "--name", "good"]);
    yard.app("rm /app/uploads/2.tmp");
    yard.sql("update settings set ready = false");
    // In the copy there is one.
    yard.app("rm /app/uploads/1");
    yard.sql("delete from pictures");
    site.run(&["backup", "drill", "good"])
        .with_code(0)
        .says("passed: `postgres` came back")
        .says("passed: `app` is healthy against the copy");
    assert_eq!(yard.app("ls /app/uploads"), "");
    yard.app("echo one > /app/uploads/1");
    yard.sql("insert into pictures values (1)");
    assert_eq!(yard.sql("select ready from settings"), "f");
    site.run(&["backup", "show", "good"])
        .with_code(0)
        .says("`app` is healthy against the copy");
    yard.nothing_left();

    // Healthy where it is live, and not in the copy.
    site.ok(&["backup", "create", "--name", "bad"]);
    yard.sql("update settings set ready = true");
    site.run(&["backup", "drill", "bad"])
        .with_code(1)
        .says("passed: `postgres` came back")
        .says("`app` is not healthy against the copy: not after 20 s");
    let events = site.events().join("\n");
    assert!(events.contains("drill.failed"), "{events}");
    yard.nothing_left();

    // The control plane dies while the app waits to become healthy.
    let mut drill = site.command(&["backup", "drill", "bad"]);
    let drill = drill.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut drill = drill.unwrap();
    site.eventually("the app is started against the copy", || {
        let mut containers = yard.containers().into_iter();
        containers.any(|name| name.contains("app.scratch"))
    });
    site.kill_server();
    let _ = drill.kill();
    let _ = drill.wait();
    assert!(yard.networks().iter().any(|name| name.ends_with("drill")));
    let filled = |name: &String| name.ends_with("_mainstay-drill_uploads");
    assert!(yard.volumes().iter().any(filled));
    site.start_server();
    yard.nothing_left();
    let job = site.json(&["backup", "list"])["jobs"][0].clone();
    assert_eq!(job["state"], "failed", "{job}");
    site.ok(&["backup", "drill", "good"]);
    yard.nothing_left();

    site.ok(&["down"]);
    for volume in yard.volumes() {
        let path = format!("/volumes/{volume}");
        assert_eq!(ask(&yard.socket, "DELETE", &path, b"").0, 204, "{path}");
    }
}
