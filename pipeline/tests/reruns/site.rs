//! A target of each kind that a test runs into again and again, and looks at.

use crate::dumps::{Form, Source, dump, file_of};
use fixtures::gauss;
use fixtures::server::shared;
use parsers::columns::ColumnMap;
use parsers::columns::need::{Need, needs};
use parsers::input::Input;
use parsers::scan::Limits;
use parsers::table::Table;
use pipeline::compare::Prune;
use pipeline::error::Error;
use pipeline::karbor::WRITTEN;
use pipeline::karbor::ddl::{Dialect, script as schema};
use pipeline::load::postgres::Postgres;
use pipeline::load::sqlite::Sqlite;
use pipeline::load::{Context, Target, names::TargetNames};
use pipeline::options::Tuning;
use pipeline::options::{Mode, Options};
use pipeline::outcome::{Report, TargetTally};
use pipeline::progress::{Cancel, Progress};
use pipeline::removal;
use pipeline::removal::Ending;
use pipeline::removal::request::{OnDependents, Request, Scope};
use pipeline::settings::Settings;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A target, and what runs into it are told to do.
pub(crate) struct Site {
    place: Place,
    folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) mode: Mode,
    pub(crate) rejects: Option<PathBuf>,
    pub(crate) prune: Prune,
    pub(crate) tuning: Tuning,
    only_reads: bool,
    /// Whether what is in every dump of a history was loaded.
    pub(crate) anchored: bool,
}

enum Place {
    Postgres(String),
    Sqlite,
}

/// The map that is built in. The tests' rows have only the columns that they are about: any other that rules read may be absent.
pub(crate) fn map() -> ColumnMap {
    let mut map = ColumnMap::built_in().unwrap();
    for table in Table::ALL {
        for (column, _) in needs(table).filter(|(_, need)| need.need == Need::Meaning) {
            map.assume_absent(table.name(), column).unwrap();
        }
    }
    map
}

impl Site {
    /// Runs a test on an empty target of each kind.
    pub(crate) fn each(test: impl Fn(&mut Self)) {
        for postgres in [false, true] {
            Self::one(postgres, &test);
        }
    }

    /// Runs a test on an empty target. Everything is done in runs and batches of next to nothing: the result must not depend on
    /// it.
    pub(crate) fn one(postgres: bool, test: impl Fn(&mut Self)) {
        let place = if postgres { Place::Postgres(self::postgres()) } else { Place::Sqlite };
        let folder = tempfile::tempdir().unwrap();
        let mut tuning = pipeline::options::tuning(folder.path());
        (tuning.spool.memory, tuning.batch_rows) = if postgres { (300, 3) } else { (1, 1) };
        test(&mut Self {
            place,
            folder,
            settings: Settings::default(),
            mode: Mode::Run,
            rejects: None,
            prune: Prune::No,
            tuning,
            only_reads: false,
            anchored: false,
        });
    }

    fn target(&self) -> Box<dyn Target> {
        let context = Context {
            names: TargetNames::default(),
            service_id: self.settings.service_id,
            trust_known: self.settings.trust_id.is_some(),
            ask: Box::new(|_| None),
            cancel: Arc::new(Cancel::default()),
            replace: false,
        };
        match &self.place {
            Place::Postgres(database) => {
                let only_reads = if self.only_reads { "&options=-crole%3Donly_reads" } else { "" };
                let url = format!("{}?sslmode=disable{only_reads}", gauss::target(shared(), database));
                Box::new(Postgres::new(&url, context).unwrap())
            }
            Place::Sqlite => Box::new(Sqlite::new(&self.file(), context)),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("karbor.db")
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres(_))
    }

    /// Runs over these rows, in the dumps of their databases.
    pub(crate) fn try_run(&self, rows: &[Source]) -> Result<Report, Error> {
        let dumps = ["cinder.sql", "vbs.sql", "taskmgr.sql", "dps.sql"].into_iter().filter_map(|name| {
            let rows: Vec<&Source> = rows.iter().filter(|row| file_of(row.table) == name).collect();
            (!rows.is_empty()).then(|| (name, dump(&rows, Form::Copy).into_bytes()))
        });
        self.try_run_dumps(dumps)
    }

    pub(crate) fn try_run_dumps(
        &self,
        dumps: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    ) -> Result<Report, Error> {
        let (_folder, mut opened) = open(dumps);
        let progress = Progress::new(opened.len());
        let cancel = Arc::new(Cancel::default());
        pipeline::run::run(&mut opened, Some(self.target()), &self.options(), &progress, &cancel)
    }

    /// Converts dumps that are for no target.
    pub(crate) fn convert(
        &self,
        dumps: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    ) -> Result<Report, Error> {
        let (_folder, mut opened) = open(dumps);
        let options = Options { mode: Mode::Check, ..self.options() };
        let progress = Progress::new(opened.len());
        pipeline::run::run(&mut opened, None, &options, &progress, &Arc::new(Cancel::default()))
    }

    fn options(&self) -> Options {
        Options {
            settings: self.settings.clone(),
            columns: map(),
            limits: Limits::default(),
            threads: 2,
            rejects: self.rejects.clone(),
            rejects_taken: pipeline::files::place::Foreign::Refuse,
            noting: pipeline::row_outcomes::Noting::Nothing,
            prune: self.prune,
            tuning: self.tuning.clone(),
            mode: self.mode,
            proof: None,
        }
    }

    pub(crate) fn try_verify(
        &self,
        dumps: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    ) -> Result<pipeline::verify::Report, Error> {
        let (_folder, mut opened) = open(dumps);
        let (progress, cancel) = (Progress::new(opened.len()), Cancel::default());
        pipeline::verify::verify(&mut opened, self.target(), &self.options(), &progress, &cancel)
    }

    /// What a verification says of a table: `3 equal, 1 extra, 2 changed-in-karbor`. It must change nothing.
    #[track_caller]
    pub(crate) fn verify(&self, rows: &[Source]) -> impl Fn(&str) -> String + use<> {
        let before = self.rows();
        let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].into_iter().filter_map(|name| {
            let rows: Vec<&Source> = rows.iter().filter(|row| file_of(row.table) == name).collect();
            (!rows.is_empty()).then(|| (name, dump(&rows, Form::Copy).into_bytes()))
        });
        let report = self.try_verify(dumps).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.rows(), before, "a verification changes nothing");
        move |name| {
            let table = report.tables.iter().find(|table| table.table == name).unwrap();
            let mut parts = Vec::new();
            let mut part = |rows: u64, what: &str| (rows > 0).then(|| parts.push(format!("{rows} {what}")));
            part(table.equal, "equal");
            part(table.missing, "missing");
            part(table.extra, "extra");
            part(table.different, "different");
            for (reason, rows) in &table.changed {
                part(*rows, reason.word());
            }
            part(table.not_compared, "not compared");
            parts.join(", ")
        }
    }

    /// Brings copies their jobs' outcomes.
    #[track_caller]
    pub(crate) fn sync(&self, rows: &[Source]) -> pipeline::sync::Report {
        let rows: Vec<&Source> = rows.iter().collect();
        let (_folder, mut opened) = open([("taskmgr.sql", dump(&rows, Form::Copy).into_bytes())]);
        let columns = map();
        let options = pipeline::sync::options::Options { columns, limits: Limits::default() };
        let (progress, cancel) = (Progress::new(1), Cancel::default());
        pipeline::sync::sync(&mut opened, self.target(), &options, &progress, &cancel).unwrap()
    }

    /// Takes everything back; answers how many rows went.
    #[track_caller]
    pub(crate) fn roll_back(&self) -> u64 {
        let (rows, ending) = self.try_roll_back().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ending, Ending::RolledBack);
        rows
    }

    /// The same; returns also how it ended.
    pub(crate) fn try_roll_back(&self) -> Result<(u64, Ending), Error> {
        let request = Request { scope: Scope::All, dependents: OnDependents::Refuse };
        let (progress, cancel) = (Progress::new(0), Cancel::default());
        let (preview, ending) = removal::roll_back(self.target(), request, None, &progress, &cancel)?;
        Ok((preview.total(), ending))
    }

    #[track_caller]
    pub(crate) fn run(&self, rows: &[Source]) -> Told {
        Told(self.try_run(rows).unwrap_or_else(|error| panic!("{error}")))
    }

    /// What a run would do, which must change nothing.
    #[track_caller]
    pub(crate) fn check(&mut self, rows: &[Source]) -> Told {
        let before = self.rows();
        self.mode = Mode::Check;
        let told = self.run(rows);
        self.mode = Mode::Run;
        assert_eq!(self.rows(), before, "a check changes nothing");
        told
    }

    /// From now on the target, a PostgreSQL database, may only be read.
    pub(crate) fn only_read(&mut self) {
        self.sql(
            "DO $$ BEGIN CREATE ROLE only_reads; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO only_reads",
        );
        self.only_reads = true;
    }

    /// Runs SQL as Karbor or somebody else would.
    pub(crate) fn sql(&self, sql: &str) {
        match &self.place {
            Place::Postgres(database) => drop(shared().psql(database, sql)),
            Place::Sqlite => Connection::open(self.file()).unwrap().execute_batch(sql).unwrap(),
        }
    }

    /// Whether there is a target yet.
    pub(crate) fn exists(&self) -> bool {
        self.is_postgres() || self.file().exists()
    }

    /// The first column of all rows, as text.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        match &self.place {
            Place::Postgres(database) => shared()
                .psql(database, sql)
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            Place::Sqlite => {
                let connection = Connection::open(self.file()).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| row.get(0)).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
        }
    }

    /// One value, as text.
    pub(crate) fn ask(&self, sql: &str) -> String {
        match &self.place {
            Place::Postgres(database) => shared().psql(database, sql),
            Place::Sqlite => Connection::open(self.file())
                .unwrap()
                .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| match value {
                    rusqlite::types::Value::Text(text) => text,
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    other => format!("{other:?}"),
                })
                .unwrap(),
        }
    }

    /// Everything in the tables, temporary ones and all, in a form that shows any change.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.is_postgres() && !self.file().exists() {
            return out;
        }
        for table in WRITTEN.map(|table| table.name).into_iter().chain(["services"]) {
            match &self.place {
                Place::Postgres(database) => {
                    let sql = format!("SELECT '{table}' || CAST(x AS text) FROM {table} x ORDER BY 1");
                    out.extend(shared().psql(database, &sql).lines().map(str::to_owned));
                }
                Place::Sqlite => {
                    let connection = Connection::open(self.file()).unwrap();
                    let mut statement =
                        connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
                    let columns = statement.column_count();
                    let mut rows = statement.query([]).unwrap();
                    while let Some(row) = rows.next().unwrap() {
                        let cells = (0..columns).map(|n| format!("{:?}", row.get_ref(n).unwrap()));
                        out.push(format!("{table} {}", cells.collect::<Vec<_>>().join(" ")));
                    }
                }
            }
        }
        let tables = match &self.place {
            Place::Postgres(_) => "SELECT count(*) FROM pg_catalog.pg_class WHERE relname LIKE 'etl%'",
            Place::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name LIKE 'etl%'",
        };
        assert_eq!(self.ask(tables), "0", "nothing of a comparison stays");
        out
    }
}

/// Writes dumps and opens them; they are there as long as their folder.
fn open(dumps: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> (TempDir, Vec<Input>) {
    let folder = tempfile::tempdir().unwrap();
    let open = |(name, bytes): (&str, Vec<u8>)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Input::open(path.to_str().unwrap(), folder.path()).unwrap()
    };
    let opened = dumps.into_iter().map(open).collect();
    (folder, opened)
}

fn postgres() -> String {
    let database = shared().create_db();
    shared().psql(&database, &schema(Dialect::Postgres));
    shared().psql(
        &database,
        "INSERT INTO services (created_at, updated_at, deleted, host, \"binary\", topic, report_count, disabled) \
         VALUES ('2018-01-01', '2018-01-02', false, 'node1', 'karbor-operationengine', 't', 1, false)",
    );
    database
}

/// What a run told.
pub(crate) struct Told(pub(crate) Report);

impl Told {
    fn tally(&self, table: &str) -> &TargetTally {
        self.0.tables.iter().find(|tally| tally.table == table).unwrap()
    }

    /// What became of a table's rows: `1 inserted, 2 unchanged, 1 changed-in-karbor, 1 lost`.
    pub(crate) fn became(&self, table: &str) -> String {
        let tally = self.tally(table);
        let mut parts = Vec::new();
        let mut part = |rows: u64, what: &str| (rows > 0).then(|| parts.push(format!("{rows} {what}")));
        part(tally.inserted, "inserted");
        part(tally.updated, "updated");
        part(tally.unchanged, "unchanged");
        for (reason, rows) in &tally.kept {
            part(*rows, reason.word());
        }
        part(tally.lost, "lost");
        part(tally.pruned, "pruned");
        parts.join(", ")
    }

    /// Rows of a table that the dumps no longer have and that show that Karbor changed them.
    pub(crate) fn lost_changed(&self, table: &str) -> u64 {
        self.tally(table).lost_changed
    }

    /// Checks what became of the rows of these tables; those of all others must be unchanged.
    #[track_caller]
    pub(crate) fn check(&self, expected: &[(&str, &str)]) {
        for table in WRITTEN.map(|table| table.name) {
            let became = self.became(table);
            match expected.iter().find(|(name, _)| *name == table) {
                Some((_, expected)) => assert_eq!(became, *expected, "{table}: {:?}", self.0.target_rows),
                None => {
                    let all = self.tally(table).unchanged;
                    let unchanged = if all == 0 { String::new() } else { format!("{all} unchanged") };
                    assert_eq!(became, unchanged, "{table}: {:?}", self.0.target_rows);
                }
            }
        }
    }
}
