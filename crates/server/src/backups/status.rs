//! Everything about the backups of an environment, on one page.

use crate::api::types::{ApiError, BackupSource as ShownSource, BackupsStatus};
use crate::control::Control;
use mainstay_model::Scope;
use mainstay_stack::{BackupSource, SourceKind};

impl Control {
    pub(crate) async fn backups_status(&self, scope: &Scope) -> Result<BackupsStatus, ApiError> {
        let environment = self.environment(scope)?;
        let current = environment.inner().current.clone();
        let backups = current.as_ref().map(|bundle| bundle.stack.backups.clone());
        let off = match &backups {
            None => Some("nothing runs here".to_owned()),
            Some(backups) if !backups.enabled => Some(
                "`backups` is not switched on for this environment; what you ask for by hand is done"
                    .to_owned(),
            ),
            Some(_) => None,
        };
        let backups = backups.unwrap_or_default();
        let copies = backups.copies.iter().map(|(name, copy)| {
            let place = self.place_of(scope, &copy.repository.at);
            (name.clone(), place)
        });
        let sources = backups.active().map(|(name, source)| ShownSource {
            name: name.clone(),
            kind: source.kind.word().to_owned(),
            what: what(source),
        });
        Ok(BackupsStatus {
            scope: scope.clone(),
            off,
            repository: self.place_of(scope, &backups.repository.at),
            copies: copies.collect(),
            sources: sources.collect(),
            schedules: super::schedule::schedules(&environment, &backups),
            points: self.points(scope).await?,
            jobs: self.backup_jobs(scope).await?,
            logs: self.logs_received(scope),
            rpo: backups.objectives.rpo,
            rto: backups.objectives.rto,
        })
    }
}

/// `database shop of postgres`, `volume uploads`
fn what(source: &BackupSource) -> String {
    let of = |database: &Option<String>, service: &mainstay_model::ServiceName| match database {
        Some(database) => format!("database {database} of {service}"),
        None => format!("the database of {service}"),
    };
    match &source.kind {
        SourceKind::Postgresql(one) => {
            let log = one.wal.map_or("", |_| ", and its log");
            format!("{}{log}", of(&one.database, &one.service))
        }
        SourceKind::Mysql(one) => of(&one.database, &one.service),
        SourceKind::Redis(one) => format!("all of {}", one.service),
        SourceKind::Sqlite(one) => one.path.clone(),
        SourceKind::Volume(one) => format!("volume {}", one.volume),
        SourceKind::Directory(one) => one.path.display().to_string(),
        SourceKind::Command(one) => one.dump.join(" "),
    }
}
