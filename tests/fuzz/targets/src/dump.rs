//! A whole dump to a script: an error with a place, or a script that holds what the report says.

use crate::copy::encoding;
use crate::draw::{draw, one_of};
use crate::statements::{NAME, piped};
use parsers::columns::ColumnMap;
use parsers::columns::need::{Need, needs};
use parsers::copy::{Format, Rows};
use parsers::encoding::Encoding;
use parsers::position::Position;
use parsers::scan::Limits;
use parsers::table::Table;
use pipeline::compare::Prune;
use pipeline::error::Error;
use pipeline::load::names::TargetNames;
use pipeline::load::script::Script;
use pipeline::load::{Context, Target};
use pipeline::options::{Mode, Options};
use pipeline::outcome::Report;
use pipeline::progress::{Cancel, Progress};
use pipeline::run::run;
use pipeline::settings::{Settings, Unsteady};
use schedules::firings::horizon::Horizon;
use schedules::icalendar::EveryNDays;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// The built-in map. Dumps of a few bytes have few columns: any that rules read, and that is not required, may be absent.
static COLUMNS: LazyLock<ColumnMap> = LazyLock::new(|| {
    let mut map = ColumnMap::built_in().unwrap();
    for table in Table::ALL {
        for (column, _) in needs(table).filter(|(_, need)| need.need == Need::Meaning) {
            map.assume_absent(table.name(), column).unwrap();
        }
    }
    map
});

/// A dump. Whatever is in it: the run ends; where it fails, it says where and leaves nothing; else every row has an outcome,
/// bad ones stand in a file that is refused or read again, and every line of the script reads as a row.
///
/// # Panics
/// Something of that does not hold.
pub fn dump(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let aside = draw(bytes, "rejects", 2) == 0;
    match load(bytes, folder.path(), aside, one_of(bytes, "chunk", [64, 1_000, 256 << 10])) {
        Ok(report) => {
            check_report(&report, aside);
            let script = std::fs::read(folder.path().join("karbor.sql"));
            if report.rejected == 0 || aside {
                check_script(&script.unwrap(), &report);
            } else {
                assert!(script.is_err(), "a refused run leaves no script");
            }
        }
        Err(error) => {
            check_error(&error);
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert!(left.is_empty(), "a failed run leaves nothing: {left:?}");
        }
    }
}

fn load(bytes: &[u8], folder: &Path, aside: bool, chunk: usize) -> Result<Report, Error> {
    let settings = Settings {
        service_id: Some(1),
        every_n_days: one_of(bytes, "every", [EveryNDays::Interval, EveryNDays::MonthDays]),
        unsteady: one_of(bytes, "unsteady", [Unsteady::Defer, Unsteady::Carry]),
        ..Settings::default()
    };
    let options = Options {
        settings,
        columns: COLUMNS.clone(),
        limits: Limits { row: 4_000, chunk, sql_ascii: encoding(one_of(bytes, "ascii", *b"aug")) },
        threads: 1,
        rejects: aside.then(|| folder.join("rejects.sql")),
        rejects_taken: pipeline::files::place::Foreign::Replace,
        noting: pipeline::row_outcomes::Noting::Nothing,
        proof: (draw(bytes, "proof", 8) == 0).then(|| Horizon::new(1_577_836_800, 30)),
        prune: Prune::No,
        tuning: pipeline::options::tuning(&std::env::temp_dir()),
        mode: Mode::Run,
    };
    let cancel = Arc::new(Cancel::default());
    let context = Context {
        names: TargetNames::default(),
        service_id: Some(1),
        trust_known: false,
        ask: Box::new(|_| None),
        cancel: Arc::clone(&cancel),
        replace: false,
    };
    let target: Box<dyn Target> = Box::new(Script::new(&folder.join("karbor.sql"), context));
    let mut inputs = [piped(bytes, bytes.len())];
    run(&mut inputs, Some(target), &options, &Progress::new(1), &cancel)
}

fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(error.remedy().is_some(), "{text}");
    assert!(!matches!(error, Error::Imbalance(_) | Error::File { .. }), "{text}");
    // What is not as the map says is in one message, with a line for each place.
    let whole = text.starts_with("the dumps are not what the map of columns says");
    assert!(whole || text.starts_with(&format!("{NAME}:")), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && !(whole && c == '\n')), "{text:?}");
}

fn check_report(report: &Report, aside: bool) {
    for (table, tally) in &report.sources {
        assert!(tally.balances(), "{table}: {tally:?}");
    }
    let rejected: u64 = report.sources.iter().map(|(_, tally)| tally.rejected).sum();
    assert_eq!(report.rejected, rejected, "aside: {aside}");
    for rejection in &report.rejections {
        assert!(rejection.line > 0 && !rejection.reason.is_empty(), "{rejection:?}");
    }
    assert_eq!(report.schedules.as_ref().map_or(0, |schedules| schedules.different), 0);
}

/// Every line between a COPY and its end is a row, and they are as many as the report says.
fn check_script(script: &[u8], report: &Report) {
    let text = std::str::from_utf8(script).expect("a script is UTF-8");
    let mut lines = text.split_inclusive('\n');
    let mut rows = 0;
    while let Some(line) = lines.next() {
        if !(line.starts_with("COPY ") && line.ends_with("FROM STDIN;\n")) {
            continue;
        }
        loop {
            let line = lines.next().expect("a block ends");
            if line == "\\.\n" {
                break;
            }
            let fields = 1 + line.matches('\t').count();
            let format = Format { encoding: Encoding::Utf8, fields, row_limit: u64::MAX };
            let mut row = Rows::new(line.as_bytes(), Position::START, format);
            assert!(row.next().expect("a row").is_ok(), "{line:?}");
            rows += 1;
        }
    }
    assert_eq!(rows, report.written(), "{report:?}");
}
