//! Progress reports between the statements of a dump.
//!
//! gs_dump of openGauss 6.0.0-RC1 and later writes them to standard output (`pg_dump.cpp`, `ProgressReportDump`), where
//! `gs_dump x > FILE` has the dump too: `Progress: [===>  ] 6% (2/37, cur_step/total_step). reading …`, each followed by a carriage
//! return, the last by a line feed. Among rows such a line is damage like any other.

use crate::error::Result;
use crate::scan::scanner::Scanner;
use memchr::memmem;

/// How a report begins.
pub(super) const BEGINNING: &[u8] = b"Progress: [";

/// The longest report, with room to spare: some 150 bytes.
const BYTES_MAX: usize = 512;

impl Scanner<'_> {
    /// Passes the report that begins here; what only looks like one is no statement.
    pub(super) fn progress(&mut self) -> Result<()> {
        self.reader.fill_to(BYTES_MAX)?;
        match report(self.reader.buffer()) {
            Some(length) => {
                self.reader.consume(length);
                self.contents.progress += 1;
                Ok(())
            }
            None => Err(self.no_statement()?),
        }
    }
}

/// The length of the report at the start of `text`, without the line end.
fn report(text: &[u8]) -> Option<usize> {
    let text = text.get(..text.len().min(BYTES_MAX))?;
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    let line = text.get(..end)?;
    // Where carriage returns were lost on the way, reports follow one another on a line.
    let first = memmem::find(line.get(1..)?, BEGINNING).map_or(line.len(), |n| n + 1);
    let report = std::str::from_utf8(line.get(..first)?).ok()?;
    let (bar, rest) = report.strip_prefix("Progress: [")?.split_once("] ")?;
    let (percent, rest) = rest.split_once("% (")?;
    let (count, words) = rest.split_once("). ")?;
    let (count, names) = count.split_once(", ")?;
    let (done, all) = count.split_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = bar.bytes().all(|byte| matches!(byte, b'=' | b'>' | b' '))
        && [percent, done, all].into_iter().all(digits)
        && names.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_'))
        && words.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-'));
    whole.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Progress: [=>   ] 2% (1/37, cur_step/total_step). reading user-defined tables ";

    #[test]
    fn a_report_ends_with_its_line_or_where_the_next_begins() {
        let next = "Progress: [=====] 100% (12/12, dumpObjNums/totalObjNums). dump objects ";
        for behind in ["", "\r", "\n", "\r\n--\n"] {
            assert_eq!(report(format!("{REPORT}{behind}").as_bytes()), Some(REPORT.len()), "{behind:?}");
        }
        assert_eq!(report(format!("{REPORT}{next}\n").as_bytes()), Some(REPORT.len()));
        assert_eq!(report(next.as_bytes()), Some(next.len()));
    }

    #[test]
    fn what_only_begins_like_a_report_is_none() {
        for text in [
            "Progress: [",
            "Progress: [=] 2% of all",
            "Progress: [x] 2% (1/37, a/b). c",
            "Progress: [=] 2% (1/, a/b). c",
            "Progress: [=] 2% (1/37, a/b). c; COPY backups (id) FROM stdin;",
            "Progress: [=] 2% (1/37, a/b). c\t\\N",
        ] {
            assert_eq!(report(text.as_bytes()), None, "{text}");
        }
    }
}
