//! Single tables out of a dump. Filled in below.

use super::Postgres;
use crate::database::{Failure, Undo};
use crate::place::Place;
use tokio::io::AsyncRead;

#[allow(clippy::unused_async, reason = "it will wait")]
pub(crate) async fn load(
    _: &Postgres,
    _: &dyn Place,
    _: &mut (dyn AsyncRead + Send + Unpin),
    _: &[String],
) -> Result<Undo, Failure> {
    Err(Failure::new("single tables cannot be restored yet"))
}

#[allow(clippy::unused_async, reason = "it will wait")]
pub(crate) async fn undo(_: &Postgres, _: &dyn Place, _: &Undo) -> Result<(), Failure> {
    Ok(())
}

#[allow(clippy::unused_async, reason = "it will wait")]
pub(crate) async fn settle(_: &Postgres, _: &dyn Place, _: &Undo) -> Result<(), Failure> {
    Ok(())
}
