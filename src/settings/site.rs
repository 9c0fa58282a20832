//! The files of a site's folder: which of them are dumps, by what they hold.
//!
//! A file that might be a dump is never passed over: where in doubt it is read as one, and the run says what is wrong with it.

use crate::settings::error::OptionError;
use crate::settings::identity::Identity;
use parsers::error::{ErrorKind, Foreign};
use parsers::input::Input;
use parsers::scan::REJECTS_HEADER;
use pipeline::files::is_unfinished;
use pipeline::files::mark::{self, Found};
use pipeline::row_outcomes::is_outcomes;
use std::io;
use std::path::Path;

/// The report of a site's last load, in its folder.
pub(crate) const TEXT_REPORT: &str = "etl-report.txt";

/// The same as JSON.
pub(crate) const JSON_REPORT: &str = "etl-report.json";

/// The file that is locked while dumps are made into a folder.
pub(crate) const DUMP_LOCK: &str = "etl-dump.lock";

/// What this program itself puts into a site's folder, or reads from it.
const OWN: [&str; 5] = ["etl.toml", TEXT_REPORT, JSON_REPORT, "etl.log", DUMP_LOCK];

/// How much of a file's text is looked at.
const HEAD_BYTES: usize = 64 << 10;

/// What a folder holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The paths of the dumps, by name.
    pub(crate) dumps: Vec<String>,
    /// The names of the other files, and what they are.
    pub(crate) others: Vec<String>,
}

/// Looks through a folder; `target` is a file in it that is written, not read.
pub(crate) fn contents(folder: &Path, target: Option<&Path>) -> Result<Contents, OptionError> {
    let wrong = |problem: String, remedy| OptionError::Site { path: folder.to_owned(), problem, remedy };
    let unreadable = |error: io::Error| {
        wrong(format!("the folder cannot be read: {error}"), "name the folder that holds the site's dumps")
    };
    let mut entries =
        std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Contents::default();
    for entry in entries {
        let path = entry.path();
        let (Some(name), Some(text)) = (entry.file_name().to_str().map(str::to_owned), path.to_str()) else {
            let problem = format!("the name {:?} in it is not UTF-8", entry.file_name());
            return Err(wrong(problem, "give the file another name"));
        };
        let own = OWN.contains(&name.as_str())
            || is_unfinished(&entry.file_name())
            || mark::look(&path, is_outcomes).is_ok_and(|found| found == Found::Own)
            || name.strip_suffix(".toml").is_some_and(|dump| folder.join(dump).is_file());
        if own || target.is_some_and(|target| belongs_to(&path, target)) {
            continue;
        }
        match kind(&path, text, &name) {
            None => found.dumps.push(text.to_owned()),
            Some(what) => found.others.push(format!("{name} ({what})")),
        }
    }
    if found.dumps.is_empty() {
        return Err(wrong(
            "there is no dump in it".to_owned(),
            "put the site's dumps there, or do not name it",
        ));
    }
    Ok(found)
}

/// Whether a file is the target, or what is written beside it.
fn belongs_to(path: &Path, target: &Path) -> bool {
    let same = |target: &Path| {
        let identity = Identity::at(target);
        identity.is_some() && identity == Identity::at(path)
    };
    let beside = |suffix: &str| {
        let mut name = target.as_os_str().to_owned();
        name.push(suffix);
        name
    };
    same(target) || ["-journal", "-wal", "-shm"].iter().any(|suffix| same(Path::new(&beside(suffix))))
}

/// What a file is; nothing where it is to be read as a dump.
fn kind(path: &Path, text: &str, name: &str) -> Option<&'static str> {
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.is_dir() {
        return (!path.join("toc.dat").exists()).then_some("a folder");
    }
    if !metadata.is_file() {
        return Some("no regular file");
    }
    if name.to_ascii_lowercase().split('.').skip(1).any(|part| part == "sql") {
        return None;
    }
    // The folder to spool to is for pipes only.
    let head = Input::open(text, Path::new("")).and_then(|mut input| {
        let mut source = input.text()?;
        let mut head = vec![0; HEAD_BYTES];
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match source.read(rest)? {
                0 => break,
                n => filled += n,
            }
        }
        head.truncate(filled);
        Ok(head)
    });
    match head {
        Ok(head) => (!begins_as_dump(&head)).then_some("no dump"),
        Err(error) => match error.kind() {
            ErrorKind::Foreign { found: Foreign::Binary, .. } => Some("no text"),
            ErrorKind::Empty { .. } => Some("empty"),
            _ => None,
        },
    }
}

/// Whether a text has, near its beginning, what dumps have there.
fn begins_as_dump(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    text.trim_start_matches('\u{feff}').starts_with(REJECTS_HEADER)
        || text.lines().map(str::trim_end).any(|line| {
            (line.starts_with("--") && line.ends_with("database dump"))
                || (line.starts_with("COPY ") && line.ends_with("FROM stdin;"))
                || line.starts_with("INSERT INTO ")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n";

    #[test]
    fn dumps_are_known_by_what_they_hold_and_others_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let packed = |text: &str| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        write("a.dump", DUMP.as_bytes());
        write("b.gz", &packed(DUMP));
        write("c.zst", &zstd::encode_all(DUMP.as_bytes(), 1).unwrap());
        // What is called a dump is one, whatever is wrong with it; the run says what that is.
        write("d.sql", b"nothing of the kind");
        write("e.SQL.gz", b"");
        write("f.custom", b"PGDMP\x01\x0e\x00");
        write("g", format!("{REJECTS_HEADER}\n").as_bytes());
        write("h.txt", b"SET a = 1;\nCOPY tag (id) FROM stdin;\n");
        write("notes.txt", b"ask the storage team first\n");
        write("log.gz", &packed("day 1\n"));
        write("empty", b"");
        write("image", &[7; 600]);
        write("karbor.db", b"SQLite format 3\0");
        write("karbor.db-journal", b"");
        for own in OWN {
            write(own, DUMP.as_bytes());
        }
        std::fs::create_dir(folder.path().join("old")).unwrap();
        let found = contents(folder.path(), Some(&folder.path().join("karbor.db"))).unwrap();
        let names: Vec<_> = found.dumps.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["a.dump", "b.gz", "c.zst", "d.sql", "e.SQL.gz", "f.custom", "g", "h.txt"]);
        assert_eq!(
            found.others,
            ["empty (empty)", "image (no text)", "log.gz (no dump)", "notes.txt (no dump)", "old (a folder)"]
        );
    }

    #[test]
    fn a_folder_without_dumps_is_no_site() {
        let folder = tempfile::tempdir().unwrap();
        assert!(contents(folder.path(), None).unwrap_err().to_string().ends_with("there is no dump in it"));
        let absent = contents(&folder.path().join("absent"), None).unwrap_err().to_string();
        assert!(absent.contains("cannot be read"), "{absent}");
    }
}
