//! Takes imported rows out of Karbor's database again: all of a source's, in one transaction.
//!
//! ```text
//!   marks (what tells a row) ─► sets (which rows) ─┬► preview (what goes, what changed, what depends on it)
//!                                                  ├► delete (in the order of foreign keys, and proves it)
//!                                                  └► script (the same statements, for psql)
//! ```
//! The statements stand once: they are what PostgreSQL 9.2 and SQLite both read. What is shown to the operator is looked at
//! in a transaction of its own, so that nobody waits for an answer at a terminal; the transaction that deletes looks again,
//! and refuses where it finds anything else.

pub(crate) mod beside;
mod changes;
pub(crate) mod delete;
pub(crate) mod index;
pub(crate) mod marks;
pub(crate) mod preview;
pub(crate) mod references;
pub mod request;
mod script;
pub(crate) mod sets;

use crate::error::{Error, Result};
use crate::karbor::layout::Layout;
use crate::load::session::Session;
use crate::load::{Intent, Opened, Sink, Target};
use crate::progress::{Cancel, Progress, Stage};
use crate::removal::request::Request;
use marks::ImportPredicates;
use serde::Serialize;

pub use preview::{
    Beside, Change, ChangeCount, ChangedRow, Changes, Dependent, Dependents, LISTED, Origin, Preview, Rows,
};
pub use script::write as write_script;

/// How a rollback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The rows are gone, and that is committed.
    RolledBack,
    /// Nothing imported was found.
    Nothing,
    /// Rows that Karbor made depend on imported ones: nothing was deleted.
    Refused,
    /// Nothing was asked for but to be shown.
    Shown,
}

/// Looks at what a rollback would delete; changes nothing, and lets nobody wait.
///
/// # Errors
/// The target's.
pub fn look(target: Box<dyn Target>, request: Request, progress: &Progress) -> Result<Preview> {
    // From here on nothing has begun that a killed process would leave undone, the operator's thinking included.
    progress.enter(Stage::Reading);
    let name = target.name();
    let Opened { mut sink, layouts } = target.open(Intent::Look)?;
    let session = session_of(&mut sink, &name)?;
    let preview = preview::look(session, &layouts, request)?;
    refuse_referring(session, &name, &layouts, request)?;
    sink.rollback()?;
    Ok(preview)
}

/// Deletes the rows, proves that they are gone, and commits. With what was `shown` before, it must still be so.
///
/// # Errors
/// Nothing was deleted, but for [`Error::CommitUnknown`].
pub fn roll_back(
    target: Box<dyn Target>,
    request: Request,
    shown: Option<&Preview>,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Preview, Ending)> {
    progress.enter(Stage::Preparing);
    let name = target.name();
    let undone = |error: Error| error.undone("nothing was deleted");
    let Opened { mut sink, layouts } = target.open(Intent::Write).map_err(undone)?;
    let session = session_of(&mut sink, &name)?;
    let preview = preview::look(session, &layouts, request).map_err(undone)?;
    if let Some(difference) = shown.and_then(|shown| shown.difference(&preview)) {
        let what = format!("{name}: it changed since it was shown ({difference}); nothing was deleted");
        return Err(Error::target(what, "run the rollback again and look at what it shows now"));
    }
    let ending = match preview.total() {
        _ if preview.refused() => Ending::Refused,
        0 => Ending::Nothing,
        _ => Ending::RolledBack,
    };
    if ending != Ending::RolledBack {
        sink.rollback()?;
        return Ok((preview, ending));
    }
    progress.enter(Stage::Loading);
    refuse_referring(session, &name, &layouts, request).map_err(undone)?;
    delete::roll_back(session, &name, &layouts, &preview).map_err(undone)?;
    for set in sets::Sets::of_rollback(ImportPredicates::new(&layouts, session.dialect()), request).names() {
        session.execute("dropping a temporary table", &format!("DROP TABLE {set}")).map_err(undone)?;
    }
    progress.enter(Stage::Finishing);
    cancel.check()?;
    sink.commit().map_err(undone)?;
    Ok((preview, ending))
}

/// Rows of tables that are not Karbor's, or not known to be, are named before anything is deleted.
fn refuse_referring(
    session: &mut dyn Session,
    name: &str,
    layouts: &[Layout; 6],
    request: Request,
) -> Result<()> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    let references = references::read(session, marks)?;
    references::refuse_referring(session, name, marks, &references, &|table| {
        Some(delete::of_rollback(marks, request, table))
    })
}

fn session_of<'s>(sink: &'s mut Box<dyn Sink>, name: &str) -> Result<&'s mut dyn Session> {
    let none =
        || Error::target(format!("{name}: is no database"), "name a database: postgresql://… or PATH.db");
    sink.session().ok_or_else(none)
}
