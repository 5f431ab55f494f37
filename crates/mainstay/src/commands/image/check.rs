//! `image check`: Dockerfiles, build contexts and container settings from the files alone; images
//! through the server, where that is asked for.

use super::{Context, chosen, resolve};
use crate::arguments::{FindingsFormat, ImageCheckArguments};
use crate::build_context::{self, BuildContext};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::path;
use crate::making;
use crate::operation::mutate;
use crate::render::findings;
use crate::settings;
use mainstay_audit::{
    Finding, Severity, Surroundings, container, context, dockerfile, finding, report,
};
use mainstay_model::Scope;
use mainstay_server::api::types::ImageAudit;
use mainstay_stack::{Build, Dockerfile, Service, Stack, TargetKind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// `image check --json`
#[derive(Debug, Serialize)]
struct Document<'a> {
    failed: bool,
    fail_on: Severity,
    findings: &'a [Finding],
    /// Service, or path of the Dockerfile → its build context.
    contexts: &'a BTreeMap<String, context::Summary>,
}

/// Everything that was found so far.
#[derive(Debug, Default)]
struct Found {
    findings: Vec<Finding>,
    contexts: BTreeMap<String, context::Summary>,
}

pub async fn check(context: &Context, arguments: &ImageCheckArguments) -> Outcome {
    let mut found = Found::default();
    match &arguments.dockerfile {
        Some(file) => alone(&mut found, file)?,
        None => stack(context, arguments, &mut found).await?,
    }
    finding::sort(&mut found.findings);
    found.findings.dedup();
    let failed = found
        .findings
        .iter()
        .any(|one| one.severity >= arguments.fail_on);
    print(context, arguments, &found, failed)?;
    if failed {
        Err(Failure::quiet(1))
    } else {
        Ok(())
    }
}

fn print(
    context: &Context,
    arguments: &ImageCheckArguments,
    found: &Found,
    failed: bool,
) -> Outcome {
    let output = &context.output;
    let document = Document {
        failed,
        fail_on: arguments.fail_on,
        findings: &found.findings,
        contexts: &found.contexts,
    };
    match arguments.format {
        FindingsFormat::Table => output.either(&document, |look| {
            findings::text(&found.findings, &found.contexts, arguments.fail_on, look)
        }),
        FindingsFormat::Json => output.document(&document),
        FindingsFormat::Sarif => {
            let version = env!("CARGO_PKG_VERSION");
            output.document(&report::sarif(&found.findings, version))
        }
        FindingsFormat::Markdown => output.data(&report::markdown(&found.findings)),
    }
}

/// One Dockerfile without a stack.
fn alone(found: &mut Found, file: &Path) -> Outcome {
    let unreadable = |error: std::io::Error| {
        Failure::input(format!("cannot read `{}`", file.display())).because(&error)
    };
    let file = file.canonicalize().map_err(unreadable)?;
    let build = Build {
        context: file.parent().unwrap_or(Path::new("/")).to_owned(),
        dockerfile: Dockerfile::File(file.clone()),
        target: None,
        args: BTreeMap::new(),
        cache_from: Vec::new(),
        platforms: Vec::new(),
        labels: BTreeMap::new(),
        network: None,
        tags: Vec::new(),
        pull: false,
        no_cache: false,
        shm_size: None,
        extra_hosts: Vec::new(),
    };
    let read = build_context::read(&build)?;
    let name = read.dockerfile_shown.clone();
    judge(found, &name, &read, Surroundings::default());
    Ok(())
}

async fn stack(context: &Context, arguments: &ImageCheckArguments, found: &mut Found) -> Outcome {
    let (place, resolved) = resolve(context, &arguments.files)?;
    let stack = &resolved.stack;
    let files = settings::Files::read(&place);
    let client = if arguments.images {
        Some(place.client()?)
    } else {
        None
    };
    let version = making::version(stack, None).await;
    for service in chosen(stack, &arguments.services)? {
        let mut waived = Vec::new();
        if let Some(build) = &service.container.build {
            let read = build_context::read(build)?;
            let around = Surroundings {
                target: build.target.clone(),
                has_ignore_file: None,
                has_health_check: service.health.is_some(),
                has_user: service.user.is_some(),
            };
            waived = judge(found, service.name.as_str(), &read, around);
        }
        if stack.target != TargetKind::Process {
            let (settings, waived) = files.of(service, &mut found.findings);
            found
                .findings
                .extend(container::findings(&settings, &waived));
        }
        if let Some(client) = &client {
            let names = making::names(stack, service, version.as_deref());
            let reference = names.into_iter().next().or_else(|| service.image.clone());
            if let Some(reference) = reference {
                let image =
                    inside(client, &stack.scope(), stack, service, reference, waived).await?;
                found.findings.extend(image);
            }
        }
    }
    Ok(())
}

/// Dockerfile and context; answers what the Dockerfile waives for its image.
fn judge(
    found: &mut Found,
    name: &str,
    read: &BuildContext,
    mut around: Surroundings,
) -> Vec<String> {
    around.has_ignore_file = Some(read.has_ignore_file);
    let file = dockerfile::parse(&read.dockerfile_shown, &read.dockerfile_text);
    let waived = mainstay_audit::waived_for_image(&file);
    found
        .findings
        .extend(mainstay_audit::dockerfile_findings(&file, &around));
    let directory = build_context::shown(&read.directory);
    let measured = read.walked.measure.findings(&directory, context::LIMIT);
    let about_context = measured.into_iter().chain(read.findings.iter().cloned());
    found
        .findings
        .extend(about_context.filter(|finding| !waived.contains(&&*finding.rule)));
    found
        .contexts
        .insert(name.to_owned(), read.walked.measure.summary());
    waived.into_iter().map(str::to_owned).collect()
}

/// What the server finds in an image that its engine has.
async fn inside(
    client: &Client,
    scope: &Scope,
    stack: &Stack,
    service: &Service,
    reference: String,
    waived: Vec<String>,
) -> Outcome<Vec<Finding>> {
    let request = ImageAudit {
        engine: stack.engine.clone(),
        reference,
        has_health_check: service.health.is_some(),
        has_user: service.user.is_some(),
        own: service.container.build.is_some(),
        waived,
    };
    mutate(client, &path(scope, "/images/audit"), &request).await
}
