//! What is asked of the store about documents and their words.

use super::search::Corpus;
use crate::moment::Moment;
use crate::store::{Row, Store, StoreError, statement};
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, content TEXT NOT NULL,
    words BIGINT NOT NULL, created_ms BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS terms (
    term TEXT NOT NULL, document TEXT NOT NULL, count BIGINT NOT NULL,
    PRIMARY KEY (term, document));
CREATE INDEX IF NOT EXISTS terms_by_document ON terms (document);
";

/// Listed at once.
const MAX_LISTED: i64 = 200;

/// Documents with one word that are ranked.
const MAX_HITS: i64 = 1000;

/// A document without its text.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) title: String,
    pub(crate) words: u64,
    pub(crate) created: Moment,
}

/// One word in one document.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) document: String,
    pub(crate) count: u32,
    /// Of the document, in words.
    pub(crate) length: u64,
}

impl Store {
    /// Takes it in with its words, or not at all.
    pub(crate) async fn add_document(
        &self,
        document: &Document,
        content: &str,
        words: &BTreeMap<String, u32>,
    ) -> Result<(), StoreError> {
        let mut all = vec![statement!(
            "INSERT INTO documents (id, owner, title, content, words, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            document.id.as_str(),
            document.owner.as_str(),
            document.title.as_str(),
            content,
            document.words as i64,
            document.created.0
        )];
        all.extend(words.iter().map(|(word, count)| {
            statement!(
                "INSERT INTO terms (term, document, count) VALUES ($1, $2, $3)",
                word.as_str(),
                document.id.as_str(),
                i64::from(*count)
            )
        }));
        self.run(all).await.map(drop)
    }

    pub(crate) async fn documents(&self) -> Result<Vec<Document>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT id, owner, title, words, created_ms FROM documents \
                 ORDER BY id DESC LIMIT $1",
                MAX_LISTED
            )])
            .await?;
        rows.iter().map(document).collect()
    }

    /// With its text.
    pub(crate) async fn document(
        &self,
        id: &str,
    ) -> Result<Option<(Document, String)>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT id, owner, title, words, created_ms, content FROM documents WHERE id = $1",
                id
            )])
            .await?;
        rows.first()
            .map(|row| Ok((document(row)?, row.text(5)?.to_owned())))
            .transpose()
    }

    pub(crate) async fn remove_document(&self, id: &str) -> Result<(), StoreError> {
        self.run(vec![
            statement!("DELETE FROM terms WHERE document = $1", id),
            statement!("DELETE FROM documents WHERE id = $1", id),
        ])
        .await
        .map(drop)
    }

    pub(crate) async fn corpus(&self) -> Result<Corpus, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT count(*), CAST(coalesce(sum(words), 0) AS BIGINT) FROM documents"
            )])
            .await?;
        rows.first().map_or(Ok(Corpus::default()), |row| {
            Ok(Corpus {
                documents: row.integer(0)? as u64,
                words: row.integer(1)? as u64,
            })
        })
    }

    /// The documents that have a word.
    pub(crate) async fn hits(&self, word: &str) -> Result<Vec<Hit>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT terms.document, terms.count, documents.words FROM terms \
                 JOIN documents ON documents.id = terms.document \
                 WHERE terms.term = $1 ORDER BY terms.count DESC LIMIT $2",
                word,
                MAX_HITS
            )])
            .await?;
        rows.iter().map(hit).collect()
    }
}

fn document(row: &Row) -> Result<Document, StoreError> {
    Ok(Document {
        id: row.text(0)?.to_owned(),
        owner: row.text(1)?.to_owned(),
        title: row.text(2)?.to_owned(),
        words: row.integer(3)? as u64,
        created: Moment(row.integer(4)?),
    })
}

fn hit(row: &Row) -> Result<Hit, StoreError> {
    Ok(Hit {
        document: row.text(0)?.to_owned(),
        count: row.integer(1)? as u32,
        length: row.integer(2)? as u64,
    })
}
