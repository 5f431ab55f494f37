//! The images of a stack: built from its files or pulled, on the server's engine.
//!
//! What comes out are records that name one image each, for the release. Which is which stands in
//! the stack (`build`, `pull_policy`); what a build sends is measured first, and one that would
//! send too much is refused before anything is sent.

mod options;
mod shown;

pub use options::{names, version};

use crate::arguments::BuildingOptions;
use crate::build_context::{self, BuildContext};
use crate::client::{CallError, Client, Lines};
use crate::failure::{Failure, Outcome};
use crate::locate::path;
use crate::progress::Progress;
use crate::render::findings;
use crate::render::quantity::elapsed;
use crate::repository::{Provenance, provenance};
use bytes::Bytes;
use mainstay_audit::{context, dockerfile, rule};
use mainstay_model::ServiceName;
use mainstay_server::api::types::{
    ImageBuild, ImageError, ImageMessage, ImagePull, ImageRecord, Pull,
};
use mainstay_stack::{PullPolicy, Service, Stack, TargetKind};
use shown::Shown;
use std::collections::BTreeMap;
use std::time::Instant;

/// What one build is to give, beside what the files say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub platforms: &'a [String],
    pub push: bool,
}

/// Makes the images of one stack.
#[derive(Debug)]
pub struct Making<'a> {
    client: &'a Client,
    stack: &'a Stack,
    progress: &'a Progress,
    options: &'a BuildingOptions,
    version: Option<String>,
    provenance: Provenance,
}

impl<'a> Making<'a> {
    pub async fn new(
        client: &'a Client,
        stack: &'a Stack,
        progress: &'a Progress,
        options: &'a BuildingOptions,
        version: Option<&str>,
    ) -> Self {
        let provenance = provenance(&stack.directory).await;
        Self {
            client,
            stack,
            progress,
            options,
            version: version
                .map(str::to_owned)
                .or_else(|| provenance.version.clone()),
            provenance,
        }
    }

    /// Those of every service; nothing where the stack does not run in containers. Without
    /// `build`, what was built before is taken.
    pub async fn all(&self, build: bool) -> Outcome<BTreeMap<ServiceName, ImageRecord>> {
        let mut images = BTreeMap::new();
        if self.stack.target == TargetKind::Process {
            return Ok(images);
        }
        for service in self.stack.services.values() {
            let record = match (&service.container.build, &service.image) {
                (Some(_), _) if build => self.build(service, Wanted::default()).await?,
                (Some(_), _) => self.built(service).await?,
                (None, Some(_)) => self.pull(service, false).await?,
                // The server says what is missing, with the place of the files.
                (None, None) => continue,
            };
            images.insert(service.name.clone(), record);
        }
        Ok(images)
    }

    /// Builds one, and pushes it where that is wanted.
    pub async fn build(&self, service: &Service, wanted: Wanted<'_>) -> Outcome<ImageRecord> {
        let Some(build) = &service.container.build else {
            return Err(Failure::bug(format!("{} has no `build`", service.name)));
        };
        self.progress
            .now(format!("reading the build context of {}", service.name));
        let context = build_context::read(build)?;
        self.measure(service, &context)?;
        let file = dockerfile::parse(&context.dockerfile_shown, &context.dockerfile_text);
        let request = ImageBuild {
            engine: self.stack.engine.clone(),
            options: options::of(self, service, build, &context, &file, wanted.platforms)?,
            push: wanted.push,
        };
        if wanted.push {
            options::can_be_pushed(service)?;
        }
        let mut first = serde_json::to_vec(&request)
            .map_err(|error| Failure::bug("a build does not encode").because(&error))?;
        first.push(b'\n');
        let mut pieces = build_context::stream(context);
        let broken = std::sync::Arc::new(std::sync::Mutex::new(None));
        let noted = std::sync::Arc::clone(&broken);
        let pieces = futures_util::stream::poll_fn(move |cx| {
            let piece = pieces.poll_recv(cx);
            if let std::task::Poll::Ready(Some(Err(error))) = &piece
                && let Ok(mut noted) = noted.lock()
            {
                *noted = Some(error.to_string());
            }
            piece
        });
        let started = Instant::now();
        let address = path(&self.stack.scope(), "/images/build");
        let lines = self
            .client
            .post_stream(&address, Bytes::from(first), pieces)
            .await;
        let mut shown = Shown::new(self.progress, format!("building {}", service.name));
        let outcome = match lines {
            Ok(lines) => follow(lines, &mut shown).await,
            Err(error) => Err(error),
        };
        // What broke the upload explains what the server saw.
        let local = broken.lock().ok().and_then(|mut noted| noted.take());
        if let (Err(_) | Ok(Err(_)), Some(reason)) = (&outcome, local) {
            return Err(Failure::environment(format!(
                "cannot send the build context of {}: {reason}",
                service.name
            )));
        }
        match outcome.map_err(|error| self.client.explain(error))? {
            Ok(record) => {
                self.progress.line(&format!(
                    "built {}: {} ({}) in {}",
                    service.name,
                    record.reference,
                    record.short_id(),
                    elapsed(started.elapsed())
                ));
                Ok(record)
            }
            Err(error) => Err(shown.build_failed(&service.name, &file, error)),
        }
    }

    /// Shows what is wrong with the size of a context; refuses one above the limit.
    fn measure(&self, service: &Service, read: &BuildContext) -> Outcome {
        let limit = self.options.context_limit.unwrap_or(context::LIMIT);
        let directory = build_context::shown(&read.directory);
        let found = read.walked.measure.findings(&directory, limit);
        let side = self.progress.side();
        for finding in &found {
            self.progress.line(findings::one(finding, side).trim_end());
        }
        if let Some(large) = found
            .iter()
            .find(|one| one.rule == rule::CONTEXT_TOO_LARGE.id)
        {
            return Err(
                Failure::input(format!("{}: {}", service.name, large.message))
                    .hint(format!("{}, or raise `--context-limit`", large.fix)),
            );
        }
        Ok(())
    }

    /// The image that was built before.
    async fn built(&self, service: &Service) -> Outcome<ImageRecord> {
        let names = names(self.stack, service, self.version.as_deref());
        let name = names.into_iter().next().unwrap_or_default();
        self.ensure(service, &name, Pull::Never)
            .await
            .map_err(|failure| {
                failure.hint("build it first (without --no-build): mainstay image build")
            })
    }

    /// Resolves the image that a service names; `fresh` asks the registry in any case.
    pub async fn pull(&self, service: &Service, fresh: bool) -> Outcome<ImageRecord> {
        let name = service.image.clone().unwrap_or_default();
        let pull = match service.container.pull {
            _ if fresh => Pull::Always,
            PullPolicy::Always => Pull::Always,
            PullPolicy::Never => Pull::Never,
            PullPolicy::Missing | PullPolicy::Build => Pull::Missing,
        };
        self.ensure(service, &name, pull).await
    }

    async fn ensure(&self, service: &Service, name: &str, pull: Pull) -> Outcome<ImageRecord> {
        let request = ImagePull {
            engine: self.stack.engine.clone(),
            reference: name.to_owned(),
            pull,
            platform: service.container.platform.clone(),
        };
        let body = serde_json::to_vec(&request)
            .map_err(|error| Failure::bug("a pull does not encode").because(&error))?;
        let address = path(&self.stack.scope(), "/images/pull");
        let nothing = futures_util::stream::empty();
        let mut shown = Shown::new(
            self.progress,
            format!("pulling {name} for {}", service.name),
        );
        let lines = self
            .client
            .post_stream(&address, body.into(), nothing)
            .await;
        let lines = lines.map_err(|error| self.client.explain(error))?;
        let outcome = follow(lines, &mut shown).await;
        match outcome.map_err(|error| self.client.explain(error))? {
            Ok(record) => {
                if shown.has_moved() {
                    let id = record.short_id();
                    self.progress
                        .line(&format!("pulled {name} ({id}) for {}", service.name));
                }
                Ok(record)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Reads to the last line.
async fn follow(
    mut lines: Lines,
    shown: &mut Shown<'_>,
) -> Result<Result<ImageRecord, ImageError>, CallError> {
    while let Some(message) = lines.next::<ImageMessage>().await {
        match message? {
            ImageMessage::Progress(progress) => shown.progress(progress),
            ImageMessage::Done(record) => return Ok(Ok(record)),
            ImageMessage::Failed(error) => return Ok(Err(error)),
        }
    }
    Err(CallError::Lost("it did not say how it ended".to_owned()))
}

fn failed(error: ImageError) -> Failure {
    let failure = Failure::environment(error.message);
    match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
