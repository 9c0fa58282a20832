//! The files that a cutover itself writes: private, and under their names only when they are whole.

use crate::base::error::{Error, Result};
use std::fs::{DirBuilder, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// The last line of a whole dump, which pg_dump and gs_dump write alike.
const WHOLE: &str = "database dump complete";

/// A folder for files that hold customers' data.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| Error::file("the folder", folder.display(), source))
}

/// The size of a dump, if it is whole.
///
/// # Errors
/// It cannot be read.
pub fn whole(path: &Path) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(512)))?;
    let mut end = Vec::new();
    file.take(512).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).contains(WHOLE).then_some(size))
}

/// Those of `tables` of which no title of a dump says that it holds them (`-- Name: plans; Type: TABLE; …`, or `-- Data for
/// Name: …; Type: TABLE DATA`, which pg_dump and gs_dump write alike).
///
/// # Errors
/// It cannot be read.
pub fn missing<'t>(path: &Path, tables: &[&'t str]) -> io::Result<Vec<&'t str>> {
    let mut left: Vec<(&str, String)> =
        tables.iter().map(|table| (*table, format!("Name: {}; Type: TABLE", bare(table)))).collect();
    let (mut reader, mut line) = (BufReader::new(File::open(path)?), Vec::new());
    while !left.is_empty() && reader.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(b"-- ") {
            let title = String::from_utf8_lossy(&line);
            left.retain(|(_, wanted)| !title.contains(wanted));
        }
        line.clear();
    }
    Ok(left.into_iter().map(|(table, _)| table).collect())
}

/// A table's name without schema and quotes, as titles have it.
fn bare(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table).trim_matches('"')
}

/// Writes everything twice.
pub struct Tee<'t> {
    /// What keeps it.
    pub kept: &'t mut Vec<u8>,
    /// What shows it.
    pub shown: &'t mut dyn Write,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        self.shown.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shown.flush()
    }
}
