//! What loads left in a server that were killed. One server has one load at a time, so whatever is found belongs to
//! nobody any more.
//!
//! **Invariant:** what was there before a load is never given up for it: where a load had put its copy in place
//! and was cut off before anybody knew, the old comes back first, and is then what an undo of the next one keeps.

use super::Mysql;
use super::client::{list, name, text};
use super::swap::KEPT;
use super::undo::{drop_database, exchanged, undo};
use crate::database::Failure;
use crate::place::Place;

/// Older ones were kept by a load that ended well: only the giving up failed.
const STALE: &str = "NOW() - INTERVAL 1 DAY";

/// Whose a database is that keeps what was there.
enum Of {
    /// Of a load into this one, which was cut off.
    Here,
    /// Nothing was moved yet, or nobody will ask for it any more.
    Nobody,
    /// Of another database, or of a version that did not say.
    Another,
}

pub(super) async fn sweep(mysql: &Mysql, place: &dyn Place) -> Result<(), Failure> {
    for kept in called(mysql, place, "mainstay_undo_").await? {
        match whose(mysql, place, &kept).await? {
            Of::Here => undo(mysql, place, &exchanged(&mysql.database, &kept)).await?,
            Of::Nobody => drop_database(mysql, place, &kept).await?,
            Of::Another => {}
        }
    }
    for begin in ["mainstay_load_", "mainstay_gone_"] {
        for left in called(mysql, place, begin).await? {
            drop_database(mysql, place, &left).await?;
        }
    }
    Ok(())
}

async fn called(mysql: &Mysql, place: &dyn Place, begin: &str) -> Result<Vec<String>, Failure> {
    let rest = format!(
        "FROM information_schema.schemata WHERE LEFT(schema_name, {}) = {} ORDER BY schema_name",
        begin.len(),
        text(begin)
    );
    list(mysql, place, "schema_name", &rest).await
}

async fn whose(mysql: &Mysql, place: &dyn Place, kept: &str) -> Result<Of, Failure> {
    let rest = format!(
        "FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
        text(kept),
        text(KEPT)
    );
    let age = format!("IF(create_time < {STALE}, 'stale', 'young')");
    let written = list(mysql, place, &age, &rest).await?;
    let Some(age) = written.first() else {
        return Ok(Of::Nobody);
    };
    let of = |kind: &str| {
        let (kept, table) = (name(kept), name(KEPT));
        format!("FROM {kept}.{table} WHERE kind = '{kind}'")
    };
    // It is written in one transaction before anything is touched.
    if list(mysql, place, "kind", &of("definitions"))
        .await?
        .is_empty()
    {
        return Ok(Of::Nobody);
    }
    let here = list(mysql, place, "what", &of("here")).await?;
    Ok(match here.first() {
        Some(here) if *here != mysql.database => Of::Another,
        Some(_) if age == "stale" => Of::Nobody,
        Some(_) => Of::Here,
        None => Of::Another,
    })
}
