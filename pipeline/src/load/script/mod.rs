//! The script target: SQL that psql or gsql loads later, for targets that cannot be reached from here.
//!
//! Nothing is known of the target while the script is written, so the script looks for itself and refuses in time: it takes
//! the same lock as a run, looks the service and the trusts up, and counts before it commits. It is text COPY and SQL of
//! PostgreSQL 9.2. The same rows always give the same bytes.

pub(crate) mod sql;

use crate::error::{Error, Result};
use crate::files::Replacement;
use crate::files::mark::{self, Found};
use crate::karbor::layout::{Format, Layout};
use crate::karbor::{STATES, WRITTEN};
use crate::load::lookup::Lookup;
use crate::load::names::TargetNames;
use crate::load::{Context, Intent, Opened, Refusal, Service, Sink, Survey, Target, fit};
use crate::progress::Cancel;
use std::collections::{BTreeSet, HashMap};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Small tables come in small pieces.
const BUFFER: usize = 256 * 1024;

/// A script to be written.
pub struct Script {
    path: PathBuf,
    context: Context,
}

/// A script being written.
struct Writer {
    /// `None` once the script was finished.
    out: Option<BufWriter<Replacement>>,
    path: PathBuf,
    lookup: Lookup,
    trust_known: bool,
    cancel: Arc<Cancel>,
    /// The table that is open, by its place in [`WRITTEN`].
    open: Option<usize>,
    /// Lines written, by table.
    lines: [u64; WRITTEN.len()],
}

impl Script {
    /// A script at `path`. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path, context: Context) -> Self {
        Self { path: path.to_owned(), context }
    }
}

/// The tables as a script has to take them: nothing is known of the target but its names.
pub(crate) fn layouts(names: &TargetNames) -> [Layout; 6] {
    fit::all_built_in(names, Format::Text)
}

impl Target for Script {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn survey_for(&mut self, _: Intent) -> Result<Survey> {
        let mut layouts = layouts(&self.context.names);
        let service = self.context.service_id.map(|id| Service { id, host: None, others: Vec::new() });
        if service.is_none() {
            // NULL in the script says: to be looked up.
            for layout in layouts.iter_mut().filter(|layout| layout.table.name == STATES.name) {
                let unknown = |name: &str| name == "service_id";
                for laid in &mut layout.columns {
                    laid.nullable |=
                        STATES.columns.get(laid.value).is_some_and(|column| unknown(column.name));
                }
            }
        }
        let (trusts, imported, warnings) = (HashMap::new(), Vec::new(), Vec::new());
        let live_services = BTreeSet::new();
        Ok(Survey { layouts, service, live_services, trusts, imported, comparable: false, warnings })
    }

    fn open(self: Box<Self>, _: Intent) -> Result<Opened> {
        let what = format!("{}: is a script, not a database that can be looked at", self.name());
        Err(Error::target(what, "name the database itself: postgresql://… or PATH.db"))
    }

    fn begin(self: Box<Self>, _: Intent) -> Result<Box<dyn Sink>> {
        let failed = |source| Error::File { path: self.path.clone(), doing: "making the script", source };
        let found = mark::look(&self.path, mark::is_script).map_err(failed)?;
        if found == Found::Foreign && !self.context.replace {
            let what =
                format!("{}: etl did not write this file, and does not replace it", self.path.display());
            return Err(Error::target(what, "name another file"));
        }
        let file = Replacement::create(&self.path).map_err(failed)?;
        let Context { names, service_id, trust_known, cancel, .. } = self.context;
        let lookup = Lookup { names, qualified: HashMap::new() };
        let head = sql::head(&lookup, service_id.is_some());
        let out = Some(BufWriter::with_capacity(BUFFER, file));
        let lines = [0; WRITTEN.len()];
        let mut writer = Writer { out, path: self.path, lookup, trust_known, cancel, open: None, lines };
        writer.write(head.as_bytes())?;
        Ok(Box::new(writer))
    }
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.cancel.check()?;
        let Some(out) = &mut self.out else { return Ok(()) };
        let failed = |source| Error::File { path: self.path.clone(), doing: "writing the script", source };
        out.write_all(bytes).map_err(failed)
    }
}

impl Sink for Writer {
    fn table(&mut self, layout: &Layout) -> Result<()> {
        self.open = WRITTEN.iter().position(|table| table.name == layout.table.name);
        self.write(sql::begin(layout).as_bytes())
    }

    fn rows(&mut self, bytes: Vec<u8>, _rows: u64) -> std::result::Result<(), Refusal> {
        self.write(&bytes)?;
        // A line break inside a value is written as an escape, so every one here ends a row.
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if let Some(count) = self.open.and_then(|open| self.lines.get_mut(open)) {
            *count += u64::try_from(lines).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<u64, Refusal> {
        let Some(open) = self.open.take() else { return Ok(0) };
        let states = WRITTEN.get(open).is_some_and(|table| table.name == STATES.name);
        let end = sql::end(&self.lookup, states, self.trust_known);
        self.write(end.as_bytes())?;
        Ok(self.lines.get(open).copied().unwrap_or(0))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        let tail = sql::tail(&self.lookup, &self.lines);
        self.write(tail.as_bytes())?;
        let Some(out) = self.out.take() else { return Ok(()) };
        let published = out.into_inner().map_err(|error| error.into_error()).and_then(Replacement::publish);
        published.map_err(|source| Error::File {
            path: self.path.clone(),
            doing: "writing the script",
            source,
        })
    }

    fn rollback(self: Box<Self>) -> Result<()> {
        // Dropping the file removes it.
        Ok(())
    }
}
