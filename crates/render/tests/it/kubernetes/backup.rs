//! The dump of a CronJob is made of a PostgreSQL that runs, and can be read again.

use crate::engines::databases::as_postgres;
use crate::engines::peer::{Server, free_ports, run};
use crate::peers::{peer, quiet};
use crate::support::example;
use mainstay_render::{Target, render};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// The script of `postgres-backup`, with what this machine has in place of the cluster's.
fn script(folder: &Path, port: u16) -> String {
    let rendering = render(Target::Kubernetes, &example("whispercache"));
    let file = &rendering.files["production/db-backup-cronjob.yaml"].text;
    let mut jobs = file.split("---\n");
    let job = jobs.find(|text| text.contains("\n  name: postgres-backup\n"));
    let (_, after) = job
        .and_then(|job| job.split_once("- |\n"))
        .expect("a script");
    let indent = after.len() - after.trim_start().len();
    let margin = " ".repeat(indent);
    let lines = after.lines().map_while(|line| line.strip_prefix(&margin));
    let script: Vec<&str> = lines.collect();
    let folder = folder.display();
    // As Kubernetes reads it, then as this machine has it.
    script
        .join("\n")
        .replace("$$(", "$(")
        .replace("-h postgres -p 5432", &format!("-h 127.0.0.1 -p {port}"))
        .replace(
            "/run/secrets/postgres_password",
            &format!("{folder}/password"),
        )
        .replace("/backups", &format!("{folder}/backups"))
}

#[test]
fn the_script_of_a_cronjob_makes_a_dump_that_can_be_read_again() {
    let test = "the_script_of_a_cronjob_makes_a_dump_that_can_be_read_again";
    let Some(postgres) = peer("postgres", test) else {
        return;
    };
    let postgres = postgres.canonicalize().expect("a path");
    let tool = |name: &str| postgres.with_file_name(name);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("permissions");
    let (data, [port]) = (folder.join("data"), free_ports());
    std::fs::create_dir(&data).expect("a folder");
    quiet(Command::new("chown").arg("postgres").arg(&data));
    let mut made = as_postgres(&tool("initdb"));
    quiet(
        made.args(["-U", "whispercache", "-N", "-A", "trust", "-D"])
            .arg(&data),
    );
    let log = folder.join("log");
    let mut command = as_postgres(&postgres);
    command.arg("-D").arg(&data).arg("-k").arg(&data);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command.stderr(std::fs::File::create(&log).expect("a file"));
    let mut server = Server::start(&mut command);
    let port_text = port.to_string();
    let at = ["-h", "127.0.0.1", "-p", &port_text];
    server.wait_until(&log, || {
        run(Command::new(tool("pg_isready")).args(at))
            .status
            .success()
    });
    let mut created = Command::new(tool("createdb"));
    quiet(
        created
            .args(at)
            .args(["-U", "whispercache", "whispercache"]),
    );

    std::fs::create_dir(folder.join("backups")).expect("a folder");
    std::fs::write(folder.join("password"), "of no use where all are trusted").expect("a file");
    let tools = tool("").display().to_string();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    let said = quiet(
        command
            .arg("-c")
            .arg(script(folder, port))
            .env("PATH", path),
    );
    assert!(said.contains(" bytes"), "{said}");

    let mut names = std::fs::read_dir(folder.join("backups")).expect("a folder");
    let is_dump =
        |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "dump");
    let dump = names.find_map(|entry| Some(entry.ok()?.path()).filter(is_dump));
    let dump = dump.expect("a dump");
    quiet(Command::new(tool("pg_restore")).arg("--list").arg(&dump));
    let mut sums = Command::new("sha256sum");
    sums.arg("-c").arg(dump.with_extension("dump.sha256"));
    quiet(sums.current_dir(folder.join("backups")));
}
