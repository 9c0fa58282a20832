//! Every file of the corpora through its target: what a fuzzer found, or would look for first, without the fuzzer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use targets::{TARGETS, Target};

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs a target over its corpus; all files that do not pass are named.
fn run((name, target): (&str, Target)) -> Vec<PathBuf> {
    let folder = fuzz().join("corpus").join(name);
    let files = names(&folder).into_iter().map(|file| folder.join(file));
    files
        .filter(|file| {
            let bytes = std::fs::read(file).unwrap();
            catch_unwind(|| target(&bytes)).is_err()
        })
        .collect()
}

#[test]
fn every_file_of_the_corpora_passes() {
    let failed: Vec<PathBuf> = TARGETS.into_iter().flat_map(run).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_target_has_a_corpus_and_a_fuzzer() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), targets);
    let fuzzers = names(&fuzz().join("fuzz_targets"));
    assert_eq!(fuzzers, targets.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &targets {
        assert!(names(&fuzz().join("corpus").join(name)).len() >= 10, "{name} has too small a corpus");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let call = format!("targets::{name}(bytes)");
        let fuzzer = std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(fuzzer.contains(&call), "{name}");
    }
}
