//! amtool, as people use it.

use std::path::PathBuf;
use std::process::Command;

use crate::peer::program;
use crate::shell::Server;

const CONFIG: &str = "
global: {smtp_smarthost: 'h:25', smtp_from: a@b, smtp_auth_password: s3cret}
route:
  receiver: ops
  routes: [{receiver: db, matchers: [team=db], routes: [{receiver: chat, matchers: ['severity=~warning|info']}]}]
receivers:
- {name: ops, webhook_configs: [{url: 'http://u:s3cret@ops/x'}]}
- {name: db, email_configs: [{to: c@d}]}
- {name: chat, slack_configs: [{api_url: 'https://hooks/s3cret'}]}
";

struct Amtool {
    program: PathBuf,
    server: Server,
}

impl Amtool {
    fn start(test: &str) -> Option<Self> {
        Some(Self {
            program: program("amtool", test)?,
            server: Server::start(CONFIG),
        })
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(&self.program)
            .arg(format!("--alertmanager.url={}", self.server.url()))
            .args(arguments)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let (success, said) = self.run(arguments);
        assert!(success, "{arguments:?}: {said}");
        said.trim().to_owned()
    }
}

#[test]
fn alerts_are_added_and_queried() {
    let Some(amtool) = Amtool::start("alerts_are_added_and_queried") else {
        return;
    };
    amtool.ok(&[
        "alert",
        "add",
        "Down",
        "job=a",
        "severity=critical",
        "--annotation=summary=it is down",
    ]);
    amtool.ok(&["alert", "add", "Full", "team=db"]);
    let all = amtool.ok(&["alert", "query", "-o", "extended"]);
    assert!(
        all.contains("Down") && all.contains("it is down") && all.contains("Full"),
        "{all}"
    );
    let some = amtool.ok(&["alert", "query", "job=~a|b"]);
    assert!(some.contains("Down") && !some.contains("Full"), "{some}");
    let by_receiver = amtool.ok(&["alert", "query", "--receiver=db"]);
    assert!(
        by_receiver.contains("Full") && !by_receiver.contains("Down"),
        "{by_receiver}"
    );
}

#[test]
fn silences_are_added_queried_updated_and_expired() {
    let Some(amtool) = Amtool::start("silences_are_added_queried_updated_and_expired") else {
        return;
    };
    amtool.ok(&["alert", "add", "Down", "job=a"]);
    let id = amtool.ok(&[
        "silence",
        "add",
        "--author=ann",
        "--comment=work",
        "--duration=2h",
        "job=a",
    ]);
    let queried = amtool.ok(&["silence", "query", "job=a"]);
    assert!(
        queried.contains(&id) && queried.contains("job=\"a\"") && queried.contains("ann"),
        "{queried}"
    );
    assert!(!amtool.ok(&["alert", "query"]).contains("Down"));
    assert!(
        amtool
            .ok(&["alert", "query", "--silenced"])
            .contains("Down")
    );
    let updated = amtool.ok(&["silence", "update", "--duration=4h", "--comment=more", &id]);
    assert!(
        updated.contains(&id) && updated.contains("more"),
        "{updated}"
    );
    amtool.ok(&["silence", "expire", &id]);
    assert!(!amtool.ok(&["silence", "query"]).contains(&id));
    assert!(amtool.ok(&["silence", "query", "--expired"]).contains(&id));
    assert!(amtool.ok(&["alert", "query"]).contains("Down"));
    let (success, _) = amtool.run(&["silence", "expire", "0199d7b4-0000-7000-8000-000000000000"]);
    assert!(!success);
    let (success, said) = amtool.run(&["silence", "add", "--author=a", "--comment=c", "job=~.*"]);
    assert!(!success, "{said}");
}

#[test]
fn configuration_and_routes_are_shown_and_tested() {
    let Some(amtool) = Amtool::start("configuration_and_routes_are_shown_and_tested") else {
        return;
    };
    let shown = amtool.ok(&["config", "show"]);
    assert!(
        shown.contains("receiver: chat") && !shown.contains("s3cret"),
        "{shown}"
    );
    let routes = amtool.ok(&["config", "routes", "show"]);
    assert!(
        routes.contains("severity=~\"warning|info\"") && routes.contains("receiver: chat"),
        "{routes}"
    );
    for (labels, receiver) in [
        (vec!["team=db", "severity=info"], "chat"),
        (vec!["team=db"], "db"),
        (vec!["team=web"], "ops"),
    ] {
        let mut arguments = vec!["config", "routes", "test"];
        arguments.extend(labels);
        assert_eq!(amtool.ok(&arguments), receiver);
    }
    let groups = amtool.ok(&["cluster", "show"]);
    assert!(groups.contains("disabled"), "{groups}");
}
