//! Bars on a terminal: one for each dump in bytes, one line for the stage and the rows loaded.

use crate::base::number::{counted, duration, grouped};
use crate::ui::progress::moment::Moment;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pipeline::progress::CopiesTaken;

/// The widest a dump's name is shown.
const NAME_COLUMNS: usize = 20;

/// A dump whose bytes are not known yet: a pipe.
const OPEN: &str = "{prefix} {spinner}            {bytes:>10} {binary_bytes_per_sec:>25}";
/// A dump whose bytes are known.
const MEASURED: &str = "{prefix} {bar:12} {percent:>3} % read {binary_bytes_per_sec:>14}";
/// The last line.
const ROWS: &str = "{prefix} {msg}";

/// The bars of a run.
#[derive(Debug)]
pub(super) struct Bars {
    dumps: Vec<ProgressBar>,
    rows: ProgressBar,
    width: usize,
}

impl Bars {
    /// Bars for the dumps of these names.
    pub(super) fn new<'n>(all: &MultiProgress, names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<String> = names.map(shown).collect();
        let width = names.iter().map(|name| name.chars().count()).chain([10]).max().unwrap_or_default();
        let bar = |style: &str, prefix: &str| {
            all.add(
                ProgressBar::no_length().with_style(styled(style)).with_prefix(format!("{prefix:<width$}")),
            )
        };
        Self {
            dumps: names.iter().map(|name| bar(OPEN, name)).collect(),
            rows: bar(ROWS, "preparing"),
            width,
        }
    }

    /// Shows how far the run is.
    pub(super) fn show(&mut self, moment: &Moment) {
        for (bar, (read, total)) in self.dumps.iter().zip(&moment.dumps) {
            if *total > 0 && bar.length() != Some(*total) {
                bar.set_length(*total);
                bar.set_style(styled(MEASURED));
            }
            bar.set_position(*read);
        }
        self.rows.set_prefix(format!("{:<width$}", moment.stage.name(), width = self.width));
        self.rows.set_message(loaded(moment));
        self.rows.tick();
    }

    /// Takes the bars away; the report says the rest.
    pub(super) fn clear(self) {
        for bar in self.dumps.iter().chain([&self.rows]) {
            bar.finish_and_clear();
        }
    }
}

fn loaded(moment: &Moment) -> String {
    let rows = counted(moment.loaded, "row loaded", "rows loaded");
    let rate = (u128::from(moment.loaded) * 1000).checked_div(moment.elapsed.as_millis());
    let mut text = match rate.and_then(|rate| u64::try_from(rate).ok()) {
        Some(rate) if rate > 0 => format!("{rows}, {} rows/s", grouped(rate)),
        _ => rows,
    };
    if let Some(left) = moment.copies.and_then(CopiesTaken::left) {
        text.push_str(&format!(", about {} left", duration(left)));
    }
    text
}

/// A template that indicatif refuses would be one of the constants here; a plain bar is then the least harm.
fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("##-")
}

/// The end of a name, which says more than its folders.
fn shown(name: &str) -> String {
    let name = crate::base::text::printable(name);
    let long = name.chars().count().saturating_sub(NAME_COLUMNS);
    if long == 0 {
        name.into_owned()
    } else {
        format!("…{}", name.chars().skip(long + 1).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::progress::Stage;
    use std::time::Duration;

    #[test]
    fn every_template_is_understood() {
        for template in [OPEN, MEASURED, ROWS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(shown("cinder.sql"), "cinder.sql");
        assert_eq!(shown("/very/long/path/to/the/dumps/cinder.sql"), "…he/dumps/cinder.sql");
        assert_eq!(shown("/very/long/path/to/the/dumps/cinder.sql").chars().count(), NAME_COLUMNS);
    }

    #[test]
    fn bars_follow_the_counters() {
        let all = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden());
        let mut bars = Bars::new(&all, ["a.sql", "-"].into_iter());
        let moment = |dumps: Vec<(u64, u64)>| Moment {
            stage: Stage::Loading,
            loaded: 1_234_567,
            dumps,
            elapsed: Duration::from_secs(10),
            copies: None,
        };
        bars.show(&moment(vec![(5, 10), (7, 0)]));
        assert_eq!((bars.dumps[0].position(), bars.dumps[0].length()), (5, Some(10)));
        assert_eq!((bars.dumps[1].position(), bars.dumps[1].length()), (7, None));
        assert_eq!(bars.rows.message(), "1,234,567 rows loaded, 123,456 rows/s");
        assert_eq!(bars.rows.prefix(), "loading   ");
        bars.show(&moment(vec![(10, 10), (9, 9)]));
        assert_eq!((bars.dumps[1].position(), bars.dumps[1].length()), (9, Some(9)));
        let first = bars.dumps[0].clone();
        bars.clear();
        assert!(first.is_finished());
    }
}
