//! SQLite: copies of one file that is written to while it is copied.
//!
//! A file that this process can open is copied by SQLite's own online backup; one that only a place has, by
//! `sqlite3` or by Python there. Either way the copy is one moment's, it is checked and counted as a file of our own, and
//! only then handed on. Back it goes by the same interface, into the live file: whoever has it open goes on.
//!
//! A copy in write-ahead mode holds no writer up. In the older modes writers wait while pages are copied.

mod content;
mod copy;
mod here;
mod place;
mod spool;

use crate::clock::now;
use crate::database::{Database, Dump, Dumped, Failure, Load, Undo};
use crate::place::{Answer, Place};
use crate::token::token;
use mainstay_recovery::Figures;
use spool::Spooled;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::task::spawn_blocking;

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqliteAt {
    /// This process can open it.
    Here(PathBuf),
    /// Only commands of the place can.
    Place(String),
}

/// One SQLite database.
#[derive(Debug, Clone)]
pub struct Sqlite {
    at: SqliteAt,
    spool: PathBuf,
    /// A file that is gone with this.
    _own: Option<Arc<Spooled>>,
}

impl Sqlite {
    /// `spool`: a directory of this machine with room for a copy, for nobody else to read.
    pub fn new(at: SqliteAt, spool: PathBuf) -> Self {
        Self {
            at,
            spool,
            _own: None,
        }
    }

    /// A copy on this machine, and what it holds.
    async fn copied(&self, place: &dyn Place) -> Result<(Spooled, Dumped), Failure> {
        let spooled = Spooled::new(&self.spool)?;
        let taken = now();
        match &self.at {
            SqliteAt::Here(path) => {
                let (from, to) = (path.clone(), spooled.path().to_owned());
                blocking(move || copy::copy(&from, &to)).await?;
            }
            SqliteAt::Place(path) => place::fetch(place, path, spooled.path()).await?,
        }
        let path = spooled.path().to_owned();
        let (figures, details) = blocking(move || {
            copy::check(&path)?;
            Ok((content::figures(&path, true)?, content::details(&path)?))
        })
        .await?;
        Ok((
            spooled,
            Dumped {
                taken,
                figures,
                details,
            },
        ))
    }

    /// All of `data` as a file of ours, which is a whole database.
    async fn taken_in(
        &self,
        data: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<Spooled, Failure> {
        let spooled = Spooled::new(&self.spool)?;
        spooled.fill(data).await?;
        let path = spooled.path().to_owned();
        blocking(move || copy::check(&path)).await?;
        Ok(spooled)
    }
}

/// Work on files, away from the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| Failure::new(format!("work on a database file was given up: {error}")))?
}

/// What an error of SQLite is told as.
fn failed<'a>(path: &'a Path, doing: &'a str) -> impl Fn(rusqlite::Error) -> Failure + 'a {
    move |error| Failure::new(format!("{doing} {}: {error}", path.display()))
}

impl Database for Sqlite {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        Box::pin(async move {
            let (spooled, dumped) = self.copied(&*place).await?;
            Ok(Dump {
                data: Box::new(spooled.read().await?),
                end: Box::pin(async move { Ok(dumped) }),
            })
        })
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        Box::pin(async move {
            if let SqliteAt::Here(path) = &self.at {
                let path = path.clone();
                return blocking(move || content::figures(&path, false)).await;
            }
            Ok(self.copied(&*place).await?.1.figures)
        })
    }

    fn scratch(&self, _: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        Box::pin(async move {
            let own = Arc::new(Spooled::new(&self.spool)?);
            let at = SqliteAt::Here(own.path().to_owned());
            let scratch = Self {
                at,
                spool: self.spool.clone(),
                _own: Some(own),
            };
            Ok(Box::new(scratch) as Box<dyn Database>)
        })
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        mut data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        Box::pin(async move {
            let new = self.taken_in(&mut *data).await?;
            let token = token()?;
            match &self.at {
                SqliteAt::Here(path) => {
                    let path = path.clone();
                    blocking(move || here::load(&path, new.path(), &load, &token)).await
                }
                SqliteAt::Place(path) => place::load(&*place, path, &new, load, &token).await,
            }
        })
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move {
            match &self.at {
                SqliteAt::Here(_) => {
                    let undo = undo.clone();
                    blocking(move || here::undo(&undo)).await
                }
                SqliteAt::Place(_) => place::undo(&*place, undo).await,
            }
        })
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move {
            match &self.at {
                SqliteAt::Here(_) => here::settle(undo),
                SqliteAt::Place(_) => place::settle(&*place, undo).await,
            }
        })
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        Box::pin(async move {
            match &self.at {
                SqliteAt::Here(path) => {
                    let (path, query) = (path.clone(), query.to_owned());
                    blocking(move || content::ask(&path, &query)).await
                }
                SqliteAt::Place(path) => place::ask(&*place, path, query).await,
            }
        })
    }
}

/// What an undo keeps: the file, and either the copy of what was there or that nothing was.
mod kept {
    use super::{BTreeMap, Failure, Undo};

    const FILE: &str = "file";
    const COPY: &str = "copy";
    const TABLES: &str = "tables";

    pub(super) fn new(file: &str, copy: Option<&str>, tables: &[String]) -> Undo {
        let mut kept = BTreeMap::from([(FILE.to_owned(), file.to_owned())]);
        if let Some(copy) = copy {
            kept.insert(COPY.to_owned(), copy.to_owned());
        }
        if !tables.is_empty() {
            kept.insert(TABLES.to_owned(), tables.join("\n"));
        }
        Undo { kept }
    }

    pub(super) fn file(undo: &Undo) -> Result<&str, Failure> {
        let file = undo.kept.get(FILE).map(String::as_str);
        file.ok_or_else(|| Failure::new("this undo is none of SQLite"))
    }

    /// None: there was nothing, and the file was made.
    pub(super) fn copy(undo: &Undo) -> Option<&str> {
        undo.kept.get(COPY).map(String::as_str)
    }

    /// Only these were replaced; none: all.
    pub(super) fn tables(undo: &Undo) -> Option<Vec<String>> {
        let tables = undo.kept.get(TABLES)?;
        Some(tables.split('\n').map(str::to_owned).collect())
    }
}
