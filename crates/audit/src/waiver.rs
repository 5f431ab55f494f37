//! Waivers: `# mainstay: allow RULE reason`.
//!
//! One stands above an instruction, or within it, and covers what is found there. A waiver that
//! names no rule, has no reason, or hides nothing is itself a finding.

use crate::dockerfile::Dockerfile;
use crate::finding::Finding;
use crate::rule::{self, Rule};
use mainstay_model::did_you_mean;

/// One waiver of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiver {
    line: u32,
    rule: &'static Rule,
    /// Lines that it covers.
    from: u32,
    to: u32,
}

/// Takes away what is waived, and adds what is wrong with the waivers. Rules about images and
/// contexts can be waived there too: their waivers are answered.
pub(crate) fn apply(file: &Dockerfile, findings: &mut Vec<Finding>) {
    let mut waivers = Vec::new();
    for comment in &file.comments {
        match read(&file.file, comment.line, &comment.text) {
            Some(Ok(rule)) => waivers.push(covering(file, comment.line, rule)),
            Some(Err(finding)) => findings.push(finding),
            None => {}
        }
    }
    for waiver in waivers {
        let before = findings.len();
        findings.retain(|finding| {
            finding.rule != waiver.rule.id
                || !(waiver.from..=waiver.to).contains(&finding.place.line)
        });
        let own = waiver.rule.subject() == "dockerfile";
        if own && findings.len() == before {
            let message = format!("nothing here breaks `{}`", waiver.rule.id);
            let finding = Finding::new(&rule::WAIVER, &file.file, waiver.line, message);
            findings.push(finding.fix("delete the waiver"));
        }
    }
}

/// Rules about the image or the context that a Dockerfile waives for the whole of it.
pub fn waived_for_image(file: &Dockerfile) -> Vec<&'static str> {
    file.comments
        .iter()
        .filter_map(|comment| read(&file.file, comment.line, &comment.text)?.ok())
        .filter(|rule| rule.subject() != "dockerfile")
        .map(|rule| rule.id)
        .collect()
}

/// The rule that a comment waives, or what is wrong with it; `None`: it is no waiver.
pub(crate) fn read(file: &str, line: u32, comment: &str) -> Option<Result<&'static Rule, Finding>> {
    let rest = comment.strip_prefix("mainstay:")?.trim_start();
    let rest = rest.strip_prefix("allow")?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace))
        .then(|| waived(file, line, &rest.split_whitespace().collect::<Vec<_>>()))
}

fn waived(file: &str, line: u32, words: &[&str]) -> Result<&'static Rule, Finding> {
    let wrong = |message: String| Finding::new(&rule::WAIVER, file, line, message);
    let Some((name, reason)) = words.split_first() else {
        return Err(wrong("the waiver names no rule".to_owned()));
    };
    let Some(rule) = rule::find(name) else {
        let finding = wrong(format!("the waiver names `{name}`, which is no rule"));
        let ids = rule::rules().map(|rule| rule.id);
        return Err(match did_you_mean(name, ids) {
            Some(id) => finding.fix(format!("did you mean `{id}`?")),
            None => finding,
        });
    };
    if rule.id == rule::WAIVER.id {
        return Err(wrong("waivers cannot be waived".to_owned()));
    }
    if reason.is_empty() {
        return Err(wrong(format!("the waiver of `{name}` has no reason")));
    }
    Ok(rule)
}

/// The instruction that a comment stands above, or within.
fn covering(file: &Dockerfile, line: u32, rule: &'static Rule) -> Waiver {
    let covered = file
        .instructions()
        .find(|instruction| instruction.end >= line);
    let (from, to) = covered.map_or((line, line), |one| (one.line, one.end));
    Waiver {
        line,
        rule,
        from,
        to,
    }
}
