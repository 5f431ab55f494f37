//! What comes out: files, and what could not be said in them.

use crate::project::Project;
use crate::target::Target;
use mainstay_model::{Problem, Problems};
use mainstay_yaml::write::{Doc, stream};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Files of one target, by path, and what is to be said about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    /// By relative path with `/`, without `.` and `..`. Empty where a problem is an error.
    pub files: BTreeMap<String, File>,
    /// Warnings name what is lost on the way, errors what cannot be expressed at all.
    pub problems: Problems,
    header: Vec<String>,
}

/// One file that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub text: String,
    pub executable: bool,
}

impl Rendering {
    pub(crate) fn new(target: Target, project: &Project) -> Self {
        let release = project.release.as_ref();
        let release = release.map_or_else(String::new, |release| format!(", release {release}"));
        let origin = format!(
            "Written by `mainstay render {}` from the stack {}{release}.",
            target.word(),
            project.name
        );
        Self {
            files: BTreeMap::new(),
            problems: Problems::default(),
            header: vec![
                origin,
                "Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.".to_owned(),
            ],
        }
    }

    /// Nothing is half done: with an error there is no file.
    pub(crate) fn finished(mut self) -> Self {
        if self.problems.has_errors() {
            self.files.clear();
        }
        self
    }

    /// A file whose comments begin with `mark` (`#`, `//`), below the header that says where it is from.
    pub(crate) fn text(&mut self, path: impl Into<String>, mark: &str, body: &str) {
        let header = self.header(mark);
        self.raw(path, format!("{header}\n{body}"));
    }

    /// A YAML file of these documents.
    pub(crate) fn yaml(&mut self, path: impl Into<String>, documents: &[Doc]) {
        let body = stream(documents);
        let header = self.header("#");
        self.raw(path, format!("{header}---\n{body}"));
    }

    /// A shell script: `body` begins after the first line, which is written here.
    pub(crate) fn script(&mut self, path: impl Into<String>, body: &str) {
        let header = self.header("#");
        let path = path.into();
        self.raw(path.clone(), format!("#!/bin/sh\n{header}{body}"));
        if let Some(file) = self.files.get_mut(&path) {
            file.executable = true;
        }
    }

    /// A file in a format that has no comments.
    pub(crate) fn raw(&mut self, path: impl Into<String>, text: String) {
        let executable = false;
        self.files.insert(path.into(), File { text, executable });
    }

    /// Lines that say where a file is from, each behind `mark`.
    pub(crate) fn header(&self, mark: &str) -> String {
        let mut text = String::new();
        for line in &self.header {
            let _ = writeln!(text, "{mark} {line}");
        }
        text
    }

    /// What the engine cannot express, and what becomes of it: `what` is the thing in the stack's words
    /// (`services.app.sysctls`), `why` goes on after a colon, `instead` says what to do or what is done.
    pub(crate) fn lost(&mut self, what: &str, why: &str, instead: &str) {
        let message = format!("`{what}` is lost: {why}");
        self.problem(Problem::warning("render/lost", message).hint(instead));
    }

    /// What makes it impossible to write the target at all.
    pub(crate) fn refused(&mut self, what: &str, why: &str, instead: &str) {
        let message = format!("`{what}` cannot be expressed: {why}");
        self.problem(Problem::error("render/refused", message).hint(instead));
    }

    /// Said once, however many environments say it.
    fn problem(&mut self, problem: Problem) {
        if !self.problems.iter().any(|known| *known == problem) {
            self.problems.push(problem);
        }
    }
}
