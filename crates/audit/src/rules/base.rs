//! What stages are made from, and how they are named.

use super::Audit;
use crate::dockerfile::{Base, Keyword, Stage};
use crate::image_name::ImageName;
use crate::rule;

/// Bases that have a small variant, and how that is called.
const LARGE: [(&str, &str); 18] = [
    ("python", "-slim"),
    ("node", "-slim"),
    ("ruby", "-slim"),
    ("php", "-alpine"),
    ("perl", "-slim"),
    ("openjdk", "-slim"),
    ("eclipse-temurin", "-alpine"),
    ("amazoncorretto", "-alpine"),
    ("debian", "-slim"),
    ("rust", "-slim"),
    ("golang", "-alpine"),
    ("nginx", "-alpine"),
    ("redis", "-alpine"),
    ("postgres", "-alpine"),
    ("httpd", "-alpine"),
    ("erlang", "-alpine"),
    ("elixir", "-alpine"),
    ("gcc", ""),
];

/// Whole distributions without a small variant.
const DISTRIBUTIONS: [&str; 6] = [
    "ubuntu",
    "fedora",
    "centos",
    "rockylinux",
    "almalinux",
    "amazonlinux",
];

const SMALL: [&str; 6] = ["slim", "alpine", "distroless", "minimal", "micro", "static"];

pub(super) fn judge(audit: &mut Audit<'_>) {
    let file = audit.file;
    for stage in &file.stages {
        if let Base::Image(word) = &stage.base
            && word.known
        {
            pinned(audit, &word.text, stage.line());
        }
        named_once(audit, stage);
        copies_from(audit, stage);
    }
    platform(audit);
    if let Some(root) = audit.lineage.last().copied()
        && let Base::Image(word) = &root.base
        && word.known
    {
        size(audit, &ImageName::parse(&word.text), root.line());
    }
}

fn pinned(audit: &mut Audit<'_>, image: &str, line: u32) {
    let name = ImageName::parse(image);
    if name.is_floating() {
        let message = match &name.tag {
            Some(_) => format!("`{image}` is whatever is newest when it is built"),
            None => format!("`{image}` has no tag, so it is `latest`"),
        };
        audit.found(&rule::BASE_NOT_PINNED, line, message);
    } else if name.digest.is_none() {
        let message = format!("`{image}` is named by a tag, which can be moved");
        audit.found(&rule::BASE_NO_DIGEST, line, message);
    }
}

fn size(audit: &mut Audit<'_>, name: &ImageName, line: u32) {
    let tag = name.tag.as_deref().unwrap_or("");
    let whole = format!("{}:{tag}", name.name);
    if SMALL.iter().any(|word| whole.contains(word)) {
        return;
    }
    let short = name.short();
    if let Some((_, suffix)) = LARGE.iter().find(|(large, _)| *large == short) {
        let message = format!("`{name}` is the large variant of its image");
        let tag = if tag.is_empty() || tag == "latest" {
            "VERSION"
        } else {
            tag
        };
        if suffix.is_empty() {
            audit.found(&rule::BASE_LARGE, line, message);
        } else {
            let fix = format!("use `{}:{tag}{suffix}`, or a distroless image", name.name);
            audit.found_with(&rule::BASE_LARGE, line, message, fix);
        }
    } else if DISTRIBUTIONS.contains(&short) {
        let message = format!("`{name}` is a whole distribution");
        audit.found(&rule::BASE_LARGE, line, message);
    }
}

fn platform(audit: &mut Audit<'_>) {
    for stage in audit.lineage.clone() {
        if let Some(platform) = stage.platform.as_deref().filter(|name| !name.contains('$')) {
            let message = format!("the image is for `{platform}` whatever a build asks for");
            audit.found(&rule::BASE_PLATFORM, stage.line(), message);
        }
    }
}

fn named_once(audit: &mut Audit<'_>, stage: &Stage) {
    let Some(name) = &stage.name else { return };
    let earlier = audit.file.stages[..stage.index].iter().find(|earlier| {
        earlier
            .name
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(name))
    });
    if let Some(earlier) = earlier {
        let message = format!(
            "stage `{name}` is there already, in line {}",
            earlier.line()
        );
        audit.found(&rule::STAGE_TWICE, stage.line(), message);
    }
}

fn copies_from(audit: &mut Audit<'_>, stage: &Stage) {
    let file = audit.file;
    for copy in stage.all(Keyword::Copy) {
        let Some(from) = copy.flag("from").filter(|from| !from.contains('$')) else {
            continue;
        };
        let found = file.stage(from);
        match found {
            Some(found) if found.index < stage.index => {}
            Some(found) if found.index == stage.index => {
                let message = format!("`--from={from}` is the stage itself");
                audit.found(&rule::UNKNOWN_STAGE, copy.line, message);
            }
            Some(found) => {
                let message = format!("stage `{from}` comes later, in line {}", found.line());
                audit.found(&rule::UNKNOWN_STAGE, copy.line, message);
            }
            None if from.bytes().all(|byte| byte.is_ascii_digit()) => {
                let message = format!("there is no stage {from}");
                audit.found(&rule::UNKNOWN_STAGE, copy.line, message);
            }
            // A bare word is hardly ever an image; anything else is one.
            None if !from.contains(['/', ':', '@', '.']) => {
                let message =
                    format!("there is no stage `{from}`, so an image of that name is pulled");
                audit.found(&rule::UNKNOWN_STAGE, copy.line, message);
            }
            None => pinned(audit, from, copy.line),
        }
    }
}
