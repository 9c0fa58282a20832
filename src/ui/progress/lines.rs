//! Plain lines for where no bar can move: one when the stage changes, and one every few seconds.

use crate::base::number::{bytes, counted, duration};
use crate::ui::progress::moment::Moment;
use pipeline::progress::{CopiesTaken, Stage};
use std::time::Duration;

/// The time between two lines of one stage.
const PAUSE: Duration = Duration::from_secs(5);

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Lines {
    said: Option<(Stage, Duration)>,
}

impl Lines {
    /// The next line, if it is time for one.
    pub(super) fn next(&mut self, moment: &Moment) -> Option<String> {
        let due = match self.said {
            Some((stage, at)) => stage != moment.stage || moment.elapsed.saturating_sub(at) >= PAUSE,
            None => true,
        };
        due.then(|| {
            self.said = Some((moment.stage, moment.elapsed));
            line(moment)
        })
    }
}

fn line(moment: &Moment) -> String {
    let read: u64 = moment.dumps.iter().map(|(read, _)| read).sum();
    let total: u64 = moment.dumps.iter().map(|(_, total)| total).sum();
    let known = moment.dumps.iter().all(|(_, total)| *total > 0) && total >= read;
    let mut line = format!("etl: {}", moment.stage.name());
    match (read, known, moment.copies) {
        (_, _, Some(CopiesTaken { taken, expected, .. })) if expected > 0 => {
            let percent = u128::from(taken.min(expected)) * 100 / u128::from(expected);
            line.push_str(&format!(", {percent} % of {}", counted(expected, "copy", "copies")));
        }
        (0, ..) => {}
        (_, false, _) => line.push_str(&format!(", {} read", bytes(read))),
        // Dumps are read twice: bytes of both would be more than a file has.
        (_, true, _) => {
            let percent = u128::from(read) * 100 / u128::from(total.max(1));
            line.push_str(&format!(", {percent} % read"));
        }
    }
    if moment.loaded > 0 {
        line.push_str(&format!(", {}", counted(moment.loaded, "row loaded", "rows loaded")));
    }
    if let Some(left) = moment.copies.and_then(CopiesTaken::left) {
        line.push_str(&format!(", about {} left", duration(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(stage: Stage, loaded: u64, dumps: &[(u64, u64)], seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { stage, loaded, dumps: dumps.to_vec(), elapsed, copies: None }
    }

    /// The same, with so many copies taken of so many, since so many seconds.
    fn taking(moment: Moment, taken: u64, expected: u64, seconds: u64) -> Moment {
        let since = Duration::from_secs(seconds);
        Moment { copies: Some(CopiesTaken { taken, expected, since }), ..moment }
    }

    #[test]
    fn a_line_says_what_is_known() {
        for (moment, expected) in [
            (moment(Stage::Preparing, 0, &[(0, 0)], 0), "etl: preparing"),
            (moment(Stage::Reading, 0, &[(2048, 0)], 1), "etl: reading, 2.0 KiB read"),
            (moment(Stage::Reading, 0, &[(1 << 20, 4 << 20), (0, 4 << 20)], 10), "etl: reading, 12 % read"),
            // What is read ahead says nothing of what the target has taken.
            (
                taking(moment(Stage::Loading, 120_000, &[(8 << 20, 8 << 20)], 30), 125_000, 1_000_000, 10),
                "etl: loading, 12 % of 1,000,000 copies, 120,000 rows loaded, about 1 min 10 s left",
            ),
            // Too early to know, and as good as over.
            (taking(moment(Stage::Loading, 0, &[(5, 5)], 9), 5, 10, 1), "etl: loading, 50 % of 10 copies"),
            (taking(moment(Stage::Loading, 0, &[(5, 5)], 9), 99, 100, 9), "etl: loading, 99 % of 100 copies"),
            (moment(Stage::Loading, 1, &[(5, 5)], 1), "etl: loading, 100 % read, 1 row loaded"),
            // A dump that grew while it was read is an error that the run tells, not the arithmetic here.
            (moment(Stage::Loading, 0, &[(6, 5)], 1), "etl: loading, 6 B read"),
        ] {
            assert_eq!(line(&moment), expected);
        }
    }

    #[test]
    fn lines_come_with_a_new_stage_and_every_few_seconds() {
        let mut lines = Lines::default();
        let mut said = |stage, seconds| lines.next(&moment(stage, 0, &[], seconds)).is_some();
        assert!(said(Stage::Preparing, 0));
        assert!(!said(Stage::Preparing, 4));
        assert!(said(Stage::Reading, 4));
        assert!(!said(Stage::Reading, 8));
        assert!(said(Stage::Reading, 9));
        assert!(!said(Stage::Reading, 9));
    }
}
