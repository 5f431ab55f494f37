//! Files of containers that no engine serves: a SQLite among the files of a volume, and what a command of the user's
//! saves. They come back in place, as they were, and go back where the restore fails.

use super::containers::left;
use crate::docker::engine;
use crate::docker::image::{BASE, Root, ask};
use crate::site::Site;
use mainstay_runtime::docker::EngineAddress;

const IMAGE: &str = "notebook:1";

const MAINSTAY: &str = "\
environments:
  dev:
    target: docker
deploy: {minimum_healthy_time: 300ms, healthy_deadline: 20s, watch: 1s}
backups:
  enabled: true
  objectives: {rpo: 26h}
  schedules: {daily: \"0 2 * * *\"}
  sources:
    notes: {sqlite: {service: app, path: /data/notes.db}}
    words:
      command:
        service: app
        dump: [cat, /data/words]
        restore: [sh, -c, \"test ! -e /data/refuse && cat >/data/words\"]
";

#[test]
fn a_sqlite_and_what_a_command_saved_come_back_among_the_files_of_a_container() {
    let test = "a_sqlite_and_what_a_command_saved_come_back";
    let Some(EngineAddress::Unix(socket)) = engine::shared(test) else {
        return;
    };
    if !crate::postgres::found("sqlite3", "sqlite3", test) {
        return;
    }
    Root::new()
        .programs(&BASE)
        .programs(&["sqlite3", "mktemp", "find", "tar"])
        .import(&socket, IMAGE, "ENV PATH=/usr/bin:/bin%0ACMD [%22sh%22]");
    let mut site = Site::empty();
    let name = format!("notebook-x{}", std::process::id());
    let compose = format!(
        "name: {name}
services:
  app:
    image: {IMAGE}
    command: [sh, -c, \"sqlite3 /data/notes.db 'create table if not exists notes (n int)' && exec sleep 86400\"]
    volumes: [\"data:/data\"]
    healthcheck: {{test: [CMD, test, -e, /data/notes.db], interval: 1s}}
    stop_grace_period: 1s
volumes: {{data: {{}}}}
"
    );
    site.write("compose.yaml", &compose);
    site.write("mainstay.yaml", MAINSTAY);
    site.set("DOCKER_HOST", &format!("unix://{}", socket.display()));
    site.up();
    let app = |script: &str| {
        let said = site.ok(&["exec", "app", "--", "sh", "-c", script]);
        said.trim().to_owned()
    };
    let notes = || app("sqlite3 /data/notes.db 'select group_concat(n) from notes'");
    app("sqlite3 /data/notes.db 'insert into notes values (1)'; echo one >/data/words");
    site.ok(&["backup", "create", "--name", "good"]);
    app("sqlite3 /data/notes.db 'insert into notes values (2)'; echo two >/data/words");

    // One source alone; then all, and what was there is saved before.
    let only = ["restore", "--name", "good", "--yes", "--only"];
    site.ok(&[&only[..], &["notes"]].concat());
    assert_eq!(
        (notes(), app("cat /data/words")),
        ("1".to_owned(), "two".to_owned())
    );
    app("sqlite3 /data/notes.db 'insert into notes values (3)'");
    site.ok(&["restore", "--name", "good", "--yes"]);
    assert_eq!(
        (notes(), app("cat /data/words")),
        ("1".to_owned(), "one".to_owned())
    );

    // The last of them refuses: what came before it goes back.
    app("sqlite3 /data/notes.db 'insert into notes values (4)'; touch /data/refuse");
    let sources = ["notes", "--only", "words"];
    site.run(&[&only[..], &sources].concat())
        .with_code(1)
        .says("words");
    assert_eq!(notes(), "1,4");
    site.ok(&["backup", "drill", "good"]);

    site.ok(&["down"]);
    let volumes = left(&socket, "/volumes?", &name)["Volumes"].clone();
    for volume in volumes.as_array().unwrap() {
        let path = format!("/volumes/{}", volume["Name"].as_str().unwrap());
        assert_eq!(ask(&socket, "DELETE", &path, b"").0, 204, "{path}");
    }
}
