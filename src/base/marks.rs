//! How the files begin that etl writes: by it a file is recognised, and one of another program is never replaced.

/// How a report as text begins.
pub const TEXT_REPORT: &str = "Report of etl ";

/// How the JSON of every report begins, blanks aside.
const JSON_REPORT: &[u8] = b"{\"schema_version\":";

/// What follows in the JSON of every report: documents of other programs have a version of their schema, too.
const JSON_REPORT_VERSION: &[u8] = b"\"etl_version\":";

/// What the head of every page contains.
const PAGE: &[u8] = b"<meta name=\"generator\" content=\"etl\"/>";

/// The first line of a log.
pub const LOG: &str = "# Log of etl; times are in UTC.\n";

/// The first line of a manual page.
pub const MANUAL: &str = ".\\\" Manual page of etl, made of its help texts";

/// Whether a file that begins with `head` is a manual page of etl.
#[must_use]
pub fn is_manual(head: &[u8]) -> bool {
    head.starts_with(MANUAL.as_bytes())
}

/// Whether a file that begins with `head` is a report of etl as JSON or as a page.
#[must_use]
pub fn is_report(head: &[u8]) -> bool {
    let json = head.iter().filter(|byte| !byte.is_ascii_whitespace()).take(JSON_REPORT.len()).eq(JSON_REPORT)
        && contains(head, JSON_REPORT_VERSION);
    json || (head.starts_with(b"<!DOCTYPE html>") && contains(head, PAGE))
}

/// Whether a file that begins with `head` is a report of etl as text.
#[must_use]
pub fn is_text_report(head: &[u8]) -> bool {
    head.starts_with(TEXT_REPORT.as_bytes())
}

/// Whether a file that begins with `head` is a log of etl's; those before the first line was one began with an event.
#[must_use]
pub fn is_log(head: &[u8]) -> bool {
    let event = |head: &[u8]| {
        let (time, rest) = head.split_at_checked("2026-01-01T00:00:00.000000Z".len())?;
        let digits = time.iter().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(byte));
        Some(digits && time.ends_with(b"Z") && rest.trim_ascii_start().starts_with(b"INFO etl "))
    };
    head.starts_with(LOG.as_bytes()) || event(head) == Some(true)
}

fn contains(head: &[u8], mark: &[u8]) -> bool {
    head.windows(mark.len()).any(|part| part == mark)
}
