//! The cases under `fixtures/grammar`.

use crate::told::{NAME, error_text, limits_of, piped, read};
use parsers::error::{ErrorKind, Foreign};
use parsers::input::Input;
use parsers::input::SCRIPT_HEADER;
use parsers::scan::{Limits, REJECTS_HEADER};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// So many bytes are looked at to recognise a file, at once. Blanks in their place let the dump itself come in pieces.
const PADDING: usize = 512;

/// One way to read a case.
struct Way {
    what: String,
    input: Input,
    limits: Limits,
    shift: usize,
}

/// All ways to read a case; each must find the same.
fn ways(path: &Path) -> Vec<Way> {
    let open = || Input::open(path.to_str().unwrap(), &std::env::temp_dir());
    let Ok(file) = open() else { return Vec::new() };
    let bytes = fs::read(path).unwrap();
    let limits = limits_of(&bytes);
    let mut ways = vec![Way { what: "as a file".to_owned(), input: file, limits, shift: 0 }];
    let paddings: &[usize] = if is_known_by_its_head(&bytes) { &[0] } else { &[0, PADDING] };
    for &shift in paddings {
        let padded = [&vec![b' '; shift][..], &bytes].concat();
        for piece in [1, 2, 3, 7, padded.len().max(1)] {
            for chunk in [1, 64, Limits::default().chunk] {
                let what = format!("pieces of {piece}, chunks of {chunk}, {shift} blanks");
                let limits = Limits { chunk, ..limits };
                ways.push(Way { what, input: piped(&padded, piece), limits, shift });
            }
        }
        if shift > 0 {
            let gzip = padded.chunks(11).flat_map(gzip).collect::<Vec<u8>>();
            let zstd = zstd::encode_all(&padded[..], 1).unwrap();
            for (what, packed) in [("gzip of many members", gzip), ("zstd", zstd)] {
                ways.push(Way { what: what.to_owned(), input: piped(&packed, 3), limits, shift });
            }
        }
    }
    ways
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Whether the first bytes say what the file is, so that nothing can be put in front of them.
fn is_known_by_its_head(bytes: &[u8]) -> bool {
    let heads: [&[u8]; 9] = [
        b"PGDMP",
        b"\xef\xbb\xbf",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"BZh",
        b"-- MySQL dump",
        b"SQLite format 3",
        SCRIPT_HEADER.as_bytes(),
        REJECTS_HEADER.as_bytes(),
    ];
    heads.iter().any(|head| bytes.starts_with(head))
        || bytes.first().is_none_or(|byte| !byte.is_ascii())
        || bytes.get(257..262) == Some(b"ustar")
}

/// The dumps of a folder of cases, and the expectations that have no dump.
fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/grammar").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (dumps, others): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| path.extension().is_some_and(|e| e == "sql"));
    for expected in others {
        assert!(expected.with_extension("sql").exists(), "{} has no dump", expected.display());
    }
    dumps
}

/// Compares with the file beside the case, or writes it where that is wanted.
fn expect(path: &Path, found: &str) -> Result<(), String> {
    let beside = path.with_extension("expected");
    let expected = fs::read_to_string(&beside).ok();
    if expected.as_deref() == Some(found) {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&beside, found).unwrap();
        return Ok(());
    }
    let name = beside.display();
    Err(match expected {
        Some(expected) => format!("{name}\n--- expected\n{expected}--- found\n{found}"),
        None => format!("{name} is missing\n--- found\n{found}"),
    })
}

/// Runs all cases of a folder; `tell` says what a way found, or why it should not have.
fn check(folder: &str, tell: impl Fn(&Path, &mut Way) -> Result<String, String>) {
    let faults: Vec<String> = cases(folder).iter().filter_map(|path| check_case(path, &tell).err()).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n\n"));
}

fn check_case(path: &Path, tell: impl Fn(&Path, &mut Way) -> Result<String, String>) -> Result<(), String> {
    let mut first: Option<String> = None;
    for mut way in ways(path) {
        let place = format!("{}, {}", path.display(), way.what);
        let told = tell(path, &mut way).map_err(|fault| format!("{place}: {fault}"))?;
        match &first {
            Some(first) if told != *first => {
                return Err(format!("{place}, differs\n--- as a file\n{first}--- found\n{told}"));
            }
            Some(_) => {}
            None => {
                expect(path, &told)?;
                first = Some(told);
            }
        }
    }
    Ok(())
}

#[test]
fn dumps_are_read() {
    check("ok", |path, way| {
        let shift = u64::try_from(way.shift).unwrap();
        read(&mut way.input, way.limits, shift)
            .map(|told| told.text)
            .map_err(|error| error_text(&error, path))
    });
}

#[test]
fn faulty_dumps_are_refused() {
    check("err", |path, way| match read(&mut way.input, way.limits, u64::try_from(way.shift).unwrap()) {
        Ok(told) => Err(format!("was read:\n{}", told.text)),
        Err(error) => Ok(error_text(&error, path)),
    });
}

#[test]
fn folders_are_refused() {
    for path in cases("err").into_iter().filter(|path| path.is_dir()) {
        let error = Input::open(path.to_str().unwrap(), &std::env::temp_dir()).unwrap_err();
        expect(&path, &error_text(&error, &path)).unwrap();
    }
}

/// The name of an error's kind, and of what a foreign file is.
fn kind_of(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Foreign { found, .. } => format!("Foreign {found:?}"),
        other => format!("{other:?}").split([' ', '{', '(']).next().unwrap().to_owned(),
    }
}

#[test]
fn every_kind_of_error_has_a_case() {
    let mut found = BTreeSet::new();
    for path in cases("err") {
        let error = match Input::open(path.to_str().unwrap(), &std::env::temp_dir()) {
            Err(error) => error,
            Ok(mut input) => read(&mut input, limits_of(&fs::read(&path).unwrap()), 0).unwrap_err(),
        };
        assert!(error.remedy().is_some(), "{error} has no remedy");
        found.insert(kind_of(error.kind()));
    }
    let foreign = [
        Foreign::Custom,
        Foreign::Tar,
        Foreign::DumpDirectory,
        Foreign::Directory,
        Foreign::Utf16,
        Foreign::Packed("bzip2"),
        Foreign::PackedTwice,
        Foreign::MySql,
        Foreign::Sqlite,
        Foreign::Script,
        Foreign::Binary,
    ];
    let mut all: BTreeSet<String> = foreign.iter().map(|found| format!("Foreign {found:?}")).collect();
    // Io and Changed are no cases: see `inputs`.
    all.extend(
        [
            "Compressed",
            "Empty",
            "NoKnownTable",
            "Incomplete",
            "CutBefore",
            "OtherProgram",
            "OtherDatabase",
            "Changes",
            "Export",
            "OpenBlock",
            "Unterminated",
            "NoStatement",
            "StrayData",
            "Statement",
            "MissingColumn",
            "TwoSchemas",
            "Encoding",
        ]
        .map(str::to_owned),
    );
    assert_eq!(found, all, "{NAME}");
}
