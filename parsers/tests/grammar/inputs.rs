//! What no case can say: dumps that are not there, that change, or that cannot be read to their end.

use crate::told::{NAME, read};
use parsers::error::{Error, ErrorKind};
use parsers::input::Input;
use parsers::scan::Limits;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

const DUMP: &str = "COPY quotas (id) FROM stdin;\n1\n\\.\n--\n-- PostgreSQL database dump complete\n--\n";

#[track_caller]
fn check(error: &Error, message: &str, remedy: Option<&str>) {
    assert!(error.to_string().contains(message), "{error}\nexpected {message}");
    assert_eq!(error.remedy(), remedy);
}

#[test]
fn a_dump_that_is_not_there_is_named() {
    let error = Input::open("/nowhere/cinder.sql", Path::new("/tmp")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }));
    check(
        &error,
        "/nowhere/cinder.sql: cannot be opened: No such file or directory",
        Some("check the name, and the folder that it is looked for in"),
    );
}

#[test]
fn a_dump_that_cannot_be_read_on_says_why() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    for good in [0, 10, 600] {
        let start = Cursor::new(vec![b' '; good]);
        let mut input = Input::from_reader(NAME, Box::new(start.chain(Broken)), &std::env::temp_dir());
        let error = read(&mut input, Limits::default(), 0).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io { .. }));
        let remedy = "read it with another program (cat FILE >/dev/null): if that fails too, look at its disk or share, else run again";
        check(&error, "dump.sql: cannot be read: the disk is gone", Some(remedy));
    }
}

#[test]
fn a_pipe_needs_a_folder_to_be_spooled_to() {
    let mut input = Input::from_reader(NAME, Box::new(Cursor::new(DUMP)), Path::new("/nowhere"));
    let error = read(&mut input, Limits::default(), 0).unwrap_err();
    let remedy = "name a folder on disk with room for the dump: --spool-dir FOLDER";
    check(&error, "dump.sql: no spool file can be made", Some(remedy));
}

#[test]
fn a_dump_that_changes_between_the_passes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    for (changed, message) in [
        (format!("{DUMP}\n"), "the file changed while it was being read (77 bytes at first, now 78 bytes"),
        (DUMP[..30].to_owned(), "the file changed while it was being read (77 bytes at first, now 30 bytes"),
    ] {
        fs::write(&path, DUMP).unwrap();
        let mut input = Input::open(path.to_str().unwrap(), folder.path()).unwrap();
        read(&mut input, Limits::default(), 0).unwrap();
        fs::write(&path, changed).unwrap();
        let error = read(&mut input, Limits::default(), 0).unwrap_err();
        check(&error, message, Some("let the dump finish, then run again"));
    }
}
