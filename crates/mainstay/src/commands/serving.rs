//! `server.yaml` on the way to the server: read, checked, and shown where it is wrong.

use super::Context;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::render::problems;
use mainstay_model::{Problem, Problems};
use mainstay_server::paths::DataDirectory;
use mainstay_stack::server_file::{self, ServerFile};
use serde::Serialize;
use std::io;
use std::path::Path;

/// `serve --check --json`
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    usable: bool,
    problems: &'a Problems,
}

/// What stands in the data directory's file; what no file means where there is none.
pub fn file(context: &Context, data: &DataDirectory) -> Outcome<ServerFile> {
    let (file, found) = read(data)?;
    if found.has_errors() {
        return Err(Failure::input("server.yaml cannot be used").problems(found));
    }
    for problem in &found {
        context.output.note(&problem.to_string());
    }
    Ok(file)
}

/// Says all that is wrong with it, and whether a server would start.
pub fn check(context: &Context, data: &DataDirectory) -> Outcome {
    let path = data.server_file();
    let (file, mut found) = read(data)?;
    unreadable(&file, &mut found);
    found.extend(mainstay_server::server_problems(&file.alerts));
    let usable = !found.has_errors();
    let verdict = Verdict {
        usable,
        problems: &found,
    };
    context.output.either(&verdict, |look| {
        let (tone, word) = if usable {
            (Tone::Good, "ok")
        } else {
            (Tone::Bad, "not usable")
        };
        let mut text = problems::text(&found, look);
        if !text.is_empty() {
            text.push('\n');
        }
        let tally = if found.is_empty() {
            String::new()
        } else {
            format!(", {}", problems::tally(&found))
        };
        let missing = if path.exists() {
            ""
        } else {
            " is not there; everything is as usual"
        };
        let word = look.paint(tone, word);
        format!("{text}{word}: {}{missing}{tally}", path.display())
    })?;
    if usable {
        Ok(())
    } else {
        Err(Failure::quiet(2))
    }
}

fn read(data: &DataDirectory) -> Outcome<(ServerFile, Problems)> {
    let path = data.server_file();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(server_file::read(&text, &path, &path.display().to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((ServerFile::default(), Problems::default()))
        }
        Err(error) => {
            let message = format!("cannot read `{}`", path.display());
            Err(Failure::environment(message).because(&error))
        }
    }
}

/// Certificates that could not be served. A server starts all the same: they may come later.
fn unreadable(file: &ServerFile, found: &mut Problems) {
    for files in &file.tls.certificates {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let pair = read(&files.certificate).and_then(|certificate| {
            let key = read(&files.key)?;
            let pair = mainstay_x509::Pair::read(&certificate, &key);
            pair.map_err(|error| format!("{}: {error}", files.certificate.display()))
        });
        if let Err(words) = pair {
            let (message, hint) = words.split_once("\nhint: ").unwrap_or((&words, ""));
            let problem = Problem::warning("server/unreadable", message);
            found.push(if hint.is_empty() {
                problem
            } else {
                problem.hint(hint)
            });
        }
    }
}
