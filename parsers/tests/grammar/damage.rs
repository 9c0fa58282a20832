//! Dumps that were cut or damaged anywhere: they are refused, or every row that is read has its place in the file.

use crate::told::{Told, piped, read};
use parsers::error::Result;
use parsers::scan::Limits;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The cases that are read, as far as they are short.
fn dumps() -> &'static [Vec<u8>] {
    static DUMPS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    DUMPS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/grammar/ok");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "sql"));
        paths.sort();
        let mut dumps: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        dumps.retain(|dump| dump.len() < 3000);
        assert!(dumps.len() > 80, "the cases are there");
        dumps
    })
}

/// Longer than any reading of a short dump takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does `work` on a thread of its own; panics where it does not end.
fn in_time<T: Send + 'static>(what: String, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = channel();
    let worker = thread::spawn(move || drop(done.send(work())));
    match wait.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("a reading hangs: {what}"),
        Err(RecvTimeoutError::Disconnected) => std::panic::resume_unwind(worker.join().unwrap_err()),
    }
}

/// The laws for whatever was read of `dump`.
fn check(dump: &[u8], told: &Result<Told>) {
    let Ok(told) = told else { return };
    let mut end = 0;
    for (position, length) in &told.rows {
        let begin = usize::try_from(position.byte).unwrap();
        assert!(begin >= end, "rows follow one another");
        end = begin + usize::try_from(*length).unwrap();
        assert!(end <= dump.len(), "a row ends at byte {end} of {}", dump.len());
        let lines = dump[..begin].iter().filter(|b| **b == b'\n').count();
        assert_eq!(usize::try_from(position.line).unwrap(), lines + 1, "the line of byte {begin}");
    }
}

#[test]
fn a_dump_cut_anywhere_is_refused() {
    const CLOSING: &[u8] = b"database dump complete";
    for dump in dumps() {
        let begins = memchr::memmem::find(dump, CLOSING).unwrap();
        let cuts = (0..dump.len()).map(|end| dump[..end].to_vec());
        in_time(String::from_utf8_lossy(dump).into_owned(), move || {
            for cut in cuts {
                let told = read(&mut piped(&cut, cut.len().max(1)), Limits::default(), 0);
                check(&cut, &told);
                let closed = cut.len() >= begins + CLOSING.len();
                assert!(told.is_err() || closed, "read without its end: {}", cut.escape_ascii());
            }
        });
    }
}

/// One change of a dump's bytes, at a place given as a share of its length.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u16, u8),
    Remove(u16, u16),
    Insert(u16, Vec<u8>),
    /// A piece of the dump stands in another place too.
    Repeat(u16, u16, u16),
    Append(Vec<u8>),
}

/// Bytes that mean something.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        &b"'"[..],
        b"\"",
        b"$$",
        b"\\",
        b"\\.\n",
        b"\n",
        b"\r\n",
        b"\t",
        b"(",
        b")",
        b";",
        b"--",
        b"/*",
        b"*/",
        b"E'",
        b"COPY quotas (id) FROM stdin;\n",
        b"INSERT INTO quotas (id) VALUES (1), (2",
        b"\0",
        b"\xd5",
        b"\xff",
        b"SET client_encoding = 'GBK';",
        b"SET standard_conforming_strings = off;",
        b" BEGIN ATOMIC ",
        b"\n/\n",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec);
    prop_oneof![3 => word, 1 => proptest::collection::vec(any::<u8>(), 1..8)]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<u16>(), 1..=255u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<u16>(), 1..200u16).prop_map(|(at, n)| Damage::Remove(at, n)),
        (any::<u16>(), bytes()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<u16>(), 1..200u16, any::<u16>()).prop_map(|(from, n, to)| Damage::Repeat(from, n, to)),
        bytes().prop_map(Damage::Append),
    ]
}

fn damaged(dump: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut dump = dump.to_vec();
    for damage in damages {
        let place = |share: u16| usize::from(share) * dump.len() / (usize::from(u16::MAX) + 1);
        let piece = |at: u16, n: u16| place(at)..(place(at) + usize::from(n)).min(dump.len());
        match damage {
            Damage::Flip(at, bits) => {
                let at = place(*at);
                if let Some(byte) = dump.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Damage::Remove(at, n) => drop(dump.drain(piece(*at, *n))),
            Damage::Insert(at, bytes) => {
                let at = place(*at);
                dump.splice(at..at, bytes.iter().copied());
            }
            Damage::Repeat(from, n, to) => {
                let (bytes, to) = (dump[piece(*from, *n)].to_vec(), place(*to));
                dump.splice(to..to, bytes);
            }
            Damage::Append(bytes) => dump.extend_from_slice(bytes),
        }
    }
    dump
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_damaged_dump_is_refused_or_its_rows_have_places(
        index in any::<prop::sample::Index>(),
        damages in proptest::collection::vec(damage(), 1..4),
        piece in prop_oneof![Just(1usize), 2..9usize, Just(100_000usize)],
        row in prop_oneof![1..100usize, Just(4 << 20)],
        chunk in prop_oneof![1..200usize, Just(256 << 10)],
    ) {
        let dump = damaged(index.get::<Vec<u8>>(dumps()), &damages);
        let limits = Limits { row, chunk, ..Limits::default() };
        let what = format!("{limits:?}, pieces of {piece}: {}", dump.escape_ascii());
        let told = in_time(what, {
            let dump = dump.clone();
            move || read(&mut piped(&dump, piece), limits, 0)
        });
        check(&dump, &told);
        // What was found does not depend on how the bytes came.
        let again = read(&mut piped(&dump, dump.len().max(1)), Limits { row, ..Limits::default() }, 0);
        prop_assert_eq!(told.map_err(|e| e.to_string()), again.map_err(|e| e.to_string()));
    }
}
