//! The titles that dump programs give a dump, in its first comment and in its last.
//!
//! pg_dump writes `-- PostgreSQL database dump`, gs_dump since 2.1 `-- openGauss database dump`, and the same with
//! `complete` behind everything; pg_dumpall and gs_dumpall write `… database cluster dump` around the dumps of all databases.

/// What a comment line says of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Title {
    /// A dump begins, of one database or of all.
    Opening {
        /// Of all.
        cluster: bool,
    },
    /// It is complete.
    Closing {
        /// Of all.
        cluster: bool,
    },
}

/// What the title of a dump ends with.
pub(crate) const DATABASE: &str = " database dump";
const CLUSTER: &str = " database cluster dump";
const COMPLETE: &str = " complete";

/// What a comment line says; `bare` where the line before it was `--`.
pub(crate) fn title(line: &str, bare: bool) -> Option<Title> {
    let (line, complete) = match line.strip_suffix(COMPLETE) {
        Some(line) => (line, true),
        None => (line, false),
    };
    let (product, cluster) = match (line.strip_suffix(CLUSTER), line.strip_suffix(DATABASE)) {
        (Some(product), _) => (product, true),
        (None, Some(product)) => (product, false),
        (None, None) => return None,
    };
    if complete {
        return Some(Title::Closing { cluster });
    }
    let product = product.strip_prefix("-- ")?;
    let known = product == "PostgreSQL" || product.to_ascii_lowercase().contains("gauss");
    // A hand may have written "-- cinder database dump" in front of it all.
    let whole = known || (bare && !product.contains(' '));
    whole.then_some(Title::Opening { cluster })
}

/// Whether a line, with or without its line end, is the opening comment of a program that is known by its name.
pub(crate) fn is_opening(line: &[u8]) -> bool {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default().trim_end();
    matches!(title(line, false), Some(Title::Opening { .. }))
}

/// The bytes of the longest opening comment, with its line end.
pub(crate) const BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_every_program_are_told_from_other_comments() {
        let opening = Some(Title::Opening { cluster: false });
        let closing = Some(Title::Closing { cluster: false });
        for (line, bare, expected) in [
            ("-- PostgreSQL database dump", false, opening),
            ("-- openGauss database dump", false, opening),
            ("-- GaussDB database dump", false, opening),
            ("-- Vastbase database dump", true, opening),
            ("-- Vastbase database dump", false, None),
            ("-- cinder database dump", false, None),
            ("-- this is my database dump", true, None),
            ("-- PostgreSQL database dump complete", true, closing),
            ("-- Vastbase database dump complete", true, closing),
            ("-- PostgreSQL database cluster dump", true, Some(Title::Opening { cluster: true })),
            ("-- openGauss database cluster dump complete", true, Some(Title::Closing { cluster: true })),
            ("-- Name: database dump; Type: TABLE", true, None),
            ("--", true, None),
        ] {
            assert_eq!(title(line, bare), expected, "{line}");
        }
    }
}
