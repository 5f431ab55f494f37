//! Rows and checksums of every table, counted by the server while it streams over them.
//!
//! The checksum of a table is the sum over its rows of a hash of the row's text, with columns in the order of
//! their names: neither the order of rows nor that of columns counts, and a restored table has the same.
//! It finds damage, not malice.

use super::login::Client;
use super::session::Session;
use crate::database::Failure;
use mainstay_recovery::{Figures, TableFigures};
use std::time::Duration;

/// For the figures of all tables.
pub(crate) const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// User tables, partitions each for itself; not what an extension made, which a dump leaves to it.
const TABLES: &str = "\
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
";

/// Takes the figures in the session's transaction.
pub(crate) async fn take(
    session: &mut Session,
    client: &Client,
    checksums: bool,
) -> Result<Figures, Failure> {
    let lines = session.ask(&sql(client.version, checksums), LIMIT).await?;
    let mut figures = Figures::default();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let (name, table) = parse(line)?;
        figures.tables.insert(name, table);
    }
    Ok(figures)
}

fn parse(line: &str) -> Result<(String, TableFigures), Failure> {
    let parsed: Result<(String, u64, Option<String>), _> = serde_json::from_str(line);
    let (name, rows, checksum) = parsed
        .map_err(|error| Failure::new(format!("the figures of a table cannot be read: {error}")))?;
    Ok((name, TableFigures { rows, checksum }))
}

/// A query that writes one query for each table, which `psql` then runs one by one.
fn sql(version: u32, checksums: bool) -> String {
    // The extended hash came with PostgreSQL 11.
    let hash = if version >= 110_000 {
        "hashtextextended(ROW(%s)::text COLLATE \"C\", 0)"
    } else {
        "(''x'' || substr(md5(ROW(%s)::text), 1, 16))::bit(64)::bigint"
    };
    let checksum = if checksums {
        format!(
            "format('coalesce(sum({hash}), 0)::text', (SELECT string_agg(format('r.%I', a.attname), ', ' ORDER BY \
             a.attname COLLATE \"C\") FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT \
             a.attisdropped))"
        )
    } else {
        "'NULL'".to_owned()
    };
    format!(
        "SELECT format('SELECT json_build_array(%L, count(*), %s)::text FROM ONLY %I.%I r', n.nspname || '.' || \
         c.relname, {checksum}, n.nspname, c.relname) {TABLES} ORDER BY pg_relation_size(c.oid) DESC, 1 \\gexec\n\
         SELECT json_build_array('(large objects)', count(*), NULL)::text FROM pg_largeobject_metadata HAVING \
         count(*) > 0;"
    )
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_is_a_table() {
        let (name, table) = parse(r#"["public.a\nb", 3, "-12"]"#).unwrap();
        assert_eq!((name.as_str(), table.rows), ("public.a\nb", 3));
        assert_eq!(table.checksum.as_deref(), Some("-12"));
        assert!(parse("[1]").is_err());
    }
}
