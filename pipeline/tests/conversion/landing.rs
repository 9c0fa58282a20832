//! A target that keeps what it is given, so that a test can look at the very rows: COPY text, read again by the parser of
//! dumps.

use parsers::copy;
use parsers::encoding::Encoding;
use parsers::position::Position;
use pipeline::error::{Error, Result};
use pipeline::karbor::WRITTEN;
use pipeline::karbor::layout::{Format, Layout};
use pipeline::load::{Intent, Opened, Refusal, Service, Sink, Survey, Target};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::rc::Rc;

/// A row by column; `None` is NULL.
pub(crate) type Row = BTreeMap<String, Option<String>>;

/// What a run did to a target.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    /// The bytes of each table, in the order in which they came.
    pub(crate) bytes: BTreeMap<&'static str, Vec<u8>>,
    /// The rows of each table, likewise.
    pub(crate) rows: BTreeMap<&'static str, Vec<Row>>,
    /// How the transaction ended; `None` where there was none, or it was dropped.
    pub(crate) ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Committed,
    RolledBack,
}

/// What the target holds already.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) service_id: i64,
    pub(crate) trusts: HashMap<(String, String), String>,
    /// What another program does meanwhile, and when.
    pub(crate) meanwhile: Option<(When, Deed)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Between the two passes over the dumps.
    Beginning,
    LastTable,
    Commit,
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Makes a file.
    Make(PathBuf),
    /// Changes a byte of a file in its place, and its time unless that is kept.
    Change { path: PathBuf, at: u64, to: u8, keeps_time: bool },
}

impl Held {
    fn make(&self, now: When) {
        match &self.meanwhile {
            Some((when, Deed::Make(path))) if *when == now => std::fs::write(path, "another run's").unwrap(),
            Some((when, Deed::Change { path, at, to, keeps_time })) if *when == now => {
                let time = std::fs::metadata(path).unwrap().modified().unwrap();
                let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                file.write_all_at(&[*to], *at).unwrap();
                let later = time + std::time::Duration::from_secs(2);
                file.set_modified(if *keeps_time { time } else { later }).unwrap();
            }
            _ => {}
        }
    }
}

impl Default for Held {
    fn default() -> Self {
        Self { service_id: 3, trusts: HashMap::new(), meanwhile: None }
    }
}

/// The target.
pub(crate) struct Landing {
    held: Held,
    landed: Rc<RefCell<Landed>>,
}

impl Landing {
    pub(crate) fn new(held: Held) -> (Box<Self>, Rc<RefCell<Landed>>) {
        let landed = Rc::new(RefCell::new(Landed::default()));
        (Box::new(Self { held, landed: Rc::clone(&landed) }), landed)
    }
}

impl Target for Landing {
    fn name(&self) -> String {
        "landing".to_owned()
    }

    fn survey_for(&mut self, _: Intent) -> Result<Survey> {
        Ok(Survey {
            layouts: WRITTEN.map(|table| Layout::built_in(table, Format::Text)),
            service: Some(Service { id: self.held.service_id, host: None, others: Vec::new() }),
            live_services: std::collections::BTreeSet::new(),
            trusts: self.held.trusts.clone(),
            imported: Vec::new(),
            comparable: false,
            warnings: Vec::new(),
        })
    }

    fn open(self: Box<Self>, _: Intent) -> Result<Opened> {
        Err(Error::target("landing: has no database", "none"))
    }

    fn begin(self: Box<Self>, _: Intent) -> Result<Box<dyn Sink>> {
        let Self { held, landed } = *self;
        held.make(When::Beginning);
        Ok(Box::new(LandingSink { held, landed, open: None, ids: HashSet::new(), taken: 0 }))
    }
}

struct LandingSink {
    held: Held,
    landed: Rc<RefCell<Landed>>,
    open: Option<Layout>,
    /// The primary keys of the open table so far.
    ids: HashSet<String>,
    taken: u64,
}

impl Sink for LandingSink {
    fn table(&mut self, layout: &Layout) -> Result<()> {
        assert!(self.open.is_none(), "{} begins inside another table", layout.name);
        self.open = Some(layout.clone());
        self.ids.clear();
        self.taken = 0;
        Ok(())
    }

    fn rows(&mut self, bytes: Vec<u8>, rows: u64) -> std::result::Result<(), Refusal> {
        let Some(layout) = &self.open else { panic!("rows outside of a table") };
        let mut landed = self.landed.borrow_mut();
        let table = landed.rows.entry(layout.table.name).or_default();
        let before = table.len();
        table.extend(read(&bytes, layout));
        assert_eq!((table.len() - before) as u64, rows, "rows sent for {}", layout.name);
        for row in &landed.rows[layout.table.name][before..] {
            for column in layout.table.columns {
                assert!(
                    column.nullable || row[column.name].is_some(),
                    "{}.{} is NULL",
                    layout.name,
                    column.name
                );
            }
        }
        landed.bytes.entry(layout.table.name).or_default().extend(bytes);
        for (n, row) in (self.taken + 1..).zip(&landed.rows[layout.table.name][before..]) {
            if let [key] = layout.table.key
                && let Some(id) = row[layout.table.columns[*key].name].clone()
                && let Some(id) = self.ids.replace(id)
            {
                let error = Error::Target { what: format!("the key {id} is there already"), remedy: None };
                return Err(Refusal { row: Some(n), error });
            }
        }
        self.taken += rows;
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<u64, Refusal> {
        assert!(self.open.take().is_some(), "no table to end");
        self.held.make(When::LastTable);
        Ok(self.taken)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        assert!(self.open.is_none(), "a table is still open");
        self.held.make(When::Commit);
        self.landed.borrow_mut().ended = Some(Ended::Committed);
        Ok(())
    }

    fn rollback(self: Box<Self>) -> Result<()> {
        self.landed.borrow_mut().ended = Some(Ended::RolledBack);
        Ok(())
    }
}

fn read(bytes: &[u8], layout: &Layout) -> Vec<Row> {
    let format = copy::Format { encoding: Encoding::Utf8, fields: layout.columns.len(), row_limit: u64::MAX };
    let mut rows = copy::Rows::new(bytes, Position::START, format);
    let mut out = Vec::new();
    while let Some(row) = rows.next() {
        let row = row.unwrap_or_else(|bad| panic!("{}: {:?}", layout.name, bad.fault));
        let cells = layout.columns.iter().enumerate();
        out.push(cells.map(|(n, column)| (column.name.clone(), row.field(n).map(str::to_owned))).collect());
    }
    out
}
