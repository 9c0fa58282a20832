//! What the program is built of: licences that may be shipped, one registry, one kind of TLS. The lists are those of
//! deny.toml, for which `cargo deny` asks more (advisories, yanked versions).

mod imports;

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What cargo knows of all dependencies on this kind of machine, without asking a registry.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let used: Vec<&Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|package| used.contains(&&package["id"])).cloned().collect()
}

/// A list in deny.toml.
fn listed(table: &str, key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let file: toml::Table = toml::from_str(&text).unwrap();
    let list = file[table][key].as_array().unwrap();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The licences that one dependency alone may have.
fn exceptions() -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let file: toml::Table = toml::from_str(&text).unwrap();
    let texts = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let exceptions = file["licenses"]["exceptions"].as_array().unwrap();
    exceptions.iter().map(|one| (one["crate"].as_str().unwrap().to_owned(), texts(&one["allow"]))).collect()
}

/// Whether a licence expression (SPDX, with the slash of old manifests for OR) is met by licences that are allowed.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    fn any<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>, allowed: &[String]) -> bool {
        let mut met = all(words, allowed);
        while words.next_if_eq(&"OR").is_some() {
            met |= all(words, allowed);
        }
        met
    }
    fn all<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>, allowed: &[String]) -> bool {
        let mut met = one(words, allowed);
        while words.next_if_eq(&"AND").is_some() {
            met &= one(words, allowed);
        }
        met
    }
    fn one<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>, allowed: &[String]) -> bool {
        let word = words.next().expect("a licence");
        if word == "(" {
            let met = any(words, allowed);
            assert_eq!(words.next(), Some(")"));
            return met;
        }
        let mut name = word.to_owned();
        if words.next_if_eq(&"WITH").is_some() {
            name = format!("{name} WITH {}", words.next().expect("an exception"));
        }
        allowed.contains(&name)
    }
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    assert_eq!(words.next(), None, "{expression}");
    met
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_dependency_may_be_shipped_and_comes_from_where_it_should() {
    let (allowed, banned) = (listed("licenses", "allow"), listed("bans", "deny"));
    let exceptions = exceptions();
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    let mut registries = std::collections::BTreeSet::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        let excepted = |(one, allowed): &(String, Vec<String>)| one == name && is_met(licence, allowed);
        assert!(is_met(licence, &allowed) || exceptions.iter().any(excepted), "{name}: {licence}");
        // What has no source is this workspace's own.
        registries.extend(package["source"].as_str());
        assert!(!banned.iter().any(|banned| banned == name), "{name}");
    }
    let one = registries.len() == 1 && registries.iter().all(|source| source.starts_with("registry+"));
    assert!(one, "{registries:?}");
}
