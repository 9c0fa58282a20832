//! The file that rejected rows are set aside in: a dump of its own, to be mended and run again with the others.
//!
//! It is on the disk before the commit under a name of its own, and gets its name after it. It holds the rows' own bytes: those
//! of copies as they come, those of held rows copied from the dumps by their places.

use crate::error::{Error, Result};
use crate::files::Replacement;
use crate::files::place::Foreign;
use crate::transform::rejections::SetAside;
use parsers::columns::ColumnMap;
use parsers::input::{Input, Text};
use parsers::position::Origin;
use parsers::scan::{Block, Form, REJECTS_HEADER, REPLACES_NOTE};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of set-aside rows that is being written. Dropping it removes it.
pub struct RejectsFile {
    path: PathBuf,
    /// What the tables are called where the file is read again.
    map: ColumnMap,
    out: BufWriter<Replacement>,
    open: Option<Arc<Block>>,
    digests: Vec<u128>,
    rows: u64,
}

const EXPLANATION: &str = "--
-- Rows that etl did not migrate, as they stand in the dumps they came from.
-- Mend them here and run all the dumps again together with this file: its rows replace those with the same key.
-- A row that is deleted from this file is rejected again in the next run; the lines \"-- etl replaces\" name rows
-- whose key could not be read.
--
";

impl RejectsFile {
    /// Begins the file, readable by nobody else; tables are called in it by the names that `map` knows.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, taken: Foreign, map: &ColumnMap) -> Result<Self> {
        let file = begin_file(path, |_| taken == Foreign::Replace)?;
        let mut out = BufWriter::new(file);
        write!(out, "{REJECTS_HEADER}\n{EXPLANATION}").map_err(file_error(path, "cannot be written"))?;
        let path = path.to_owned();
        let map = map.clone();
        Ok(Self { path, map, out, open: None, digests: Vec::new(), rows: 0 })
    }

    /// Writes one row; `digest` is that of its bytes where its key could not be read.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn row(&mut self, block: &Arc<Block>, raw: &[u8], digest: Option<u128>) -> Result<()> {
        self.begin(block)?;
        self.rows += 1;
        self.digests.extend(digest);
        match block.form {
            Form::Copy => self.write(&[raw, b"\n"]),
            Form::Insert { .. } => self.write(&[self.insert_head(block).as_bytes(), raw, b";\n"]),
        }
    }

    /// Copies held rows, and rows above the row limit, from where they stand.
    ///
    /// # Errors
    /// A dump cannot be read again, or the file cannot be written.
    pub fn copy(&mut self, inputs: &mut [Input], blocks: &[Arc<Block>], rows: &[SetAside]) -> Result<()> {
        let mut rows: Vec<&SetAside> = rows.iter().collect();
        rows.sort_by_key(|row| row.origin);
        let mut reading: Option<Copier> = None;
        for row in rows {
            let origin = row.origin;
            let Some(block) = block_of(blocks, origin) else { continue };
            let Some(input) = inputs.get_mut(usize::from(origin.dump.0)) else { continue };
            if reading.as_ref().is_none_or(|copier| copier.dump != origin.dump.0) {
                reading = Some(Copier {
                    dump: origin.dump.0,
                    text: input.text_from(origin.position.byte)?,
                    at: origin.position.byte,
                });
            }
            let Some(copier) = reading.as_mut() else { continue };
            self.begin(block)?;
            self.rows += 1;
            self.digests.extend(row.digest);
            if let Form::Insert { .. } = block.form {
                self.write(&[self.insert_head(block).as_bytes()])?;
            }
            copier.copy(origin, |bytes| self.write(&[bytes]))?;
            self.write(&[if block.form == Form::Copy { &b"\n"[..] } else { b";\n" }])?;
        }
        Ok(())
    }

    /// Closes the dump and waits until it is on disk; returns its rows.
    ///
    /// # Errors
    /// The file cannot be written, or another run made one of its name since.
    pub fn close(&mut self) -> Result<u64> {
        self.end()?;
        self.write(&[b"--\n-- PostgreSQL database dump complete\n--\n"])?;
        let sync = self.out.flush().and_then(|()| self.out.get_ref().sync());
        sync.map_err(file_error(&self.path, "cannot be written"))?;
        self.out.get_ref().check_place().map_err(file_error(&self.path, "cannot be written"))?;
        Ok(self.rows)
    }

    /// Gives the file its name, after the commit; returns where the rows are. Where it cannot be renamed they are kept beside
    /// it, and the reason comes with it: what is committed is not a failure any more.
    pub fn publish(self) -> (PathBuf, Option<std::io::Error>) {
        // Everything is on the disk since it was closed.
        let (file, _) = self.out.into_parts();
        match file.publish_or_keep() {
            Ok(_) => (self.path, None),
            Err((kept, error)) => (kept, Some(error)),
        }
    }

    fn begin(&mut self, block: &Arc<Block>) -> Result<()> {
        if self.open.as_ref().is_some_and(|open| Arc::ptr_eq(open, block)) {
            return Ok(());
        }
        self.end()?;
        let strings = if block.quoting.backslash_escapes { "off" } else { "on" };
        let mut head = format!(
            "\nSET client_encoding = '{}';\nSET standard_conforming_strings = {strings};\n",
            block.quoting.encoding
        );
        if block.form == Form::Copy {
            let oids = if block.oids { " WITH OIDS" } else { "" };
            head.push_str(&format!(
                "COPY {} ({}){oids} FROM stdin;\n",
                quoted(self.map.name_of(block.table)),
                columns(block)
            ));
        }
        self.open = Some(Arc::clone(block));
        self.write(&[head.as_bytes()])
    }

    fn insert_head(&self, block: &Block) -> String {
        format!("INSERT INTO {} ({}) VALUES ", quoted(self.map.name_of(block.table)), columns(block))
    }

    fn end(&mut self) -> Result<()> {
        let Some(block) = self.open.take() else { return Ok(()) };
        if block.form == Form::Copy {
            self.write(&[b"\\.\n"])?;
        }
        for digest in std::mem::take(&mut self.digests) {
            self.write(&[format!("{REPLACES_NOTE}{digest:032x}\n").as_bytes()])?;
        }
        Ok(())
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<()> {
        let written = parts.iter().try_for_each(|part| self.out.write_all(part));
        written.map_err(file_error(&self.path, "cannot be written"))
    }
}

/// Begins a file that is renamed at the end; one that is at its place must be one that `may_go`.
///
/// # Errors
/// The file cannot be made, or what is at its place stays.
pub(crate) fn begin_file(path: &Path, may_go: impl FnOnce(&Path) -> bool) -> Result<Replacement> {
    let file = Replacement::create(path).map_err(file_error(path, "cannot be made"))?;
    if file.replaces_something() && !may_go(path) {
        let taken =
            std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it has become another run's meanwhile");
        return Err(file_error(path, "cannot be made")(taken));
    }
    Ok(file)
}

pub(crate) fn file_error<'p>(path: &'p Path, doing: &'static str) -> impl Fn(std::io::Error) -> Error + 'p {
    move |source| Error::File { path: path.to_owned(), doing, source }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn columns(block: &Block) -> String {
    block.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// The block that a row stands in: the last one that begins before it.
fn block_of(blocks: &[Arc<Block>], origin: Origin) -> Option<&Arc<Block>> {
    let before = |block: &&Arc<Block>| block.dump == origin.dump && block.data.byte <= origin.position.byte;
    blocks.iter().filter(before).max_by_key(|block| block.data.byte)
}

/// Reads one dump forward, from row to row.
struct Copier {
    dump: u16,
    text: Text,
    at: u64,
}

impl Copier {
    fn copy(&mut self, origin: Origin, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let end = origin.position.byte + origin.length;
        while self.at < end {
            // Up to the row the text is read and dropped.
            let stop = if self.at < origin.position.byte { origin.position.byte } else { end };
            let wanted = usize::try_from(stop - self.at).unwrap_or(usize::MAX).min(buffer.len());
            let n = self.text.read(buffer.get_mut(..wanted).unwrap_or_default())?;
            if n == 0 {
                return Err(Error::Imbalance("a rejected row is not where it was".to_owned()));
            }
            if self.at >= origin.position.byte {
                write(buffer.get(..n).unwrap_or_default())?;
            }
            self.at += u64::try_from(n).unwrap_or(0);
        }
        Ok(())
    }
}
