//! Reads the copies that a server holds, in a transaction that can write nothing.

use super::backend::Backend;
use crate::error::Result;
use crate::load::Ask;
use crate::load::presence::Take;
use crate::progress::Cancel;
use connect::ConnInfo;
use futures_util::{TryStreamExt as _, pin_mut};
use std::sync::Arc;

/// Asks `question` and hands on its rows as they come.
///
/// # Errors
/// The server cannot be reached, or refuses.
pub(in crate::load) fn read(
    target: &str,
    question: &str,
    ask: &mut Ask,
    cancel: &Arc<Cancel>,
    take: Take<'_>,
) -> Result<()> {
    let settings = ConnInfo::of_target(target).map_err(Box::new)?;
    let backend = Backend::connect(&settings, &mut **ask, cancel, None)?;
    let asked = backend.begin("READ ONLY").and_then(|()| {
        backend.wait(async {
            let rows = backend.client().query_raw(question, std::iter::empty::<&str>()).await?;
            pin_mut!(rows);
            while let Some(row) = rows.try_next().await? {
                take(row.try_get(0)?, row.try_get(1)?);
            }
            Ok(())
        })
    });
    let asked = asked.map_err(|failure| backend.explain("reading which copies it holds", &failure));
    backend.close();
    asked
}
