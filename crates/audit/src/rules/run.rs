//! What `RUN` runs, and where.

use super::Audit;
use crate::dockerfile::{Command, Instruction, Keyword, Stage};
use crate::rule;

const SHELLS: [&str; 8] = [
    "sh", "bash", "ash", "dash", "zsh", "python", "python3", "node",
];

const FETCHERS: [&str; 2] = ["curl", "wget"];

/// Program, option, and what it turns off.
const TLS_OFF: [(&str, &str); 12] = [
    ("curl", "--insecure"),
    ("curl", "-k"),
    ("wget", "--no-check-certificate"),
    ("pip", "--trusted-host"),
    ("pip3", "--trusted-host"),
    ("apt-get", "--allow-unauthenticated"),
    ("apt-get", "--force-yes"),
    ("apt", "--allow-unauthenticated"),
    ("apk", "--allow-untrusted"),
    ("yum", "--nogpgcheck"),
    ("dnf", "--nogpgcheck"),
    ("rpm", "--nosignature"),
];

pub(super) fn judge(audit: &mut Audit<'_>) {
    let file = audit.file;
    for stage in &file.stages {
        let mut pipefail = false;
        for instruction in &stage.instructions {
            match instruction.keyword {
                Keyword::Shell => {
                    pipefail = instruction.text.text.contains("pipefail")
                        || instruction.text.text.contains("pwsh");
                }
                Keyword::Run => run(audit, instruction, pipefail),
                _ => {}
            }
        }
        directories(audit, stage);
    }
    for maintainer in audit.all(Keyword::Maintainer) {
        audit.found(
            &rule::MAINTAINER,
            maintainer.line,
            "`MAINTAINER` is deprecated",
        );
    }
    for (name, value) in [
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("GIT_SSL_NO_VERIFY", "1"),
        ("GIT_SSL_NO_VERIFY", "true"),
        ("PYTHONHTTPSVERIFY", "0"),
    ] {
        for env in audit.all(Keyword::Env) {
            let off = env.pairs().iter().any(|pair| {
                pair.name == name
                    && pair.value.as_deref().map(|v| v.trim_matches(['"', '\''])) == Some(value)
            });
            if off {
                let message = format!("`{name}={value}` turns the check of certificates off");
                audit.found(&rule::TLS_OFF, env.line, message);
            }
        }
    }
}

fn run(audit: &mut Audit<'_>, run: &Instruction, pipefail: bool) {
    let commands = run.commands();
    let pipefail = pipefail
        || commands
            .iter()
            .any(|command| command.program() == "set" && command.has("pipefail"));
    let mut said = false;
    for (index, command) in commands.iter().enumerate() {
        unchecked(audit, command);
        if command.program() == "cd" && commands.len() == 1 {
            audit.found(
                &rule::CD,
                command.line,
                "`cd` alone changes nothing for what follows",
            );
        }
        let next = commands.get(index + 1);
        if command.piped && !pipefail && !said {
            said = true;
            let message = format!(
                "a failure of `{}` before the pipe goes unnoticed",
                command.program()
            );
            audit.found(&rule::PIPEFAIL, command.line, message);
        }
        if command.piped
            && FETCHERS.contains(&command.program())
            && next.is_some_and(|next| SHELLS.contains(&next.program()))
        {
            let shell = next.map_or("", Command::program);
            let message = format!(
                "what `{}` fetches is run by `{shell}` unseen",
                command.program()
            );
            audit.found(&rule::PIPE_TO_SHELL, command.line, message);
        }
        let substituted = SHELLS.contains(&command.program())
            && command.arguments().iter().any(|word| {
                ["$(curl", "$(wget", "<(curl", "<(wget"]
                    .iter()
                    .any(|start| word.contains(start))
            });
        if substituted {
            let message = format!("what is fetched is run by `{}` unseen", command.program());
            audit.found(&rule::PIPE_TO_SHELL, command.line, message);
        }
    }
}

fn unchecked(audit: &mut Audit<'_>, command: &Command) {
    let program = command.program();
    for (of, option) in TLS_OFF {
        let short = option.len() == 2 && option.as_bytes()[1] != b'-';
        let given = if short {
            command.has_short(option.chars().nth(1).unwrap_or('-'))
        } else {
            command
                .arguments()
                .iter()
                .any(|word| word.split('=').next() == Some(option))
        };
        if of == program && given {
            let message = format!("`{program} {option}` does not check what it gets");
            audit.found(&rule::TLS_OFF, command.line, message);
        }
    }
    let joined = command.words.join(" ");
    if joined.contains("http.sslVerify false")
        || joined.contains("http.sslVerify=false")
        || joined.contains("strict-ssl false")
    {
        let message = format!("`{program}` is told not to check certificates");
        audit.found(&rule::TLS_OFF, command.line, message);
    }
}

fn directories(audit: &mut Audit<'_>, stage: &Stage) {
    for workdir in stage.all(Keyword::Workdir) {
        if let Some(word) = workdir.words.first()
            && word.known
            && !word.text.starts_with(['/', '\\', '$'])
            && !word.text.contains(':')
        {
            let message = format!("`{}` is relative", word.text);
            audit.found(&rule::WORKDIR_RELATIVE, workdir.line, message);
        }
    }
}
