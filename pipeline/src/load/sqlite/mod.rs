//! The embedded target: one SQLite file, with Karbor's tables under Karbor's own names.
//!
//! A file that does not exist yet is built beside its place and moved there when it is whole, so nothing needs undoing in it.
//! A file that exists is changed in one transaction of SQLite's, which is safe against whatever may end this process.
//! The map of target names is for servers: it is not used here.

mod failure;
mod insert;
mod policies;
pub(super) mod presence;
mod sink;

use crate::error::{Error, Result};
use crate::files::{Replacement, mark};
use crate::karbor::ddl::{self, Dialect};
use crate::karbor::layout::{Format, Layout, Stored, Width, Wire};
use crate::karbor::{Source, WRITTEN};
use crate::load::fit::{Fit, Found, all_built_in, fit};
use crate::load::lookup::{Lookup, ServiceRow, choose_service, live_services, source_of};
use crate::load::names::TargetNames;
use crate::load::{Context, Intent, Opened, Service, Sink, Survey, Target};
use failure::Explain;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// What SQLite may keep of a file in memory, in KiB. Keys are random, so a load touches pages all over their index.
const CACHE_KIB: i64 = 8 * 1024;

/// The id of the service in a file of our making, where the settings name none.
const SERVICE: i64 = 1;

/// An embedded database file.
pub struct Sqlite {
    path: PathBuf,
    context: Context,
    /// Whether the survey found a database; the transaction must find the same.
    existed: Option<bool>,
}

/// Rows of an earlier import: what they came from, their table, how many.
type Imported = (Source, &'static str, u64);

impl Sqlite {
    /// The database at `path`. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path, context: Context) -> Self {
        Self { path: path.to_owned(), context, existed: None }
    }

    /// An empty file contains no database, and one that is to be replaced none that counts.
    fn exists(&self) -> bool {
        !self.context.replace
            && fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file() || metadata.len() > 0)
    }

    fn create(self) -> Result<Box<dyn Sink>> {
        for suffix in ["-journal", "-wal"] {
            let path = with_suffix(&self.path, suffix);
            // SQLite would play it back into the new database.
            if fs::symlink_metadata(&path).is_ok() {
                let what = format!("{}: the journal of another database is in the way", path.display());
                return Err(Error::target(what, "move it away, or name another file"));
            }
        }
        let failed = |source| Error::File { path: self.path.clone(), doing: "making the database", source };
        let part = Replacement::create(&self.path).map_err(failed)?;
        let explain = Explain::of(&self.path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Locks are the part's affair: it is nobody else's file.
        let connection = Connection::open_with_flags_and_vfs(part.path(), flags, c"unix-none")
            .map_err(|e| explain.error(e))?;
        let service = self.context.service_id.unwrap_or(SERVICE);
        let made = (|| {
            // Nobody sees the file before it is whole, and then it is brought to the disk as a whole.
            connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.pragma_update(None, "application_id", mark::APPLICATION_ID)?;
            connection.execute_batch("PRAGMA foreign_keys = ON; BEGIN")?;
            for table in ddl::tables(Dialect::Sqlite) {
                connection.execute_batch(&table)?;
            }
            connection.execute_batch(&ddl::engine(Some(service), Dialect::Sqlite))
        })();
        made.map_err(|e| explain.error(e))?;
        Ok(Box::new(sink::Transaction::new(connection, self.path, self.context.cancel, Some(part))))
    }

    /// Opens a transaction on a file that exists.
    fn transaction(self, connection: Connection, intent: Intent) -> Result<Box<dyn Sink>> {
        let begin = if intent == Intent::Write { "BEGIN IMMEDIATE" } else { "BEGIN" };
        connection.execute_batch(begin).map_err(|e| Explain::of(&self.path).error(e))?;
        Ok(Box::new(sink::Transaction::new(connection, self.path, self.context.cancel, None)))
    }

    fn connect(&self, intent: Intent) -> Result<Connection> {
        let explain = Explain::of(&self.path);
        if fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::target(format!("{}: is not a file", self.path.display()), "name a file"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| explain.error(e))?;
        let prepared = (|| {
            // Somebody else's lock is told, not waited for.
            connection.busy_timeout(std::time::Duration::ZERO)?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.is_readonly("main")
        })();
        if prepared.map_err(|e| explain.error(e))? && intent == Intent::Write {
            let what = format!("{}: may only be read", self.path.display());
            return Err(Error::target(what, "let this user write the file, or name another one"));
        }
        Ok(connection)
    }

    fn look(&self, connection: &Connection) -> Result<Survey> {
        let explain = Explain::of(&self.path);
        let fails = |e| explain.error(e);
        let sound: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fails)?;
        if sound != "ok" {
            let what = format!("{}: the database is damaged: {sound}", self.path.display());
            return Err(Error::target(what, "restore it from a backup, or name a new file"));
        }
        let (layouts, mut warnings) = self.tables(connection)?;
        let lookup = Lookup { names: TargetNames::default(), qualified: HashMap::new() };
        let rows = services(connection, &lookup).map_err(fails)?;
        let (service, warning) = choose_service(&self.name(), &rows, self.context.service_id)?;
        warnings.extend(warning);
        let trusts = if self.context.trust_known { Ok(HashMap::new()) } else { trusts(connection, &lookup) };
        let (trusts, imported) = (trusts.map_err(fails)?, imported(connection).map_err(fails)?);
        let (service, live_services) = (Some(service), live_services(&rows));
        Ok(Survey { layouts, service, live_services, trusts, imported, comparable: true, warnings })
    }

    /// The tables as they really are, and what the operator should know about them.
    fn tables(&self, connection: &Connection) -> Result<([Layout; 6], Vec<String>)> {
        let explain = Explain::of(&self.path);
        let fails = |e| explain.error(e);
        let names = TargetNames::default();
        let absent = absent_tables(connection);
        if !absent.is_empty() {
            let what = format!(
                "{}: is a database without Karbor's tables {}",
                self.path.display(),
                absent.join(", ")
            );
            return Err(Error::target(what, "name another file; one that does not exist is made"));
        }
        let mut layouts: [Layout; 6] = all_built_in(&names, Format::Tagged);
        let (mut warnings, mut problems) = (Vec::new(), Vec::new());
        for layout in &mut layouts {
            let found = columns(connection, layout).map_err(fails)?;
            let Fit { layout: fitted, warnings: more, problems: bad } =
                fit(layout.table, &names, &found, Format::Tagged);
            *layout = fitted;
            warnings.extend(more);
            problems.extend(bad);
        }
        if let Some(first) = problems.first() {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let what = format!("{}: {}", self.path.display(), all.join("; "));
            return Err(Error::target(what, first.remedy()));
        }
        Ok((layouts, warnings))
    }
}

/// The tables that a database of Karbor's has and this one lacks.
fn absent_tables(connection: &Connection) -> Vec<&'static str> {
    let absent = ["services"].into_iter().chain(WRITTEN.map(|table| table.name)).filter(|table| {
        let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
        connection.query_row(sql, [table], |row| row.get(0)).is_ok_and(|count: i64| count == 0)
    });
    absent.collect()
}

/// Whether the database of SQLite at `path` is another program's: none that etl made, and without Karbor's tables. One that
/// cannot be looked at, since it is locked or damaged, is not judged.
#[must_use]
pub fn is_foreign(path: &Path, head: &[u8]) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    !mark::is_own_database(head)
        && Connection::open_with_flags(path, flags).is_ok_and(|connection| {
            let all = WRITTEN.len() + 1;
            let readable = connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).is_ok();
            readable && absent_tables(&connection).len() == all
        })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Reads the policies that the file at `path` holds.
///
/// # Errors
/// It cannot be read.
pub(super) fn read_policies(
    path: &Path,
    context: &Context,
    take: crate::load::stored_policies::Take<'_>,
) -> Result<()> {
    policies::read(path, &context.cancel, take)
}

impl Target for Sqlite {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn survey_for(&mut self, intent: Intent) -> Result<Survey> {
        self.context.cancel.check()?;
        let exists = self.exists();
        self.existed = Some(exists);
        if exists {
            return self.look(&self.connect(intent)?);
        }
        let id = self.context.service_id.unwrap_or(SERVICE);
        let service = Some(Service { id, host: Some("localhost".to_owned()), others: Vec::new() });
        let layouts = all_built_in(&TargetNames::default(), Format::Tagged);
        let (trusts, imported, warnings) = (HashMap::new(), Vec::new(), Vec::new());
        let live_services = BTreeSet::new();
        Ok(Survey { layouts, service, live_services, trusts, imported, comparable: false, warnings })
    }

    fn open(self: Box<Self>, intent: Intent) -> Result<Opened> {
        self.context.cancel.check()?;
        if !self.exists() {
            let what = format!("{}: there is no such database", self.path.display());
            return Err(Error::target(what, "name the file that etl run made"));
        }
        let connection = self.connect(intent)?;
        let layouts = self.tables(&connection)?.0;
        Ok(Opened { sink: self.transaction(connection, intent)?, layouts })
    }

    fn begin(self: Box<Self>, intent: Intent) -> Result<Box<dyn Sink>> {
        self.context.cancel.check()?;
        let exists = self.exists();
        if self.existed.is_some_and(|existed| existed != exists) {
            let what = format!("{}: it came or went since it was looked at", self.path.display());
            return Err(Error::target(what, "let nothing else write there, and run again"));
        }
        if !exists {
            return self.create();
        }
        let connection = self.connect(intent)?;
        self.transaction(connection, intent)
    }
}

/// The columns of a table. Widths are Karbor's: SQLite minds none.
fn columns(connection: &Connection, layout: &Layout) -> rusqlite::Result<Vec<Found>> {
    let karbors = |name: &str| layout.columns.iter().find(|laid| laid.name == name);
    let sql = format!("PRAGMA table_info({})", layout.into);
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get("name")?;
        let known = karbors(&name);
        let (key, default): (i64, Option<String>) = (row.get("pk")?, row.get("dflt_value")?);
        let type_name: String = row.get("type")?;
        // An integer key is the number of the row, which SQLite gives.
        let numbered = key == 1 && type_name.eq_ignore_ascii_case("integer");
        Ok(Found {
            wire: known.map_or(Wire::Text, |laid| laid.wire),
            width: known.map_or(Width::Unlimited, |laid| laid.width),
            stored: Stored::Whole,
            not_null: row.get("notnull")?,
            default: numbered || default.is_some(),
            computed: false,
            type_name,
            name,
        })
    })?;
    rows.collect()
}

fn services(connection: &Connection, lookup: &Lookup) -> rusqlite::Result<Vec<ServiceRow>> {
    let mut statement = connection.prepare(&lookup.services())?;
    let rows = statement.query_map([], |row| {
        Ok(ServiceRow { id: row.get(0)?, host: row.get(1)?, live: row.get::<_, i64>(2)? != 0 })
    })?;
    rows.collect()
}

fn trusts(connection: &Connection, lookup: &Lookup) -> rusqlite::Result<HashMap<(String, String), String>> {
    let mut statement = connection.prepare(&lookup.trusts())?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

fn imported(connection: &Connection) -> rusqlite::Result<Vec<Imported>> {
    let lookup = Lookup { names: TargetNames::default(), qualified: HashMap::new() };
    let mut out = Vec::new();
    for (table, sql) in lookup.imported() {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (tag, count): (String, i64) = (row.get(0)?, row.get(1)?);
            let count = u64::try_from(count).unwrap_or(0);
            out.extend(source_of(table, &tag).map(|source| (source, table, count)));
        }
    }
    out.sort_unstable();
    Ok(out)
}
