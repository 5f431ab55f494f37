//! The rules about Dockerfiles, by what they look at.

mod base;
mod copy;
mod packages;
mod run;
mod secrets;
mod start;
mod user;

use crate::dockerfile::{Dockerfile, Instruction, Keyword, Stage};
use crate::finding::{Finding, sort};
use crate::rule::{self, Rule};
use crate::waiver;

/// What a Dockerfile alone does not say. The default is: nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The stage that is built; the last one if not named.
    pub target: Option<String>,
    /// Whether a `.dockerignore` goes with it; `None`: not known.
    pub has_ignore_file: Option<bool>,
    /// The service has a health check of its own.
    pub has_health_check: bool,
    /// The service names a user of its own.
    pub has_user: bool,
}

/// What the rules are shown, and where they put what they find.
#[derive(Debug)]
struct Audit<'a> {
    file: &'a Dockerfile,
    around: &'a Surroundings,
    /// The stage that becomes the image, and those it is made from.
    lineage: Vec<&'a Stage>,
    findings: Vec<Finding>,
}

impl<'a> Audit<'a> {
    fn found(&mut self, rule: &'static Rule, line: u32, message: impl Into<String>) {
        self.findings
            .push(Finding::new(rule, &self.file.file, line, message));
    }

    fn found_with(
        &mut self,
        rule: &'static Rule,
        line: u32,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.findings
            .push(Finding::new(rule, &self.file.file, line, message).fix(fix));
    }

    /// Instructions of every stage.
    fn all(&self, keyword: Keyword) -> Vec<&'a Instruction> {
        self.file
            .instructions()
            .filter(|one| one.keyword == keyword)
            .collect()
    }

    /// Instructions whose layers are in the image.
    fn in_image(&self, keyword: Keyword) -> Vec<&'a Instruction> {
        self.lineage
            .iter()
            .rev()
            .flat_map(|stage| stage.all(keyword))
            .collect()
    }

    /// Whether an `ENV` of the image sets this variable.
    fn sets(&self, name: &str) -> bool {
        self.in_image(Keyword::Env)
            .iter()
            .flat_map(|env| env.pairs())
            .any(|pair| pair.name == name)
    }
}

/// Everything that the rules find in a Dockerfile, waivers heeded, in the order of the file.
pub fn dockerfile_findings(file: &Dockerfile, around: &Surroundings) -> Vec<Finding> {
    let target = file.target(around.target.as_deref());
    let mut audit = Audit {
        file,
        around,
        lineage: target.map(|stage| file.lineage(stage)).unwrap_or_default(),
        findings: Vec::new(),
    };
    syntax(&mut audit);
    base::judge(&mut audit);
    user::judge(&mut audit);
    secrets::judge(&mut audit);
    copy::judge(&mut audit);
    run::judge(&mut audit);
    packages::judge(&mut audit);
    start::judge(&mut audit);
    let mut findings = audit.findings;
    waiver::apply(file, &mut findings);
    sort(&mut findings);
    findings.dedup();
    findings
}

fn syntax(audit: &mut Audit<'_>) {
    for mistake in &audit.file.mistakes {
        match &mistake.fix {
            Some(fix) => audit.found_with(&rule::SYNTAX, mistake.line, &mistake.message, fix),
            None => audit.found(&rule::SYNTAX, mistake.line, &mistake.message),
        }
    }
    if let Some(name) = &audit.around.target
        && audit.file.stage(name).is_none()
        && !audit.file.stages.is_empty()
    {
        let message = format!("there is no stage `{name}`, which the service builds");
        audit.found_with(
            &rule::SYNTAX,
            0,
            message,
            format!("write `FROM … AS {name}`, or change `build: target`"),
        );
    }
}
