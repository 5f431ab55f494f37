//! A drill: a restore point restored where it harms nobody, compared with the figures that were taken with it.
//!
//! **Invariant:** nothing of the stack that runs is touched; what could not be tried is never told as passed.

use super::bring::{Bringing, Found};
use super::engines::Opened;
use super::job::{By, Job, Trouble};
use super::scratch::{Mounts, Scratch};
use super::stage::Stage;
use crate::api::types::ApiError;
use crate::api::types::{BackupJob, BackupJobKind, KeptPoint, OnPoint, Proven};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::specs::Bundle;
use mainstay_backup::Loaded;
use mainstay_databases::{Database, Load, Place};
use mainstay_model::{Scope, ServiceName, Verdict};
use mainstay_recovery::{
    AskedQuery, Boot, Came, Compared, Figures, Part, PartKind, Proof, Restored, SourceProof, Timed,
    differences,
};
use mainstay_stack::{BackupSource, BackupWhat, TargetKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

/// What the names of files begin with on their way into a volume.
const FILES: &str = "files";

/// What is compared of one source.
struct Seen {
    compared: Option<Compared>,
    asked: Option<AskedQuery>,
}

impl Control {
    pub(crate) async fn begin_drill(
        self: &Arc<Self>,
        scope: &Scope,
        on: OnPoint,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        Self::bundle_of(&environment)?;
        let (chosen, points) = self
            .choose(scope, &on.which, &[])
            .await
            .map_err(|trouble| {
                let error = ApiError::not_found(trouble.message);
                match trouble.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            })?;
        let kept = points
            .into_iter()
            .find(|kept| kept.point.id == chosen.point);
        let kept = kept.ok_or_else(|| ApiError::not_found("the restore point is gone"))?;
        let job = self.drill(&environment, kept, BackupWhat::Full, by).await?;
        Ok(job.shown())
    }

    pub(super) async fn drill(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        kept: KeptPoint,
        what: BackupWhat,
        by: &By,
    ) -> Result<Arc<Job>, ApiError> {
        let (control, environment) = (Arc::clone(self), Arc::clone(environment));
        let scope = environment.scope.clone();
        self.begin_job(&scope, BackupJobKind::Drill, by, async move |job| {
            control.rehearse(&environment, &job, kept, &what).await
        })
        .await
    }

    async fn rehearse(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        job: &Job,
        kept: KeptPoint,
        what: &BackupWhat,
    ) -> Result<String, Trouble> {
        job.about(&kept.point.name);
        let (began, started) = (now(), Instant::now());
        let bundle = Self::bundle_of(environment)?;
        let stage = self.stage(environment, &bundle, &kept).await;
        let drill = Drill {
            control: self,
            environment,
            bundle: &bundle,
            job,
            stage: stage.as_ref().and_then(|(_, laid)| laid.as_ref().ok()),
        };
        let (sources, mut steps) = drill.parts(&kept, what).await;
        let boot = match stage {
            Some((service, laid)) => Some(boot(service, laid, &sources, job, &mut steps).await),
            None => None,
        };
        let proof = Proof {
            point: kept.point.id,
            name: kept.point.name.clone(),
            began,
            ended: now(),
            sources,
            boot,
            steps,
            rpo: Some(began.since(super::create::taken(&kept.point))),
            objectives: bundle.stack.backups.objectives,
        };
        self.keep_proof(job, kept, &proof, started.elapsed()).await
    }

    /// Where the service that is to be started against the copy will be; `None`: none is.
    async fn stage(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        bundle: &Arc<Bundle>,
        kept: &KeptPoint,
    ) -> Option<(ServiceName, Result<Stage, String>)> {
        let drill = bundle.stack.backups.drill.as_ref()?;
        let service = drill.boot.clone()?;
        let parts = &kept.point.parts;
        let stage = Stage::lay(self, environment, bundle, &service, parts).await;
        Some((service, stage))
    }

    /// Writes down what came of it, with the point.
    async fn keep_proof(
        &self,
        job: &Job,
        mut kept: KeptPoint,
        proof: &Proof,
        took: Duration,
    ) -> Result<String, Trouble> {
        let judged = proof.judge();
        job.note(format!("RTO {}", proof.judge_rto().reason));
        job.note(format!("RPO {}", proof.judge_rpo().reason));
        let passed = proof.is_proven();
        kept.proof = Some(Proven {
            at: now(),
            passed,
            report: job.shown().report,
            took,
        });
        // What a prune or a copy did to the row meanwhile cannot be: one job at a time.
        self.keep_point(&kept).await?;
        let scope = &kept.point.scope;
        let points = self.points(scope).await?;
        self.backups.board.points(scope, &points);
        if passed {
            Ok(format!(
                "restore point {} is proven: {}",
                kept.point.name, judged.reason
            ))
        } else {
            Err(Trouble::new(format!(
                "restore point {} is not proven: {}",
                kept.point.name, judged.reason
            ))
            .hint("make another one and drill that: `mainstay backup create`, `mainstay backup drill`"))
        }
    }
}

/// Starts the service against what came back, and ends all that was started for it.
async fn boot(
    service: ServiceName,
    stage: Result<Stage, String>,
    sources: &[SourceProof],
    job: &Job,
    steps: &mut Vec<Timed>,
) -> Boot {
    let began = Instant::now();
    job.step(format!("starting {service} against the copy"));
    let came = match stage {
        Ok(stage) => {
            for (service, what) in stage.empty() {
                job.note(format!(
                    "not tried: `{what}` is empty for {service}: no part that was brought holds it"
                ));
            }
            let came = stage.boot(sources, job).await;
            stage.end().await;
            came
        }
        Err(reason) => Came::CannotTry(reason),
    };
    let boot = Boot { service, came };
    let judged = boot.judge();
    job.note(format!("{}: {}", word(judged.verdict), judged.reason));
    steps.push(Timed {
        what: boot.service.to_string(),
        took: began.elapsed(),
    });
    boot
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "failed",
        _ => "not tried",
    }
}

/// Where one part is restored.
struct Drill<'a> {
    control: &'a Arc<Control>,
    environment: &'a Arc<Environment>,
    bundle: &'a Bundle,
    job: &'a Job,
    /// Where databases are restored that a service is started against.
    stage: Option<&'a Stage>,
}

impl Drill<'_> {
    /// Each part that is asked for, and how long it took.
    async fn parts(&self, kept: &KeptPoint, what: &BackupWhat) -> (Vec<SourceProof>, Vec<Timed>) {
        let mut sources = Vec::new();
        let mut steps = Vec::new();
        let mut parts: Vec<&Part> = kept.point.parts.iter().collect();
        // Files are there before the first engine starts among them.
        parts.sort_by_key(|part| part.kind.has_engine());
        for part in parts {
            if part.kind == PartKind::PostgresqlBase || !what.has(&part.source) {
                continue;
            }
            let (step, job) = (Instant::now(), self.job);
            job.step(format!("restoring {} into a scratch instance", part.source));
            let proof = self.part(kept, part).await;
            let judged = proof.judge();
            job.note(format!("{}: {}", word(judged.verdict), judged.reason));
            sources.push(proof);
            steps.push(Timed {
                what: part.source.clone(),
                took: step.elapsed(),
            });
        }
        (sources, steps)
    }

    async fn part(&self, kept: &KeptPoint, part: &Part) -> SourceProof {
        let source = self.bundle.stack.backups.sources.get(&part.source);
        let seen = match (part.kind, source) {
            (
                PartKind::Postgresql | PartKind::Redis | PartKind::Mysql | PartKind::Sqlite,
                Some(source),
            ) => self.database(kept, part, source).await,
            (PartKind::Postgresql | PartKind::Redis | PartKind::Mysql | PartKind::Sqlite, None) => {
                return SourceProof {
                    source: part.source.clone(),
                    restored: Restored::CannotTry(
                        "it is no source of the stack any more".to_owned(),
                    ),
                    compared: None,
                    asked: None,
                };
            }
            (PartKind::Directory | PartKind::Stack | PartKind::Certificates, _) => {
                self.tree(kept, part).await
            }
            _ => self.stream(kept, part).await,
        };
        let (restored, compared, asked) = match seen {
            Ok(seen) => (Restored::Yes, seen.compared, seen.asked),
            Err(trouble) => (Restored::No(trouble.to_string()), None, None),
        };
        SourceProof {
            source: part.source.clone(),
            restored,
            compared,
            asked,
        }
    }

    fn bringing(&self) -> Bringing<'_> {
        Bringing {
            control: self.control,
            environment: self.environment,
            bundle: self.bundle,
            job: self.job,
        }
    }

    fn found(&self, kept: &KeptPoint, part: &Part) -> Result<Found, Trouble> {
        self.control.found(self.bundle, kept, part)
    }

    /// Into an engine of its own, made of the service's own image or program.
    async fn database(
        &self,
        kept: &KeptPoint,
        part: &Part,
        source: &BackupSource,
    ) -> Result<Seen, Trouble> {
        let found = self.found(kept, part)?;
        let stack = &self.bundle.stack;
        let service = source.kind.service();
        let staged = self.stage.zip(service);
        let staged = staged.filter(|_| part.kind.has_engine());
        // A Redis that serves lets keys expire: what it has is compared where none does.
        let compared_there = part.kind != PartKind::Redis;
        if let Some((stage, service)) = staged.filter(|_| compared_there) {
            let opened = self.to_stage(&found, source, stage, service).await?;
            return self.look(&found, source, &opened).await;
        }
        let alone = part.kind == PartKind::Sqlite && stack.target == TargetKind::Process;
        let scratch = match service.filter(|_| !alone) {
            Some(service) => {
                let (control, environment) = (self.control, self.environment);
                let none = Mounts::None;
                Some(Scratch::start(control, environment, self.bundle, service, none).await?)
            }
            None => None,
        };
        let place: Arc<dyn Place> = match &scratch {
            Some(scratch) => scratch.place(),
            None => Arc::new(mainstay_databases::Nowhere),
        };
        let seen = self.within(&found, source, place).await;
        if let Some(scratch) = scratch {
            scratch.end().await;
        }
        let seen = seen?;
        if let Some((stage, service)) = staged {
            self.to_stage(&found, source, stage, service).await?;
        }
        Ok(seen)
    }

    /// Into the service's own database as it starts with nothing in it: a service is started against it later.
    async fn to_stage(
        &self,
        found: &Found,
        source: &BackupSource,
        stage: &Stage,
        service: &ServiceName,
    ) -> Result<Opened, Trouble> {
        let place: Arc<dyn Place> = Arc::new(stage.beside(service).await?);
        let (stack, spool) = (&self.bundle.stack, self.control.spool());
        let details = &found.part.details;
        let database = super::engines::database_of(stack, source, None, details, &spool)?;
        let database = database.ok_or_else(|| Trouble::new("it is no database"))?;
        let opened = Opened { database, place };
        let undo = self.bringing().load(&opened, found, Load::Replace).await?;
        let place = Arc::clone(&opened.place);
        opened.database.settle(place, &undo).await?;
        Ok(opened)
    }

    async fn within(
        &self,
        found: &Found,
        source: &BackupSource,
        place: Arc<dyn Place>,
    ) -> Result<Seen, Trouble> {
        let details = &found.part.details;
        let stack = &self.bundle.stack;
        let template =
            super::engines::database_of(stack, source, None, details, &self.control.spool())?;
        let template = template.ok_or_else(|| Trouble::new("it is no database"))?;
        let database: Box<dyn Database> = template.scratch(Arc::clone(&place)).await?;
        let opened = Opened { database, place };
        self.bringing().load(&opened, found, Load::Replace).await?;
        self.look(found, source, &opened).await
    }

    /// Compares, and asks what is to be asked.
    async fn look(
        &self,
        found: &Found,
        source: &BackupSource,
        opened: &Opened,
    ) -> Result<Seen, Trouble> {
        let place = || Arc::clone(&opened.place);
        let figures = opened.database.figures(place()).await?;
        let compared = found
            .part
            .figures
            .as_ref()
            .map(|saved| compare(saved, &figures));
        let asked = match &source.query {
            Some(query) => {
                let answer = opened.database.ask(place(), query).await;
                Some(AskedQuery {
                    answer: answer.map_err(|failure| failure.to_string()),
                })
            }
            None => None,
        };
        Ok(Seen { compared, asked })
    }

    /// Into a directory of our own: as many bytes as were saved, each checked against its hash by the way.
    async fn tree(&self, kept: &KeptPoint, part: &Part) -> Result<Seen, Trouble> {
        let found = self.found(kept, part)?;
        let place = self.control.data().backups().join("drill");
        let cleared = super::own::clear(&place);
        cleared.map_err(|error| Trouble::new(format!("{}: {error}", place.display())))?;
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let loaded = client
            .load_tree(&found.location, &found.snapshot, &part.path, &place, &watch)
            .await;
        let brought = match (&loaded, self.stage.filter(|stage| stage.wants(part))) {
            (Ok(_), Some(stage)) => {
                let (archive, packing) = super::pipe::packed(&place, FILES);
                let filled = stage.fill(part, FILES, archive).await;
                let packed = packing.await.map_err(|error| error.to_string())?;
                filled.and(packed.map_err(|error| Trouble::new(error.to_string())))
            }
            _ => Ok(()),
        };
        let _ = super::own::clear(&place);
        let loaded = loaded?;
        same_size(part, loaded.bytes)?;
        brought?;
        Ok(Seen {
            compared: None,
            asked: None,
        })
    }

    /// Read to its end: the same bytes as were saved.
    async fn stream(&self, kept: &KeptPoint, part: &Part) -> Result<Seen, Trouble> {
        let found = self.found(kept, part)?;
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let (at, snapshot, path) = (&found.location, &found.snapshot, &part.path);
        let stage = self.stage.filter(|stage| stage.wants(part));
        let loaded = if let (Some(stage), Some(target)) = (stage, part.details.get("target")) {
            self.unpacked(&found, stage, target).await?
        } else {
            let sink = tokio::io::sink();
            client.load_file(at, snapshot, path, sink, &watch).await?
        };
        same_size(part, loaded.bytes)?;
        if part.sha256.is_some() && loaded.sha256 != part.sha256 {
            return Err(Trouble::new("what was read is not what was saved"));
        }
        Ok(Seen {
            compared: None,
            asked: None,
        })
    }

    /// The archive of a volume into the one that a service is started with; `target`: where the live one is seen,
    /// which is what the names in it begin with.
    async fn unpacked(
        &self,
        found: &Found,
        stage: &Stage,
        target: &str,
    ) -> Result<Loaded, Trouble> {
        let (mut writer, verdict, archive) = super::pipe::pipe();
        let (part, at) = (&found.part, &found.location);
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let reading = async {
            let read = client.load_file(at, &found.snapshot, &part.path, &mut writer, &watch);
            let loaded = read.await;
            let _ = writer.shutdown().await;
            drop(writer);
            let told = loaded.as_ref().map(|_| ());
            let _ = verdict.send(told.map_err(ToString::to_string));
            loaded
        };
        let directory = target.trim_end_matches('/');
        let directory = directory.rsplit('/').next().unwrap_or_default();
        match tokio::join!(reading, stage.fill(part, directory, archive)) {
            (Err(lost), Err(trouble)) => Err(Trouble::from(lost).while_at(&trouble.message)),
            (loaded, filled) => filled.and(Ok(loaded?)),
        }
    }
}

fn same_size(part: &Part, bytes: u64) -> Result<(), Trouble> {
    if bytes == part.bytes {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "{bytes} bytes came back, and {} were saved",
        part.bytes
    )))
}

fn compare(saved: &Figures, restored: &Figures) -> Compared {
    Compared {
        tables: saved.tables.len(),
        differences: differences(saved, restored),
    }
}
