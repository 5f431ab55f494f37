//! Release notes from version control: the commits since the release before, grouped.
//!
//! Subjects of the form `type(scope): what` (Conventional Commits 1.0) make the groups; all others
//! are listed as they are. The server keeps the text and reads no repository.

use crate::repository::git;
use mainstay_server::api::types::Notes;
use std::fmt::Write as _;
use std::path::Path;

/// Commits that are listed; more are counted.
const MOST: usize = 200;
/// Commits that are asked for.
const ASKED: &str = "--max-count=2000";
/// Between the fields of a commit: in no subject.
const SEPARATOR: char = '\u{1f}';

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Commit {
    id: String,
    subject: String,
    author: String,
}

/// The notes of what is checked out, since `from`; `None` where there is no repository.
pub async fn since(directory: &Path, from: Option<&str>) -> Option<Notes> {
    let to = git(directory, &["rev-parse", "HEAD"]).await?;
    let known = match from {
        Some(from) if from == to => Some(from),
        Some(from) => git(directory, &["cat-file", "-t", from])
            .await
            .map(|_| from),
        None => None,
    };
    let range = known.map_or_else(|| "HEAD".to_owned(), |from| format!("{from}..HEAD"));
    let format = format!("--pretty=format:%h{SEPARATOR}%s{SEPARATOR}%an");
    let log = git(directory, &["log", "--no-merges", ASKED, &format, &range]).await;
    let commits: Vec<Commit> = log
        .as_deref()
        .unwrap_or("")
        .lines()
        .filter_map(commit)
        .collect();
    let mut text = String::new();
    if let (Some(from), None) = (from, known) {
        let _ = writeln!(
            text,
            "The commit of the release before, {from}, is not in this clone.\n"
        );
    }
    text.push_str(&grouped(&commits));
    Some(Notes {
        from: known.map(str::to_owned),
        to,
        commits: commits.len() as u32,
        text,
    })
}

fn commit(line: &str) -> Option<Commit> {
    let mut fields = line.split(SEPARATOR);
    Some(Commit {
        id: fields.next()?.to_owned(),
        subject: fields.next()?.to_owned(),
        author: fields.next()?.to_owned(),
    })
}

/// In this order; [`classified`] counts them.
const GROUPS: [&str; 5] = [
    "Breaking changes",
    "Features",
    "Fixes",
    "Performance",
    "Other changes",
];

/// Markdown: what breaks first, then what is new, what is mended, and the rest.
fn grouped(commits: &[Commit]) -> String {
    if commits.is_empty() {
        return "No commit since the release before.\n".to_owned();
    }
    let mut groups: [Vec<String>; 5] = Default::default();
    for commit in commits.iter().take(MOST) {
        let (group, subject) = classified(&commit.subject);
        groups[group].push(format!("- {subject} ({}, {})", commit.id, commit.author));
    }
    let mut text = String::new();
    for (heading, lines) in GROUPS
        .iter()
        .zip(&groups)
        .filter(|(_, lines)| !lines.is_empty())
    {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "### {heading}\n\n{}", lines.join("\n"));
    }
    if commits.len() > MOST {
        let _ = writeln!(text, "\nAnd {} more.", commits.len() - MOST);
    }
    text
}

/// The group's place, and the subject without its type.
fn classified(subject: &str) -> (usize, String) {
    let Some((head, rest)) = subject.split_once(':') else {
        return (4, subject.to_owned());
    };
    let breaking = head.ends_with('!');
    let head = head.trim_end_matches('!');
    let (kind, scope) = match head.split_once('(') {
        Some((kind, scope)) => (kind, scope.strip_suffix(')')),
        None => (head, None),
    };
    let word = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !word || rest.trim().is_empty() || kind.contains(' ') {
        return (4, subject.to_owned());
    }
    let what = match scope {
        Some(scope) => format!("**{scope}**: {}", rest.trim()),
        None => rest.trim().to_owned(),
    };
    match kind.to_ascii_lowercase().as_str() {
        _ if breaking => (0, what),
        "feat" => (1, what),
        "fix" => (2, what),
        "perf" => (3, what),
        "build" | "chore" | "ci" | "docs" | "refactor" | "revert" | "style" | "test" => (4, what),
        _ => (4, subject.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(subjects: &[&str]) -> Vec<Commit> {
        let commit = |(number, subject): (usize, &&str)| Commit {
            id: format!("c{number}"),
            subject: (*subject).to_owned(),
            author: "Ada".to_owned(),
        };
        subjects.iter().enumerate().map(commit).collect()
    }

    #[test]
    fn conventional_commits_make_groups_and_others_stay_as_they_are() {
        let text = grouped(&commits(&[
            "feat(api): list orders",
            "fix: do not lose the last byte",
            "Give small answers at once",
            "feat!: drop the old form",
            "Note: this is no type of ours",
        ]));
        assert_eq!(
            text,
            "### Breaking changes\n\n- drop the old form (c3, Ada)\n\n\
             ### Features\n\n- **api**: list orders (c0, Ada)\n\n\
             ### Fixes\n\n- do not lose the last byte (c1, Ada)\n\n\
             ### Other changes\n\n- Give small answers at once (c2, Ada)\n- Note: this is no type of ours (c4, Ada)\n"
        );
        assert_eq!(grouped(&[]), "No commit since the release before.\n");
        let many: Vec<&str> = vec!["x"; MOST + 3];
        assert!(grouped(&commits(&many)).ends_with("And 3 more.\n"));
    }

    #[tokio::test]
    async fn notes_begin_behind_the_release_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(since(path, None).await, None);
        let run = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command
                .arg("-C")
                .arg(path)
                .args(["-c", "user.name=Ada", "-c", "user.email=a@b"]);
            assert!(
                command
                    .args(arguments)
                    .stdout(std::process::Stdio::null())
                    .status()
                    .unwrap()
                    .success()
            );
        };
        run(&["init", "-q"]);
        run(&["commit", "-q", "--allow-empty", "-m", "feat: one"]);
        let first = git(path, &["rev-parse", "HEAD"]).await.unwrap();
        run(&["commit", "-q", "--allow-empty", "-m", "fix: two"]);
        let all = since(path, None).await.unwrap();
        assert_eq!((all.commits, all.from), (2, None));
        let new = since(path, Some(&first)).await.unwrap();
        assert_eq!((new.commits, new.from), (1, Some(first.clone())));
        assert!(
            new.text.contains("two") && !new.text.contains("one"),
            "{}",
            new.text
        );
        let elsewhere = since(path, Some(&"0".repeat(40))).await.unwrap();
        assert!(
            elsewhere.text.contains("is not in this clone"),
            "{}",
            elsewhere.text
        );
        run(&["checkout", "-q", &first]);
        assert_eq!(since(path, Some(&first)).await.unwrap().commits, 0);
    }
}
