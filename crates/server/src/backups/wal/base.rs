//! The base that a log is played upon: a whole server, as tar, over the replication protocol.

use super::Trouble;
use crate::backups::sources::{Known, Making, part};
use crate::control::now;
use mainstay_databases::postgres::replication::Replication;
use mainstay_model::Timestamp;
use mainstay_recovery::{Part, PartKind};
use mainstay_stack::{BackupSource, SourceKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the server has its files, as its place sees them: a detail of the part.
pub(super) const DATA: &str = "data";

/// A base is made with a restore point where the last one is older: a log that is a day long is played quickly.
const EVERY: Duration = Duration::from_secs(86_400);

impl Making<'_> {
    /// The base of a log, where one is received and none of its stretch is young enough.
    pub(in crate::backups) async fn base(
        &self,
        name: &str,
        source: &BackupSource,
    ) -> Result<Option<Part>, Trouble> {
        let SourceKind::Postgresql(postgres) = &source.kind else {
            return Ok(None);
        };
        let scope = &self.environment.scope;
        let received = self.control.backups.logs.received(scope, name);
        let Some((since, _)) = received.filter(|_| postgres.wal.is_some()) else {
            return Ok(None);
        };
        let bases = self.before.iter().flat_map(|point| &point.parts);
        let newest: Option<Timestamp> = bases
            .filter(|part| part.source == name && part.kind == PartKind::PostgresqlBase)
            .map(|part| part.taken)
            .max();
        if newest.is_some_and(|newest| newest >= since && now().since(newest) < EVERY) {
            return Ok(None);
        }
        self.job.step(format!("saving the base of {name}"));
        let (connect, login) =
            self.control
                .replication_of(self.environment, self.bundle, postgres)?;
        let opened = Replication::open(&*connect, &login).await;
        let opened = opened.map_err(|broken| Trouble::new(broken.to_string()).while_at(name))?;
        let backup = opened.base_backup(self.name.as_str()).await?;
        let path = format!("/{name}.base.tar");
        let end = backup.end;
        let whole = async move { end.await.map_err(|failure| failure.to_string()) };
        let (saved, base) = self.stream(name, &path, backup.data, whole).await?;
        let opened =
            self.control
                .database_for(self.environment, self.bundle, source, &BTreeMap::new())?;
        let data = opened
            .database
            .ask(opened.place, "show data_directory")
            .await?;
        let details = BTreeMap::from([
            (DATA.to_owned(), data),
            ("start".to_owned(), base.start.to_string()),
            ("end".to_owned(), base.end.to_string()),
            ("timeline".to_owned(), base.timeline.to_string()),
        ]);
        let known = Known {
            // It is consistent from here on.
            taken: Some(now()),
            details,
            ..Known::default()
        };
        let service = Some(&postgres.service);
        let kind = PartKind::PostgresqlBase;
        Ok(Some(part(name, kind, service, &path, saved, known)))
    }
}
