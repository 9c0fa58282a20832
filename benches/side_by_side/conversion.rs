//! Measures 3 and 4: `etl check` without a target, which converts and encodes everything and writes nothing.

use crate::cost::{self, Cost};
use crate::dumps::Dumps;
use crate::table::{Row, Rows};
use crate::{etl, say};
use fixtures::Form;
use std::process::Command;

/// Measures the conversion of COPY and INSERT dumps beside `wc -l` over the same files.
pub fn conversion(dumps: &Dumps, inserts: &Dumps, runs: u64, rows: &mut Rows) {
    let n = dumps.backups();
    say(&format!("{n} copies without a target"));
    let check = |dumps: &Dumps| Cost::of(etl("check").args(dumps.paths()), &[0]);
    let (mut copy, mut insert, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        lines.push(Cost::of(Command::new("wc").arg("-l").args(dumps.paths()), &[0]));
        copy.push(check(dumps));
        insert.push(check(inserts));
    }
    let rate = |dumps: &Dumps, costs: &[Cost]| dumps.megabytes() / cost::cpu(costs);
    let (of_copy, of_insert, wc) = (rate(dumps, &copy), rate(inserts, &insert), rate(dumps, &lines));
    rows.push(Row {
        measure: 3,
        backups: n,
        what: "`etl check` of COPY dumps, for each CPU second".to_owned(),
        figures: format!("{:.0} MB in {:.2} CPU s", dumps.megabytes(), cost::cpu(&copy)),
        result: format!("{of_copy:.0} MB"),
        reach: "≥ 350 MB",
    });
    rows.push(Row {
        measure: 3,
        backups: n,
        what: "`etl check` / `wc -l`, CPU seconds".to_owned(),
        figures: format!("{:.2} s / {:.3} s", cost::cpu(&copy), cost::cpu(&lines)),
        result: format!("{:.1}", wc / of_copy),
        reach: "",
    });
    rows.push(Row {
        measure: 4,
        backups: n,
        what: "`etl check` of INSERT dumps, for each CPU second, to COPY dumps".to_owned(),
        figures: format!("{of_insert:.0} MB"),
        result: format!("{:.2}", of_insert / of_copy),
        reach: "≥ 0.33",
    });
}

/// The INSERT form of the same site.
pub fn inserts(backups: u64, policies: u64) -> Dumps {
    Dumps::of(backups, policies, Form::ColumnInserts)
}
