//! Reads the copies that a file holds. The file is opened to be read and is never made.

use super::failure::Explain;
use crate::error::{Error, Result};
use crate::load::presence::Take;
use crate::progress::Cancel;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Asks `question` and hands on its rows.
///
/// # Errors
/// There is no such file, or it holds no such table.
pub(in crate::load) fn read(path: &Path, question: &str, cancel: &Cancel, take: Take<'_>) -> Result<()> {
    if !std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0) {
        let what = format!("{}: there is no such database", path.display());
        return Err(Error::target(what, "name the target that the copies were imported into"));
    }
    let explain = Explain::of(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| explain.error(e))?;
    let mut statement = connection.prepare(question).map_err(|e| explain.error(e))?;
    let mut rows = statement.query([]).map_err(|e| explain.error(e))?;
    while let Some(row) = rows.next().map_err(|e| explain.error(e))? {
        cancel.check()?;
        let text = |n: usize| row.get_ref(n)?.as_str().map_err(rusqlite::Error::from);
        match (text(0), text(1)) {
            (Ok(id), Ok(info)) => take(id, info),
            (Err(error), _) | (_, Err(error)) => return Err(explain.error(error)),
        }
    }
    Ok(())
}
