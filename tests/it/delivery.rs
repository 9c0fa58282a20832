//! What is carried to a node: `etl version`, and the script that makes the package, as far as that goes without making it.

use crate::scene::{Scene, fixture};
use etl::cli::Args;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(own(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The words of a list in the script: `NAME=(one two)`.
fn list(script: &str, name: &str) -> Vec<String> {
    let start = script.find(&format!("{name}=(")).unwrap_or_else(|| panic!("no {name}")) + name.len() + 2;
    let length = script[start..].find(')').unwrap();
    script[start..start + length].split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_version_says_what_the_binary_is() {
    let answer = Scene::new().etl(&["version", "--json"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let said: Value = serde_json::from_str(&answer.stdout).unwrap();
    let keys: BTreeSet<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["commit", "cpu", "date", "features", "glibc", "target", "version"];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(said["version"], env!("CARGO_PKG_VERSION"));
    assert!(said["target"].as_str().unwrap().contains(std::env::consts::ARCH), "{said}");
    assert!(said["features"].is_array() && said["cpu"].is_array(), "{said}");
    if let Some(commit) = said["commit"].as_str() {
        assert!(commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit()), "{commit}");
        assert!(etl::cli::version::VERSION.contains(&commit[..10]), "{}", etl::cli::version::VERSION);
    }
    if let Some(date) = said["date"].as_str() {
        assert!(chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok(), "{date}");
        assert!(etl::cli::version::VERSION.contains(date), "{}", etl::cli::version::VERSION);
    }
    let shown = Scene::new().etl(&["version"]).stdout;
    let names: Vec<&str> = shown.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["version", "commit", "date", "target", "glibc", "features", "cpu"]);
}

#[test]
fn the_scripts_can_be_read() {
    let bash = Command::new("bash").arg("-n").arg(own(".ci/package")).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    let parse = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    let python = Command::new("python3").args(["-c", parse]).arg(own(".ci/inventory.py")).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
}

#[test]
fn the_tools_of_the_package_have_versions() {
    let script = text(".ci/package");
    for (name, mark) in [("WHEELS", "=="), ("CRATES", "@")] {
        let tools = list(&script, name);
        assert!(!tools.is_empty());
        for tool in tools {
            let (_, version) = tool.split_once(mark).unwrap_or_else(|| panic!("{tool} has no version"));
            assert!(
                version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok()),
                "{tool}"
            );
        }
    }
}

#[test]
fn what_the_package_lists_is_there() {
    let script = text(".ci/package");
    for document in list(&script, "DOCUMENTS") {
        assert!(own(&document).is_file(), "{document}");
    }
    for sample in list(&script, "SAMPLES") {
        fixture(&sample);
    }
    // Both packages hold the same folders of the same stage, and the script makes each.
    let manifest: toml::Table = toml::from_str(&text("Cargo.toml")).unwrap();
    let metadata = &manifest["package"]["metadata"];
    let sources = |rows: &toml::Value, key: &dyn Fn(&toml::Value) -> toml::Value| -> BTreeSet<String> {
        rows.as_array().unwrap().iter().map(|row| key(row).as_str().unwrap().to_owned()).collect()
    };
    let deb = sources(&metadata["deb"]["assets"], &|row| row[0].clone());
    let rpm = sources(&metadata["generate-rpm"]["assets"], &|row| row["source"].clone());
    assert_eq!(deb, rpm);
    for folder in ["bin", "man", "completions", "doc", "samples"] {
        assert!(
            deb.iter().any(|source| source.starts_with(&format!("target/package-stage/{folder}/"))),
            "{folder}"
        );
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_examples_line_by_line() {
    let scene = Scene::new();
    let answer = scene.etl(&["man", "--all", "share/man1"]);
    let mut names = vec!["etl".to_owned()];
    let definition = Args::definition();
    let mut commands: Vec<_> = definition.get_subcommands().map(|of| ("etl".to_owned(), of)).collect();
    while let Some((above, command)) = commands.pop() {
        let name = format!("{above}-{}", command.get_name());
        commands.extend(command.get_subcommands().map(|of| (name.clone(), of)));
        names.push(name);
    }
    assert!(names.iter().any(|name| name == "etl-cutover-rollback"), "{names:?}");
    let said = format!("exit code 0\n---- stdout\n{} manual pages are in share/man1\n", names.len());
    assert_eq!(answer.shown(), said);
    for name in &names {
        let page = scene.read(&format!("share/man1/{name}.1"));
        assert!(page.contains(&format!("\n.TH {name} 1")), "{page}");
        assert!(!page.contains(".SH EXTRA"), "{page}");
        let words: Vec<&str> = name.split('-').skip(1).collect();
        assert_eq!(scene.etl(&[&["man"], &words[..]].concat()).stdout, page, "{name}");
    }
    let examples =
        "\n.SH EXAMPLES\n.nf\netl check cinder.sql vbs.sql dps.sql\n        what would become of every row";
    let page = scene.read("share/man1/etl.1");
    assert!(page.contains(examples) && page.contains("\n.SH \"EXIT CODES\"\n.nf\n0  done\n"), "{page}");
    let file = std::fs::metadata(scene.path("share/man1/etl.1")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o644);

    // Its own pages are replaced, and those of others are not.
    assert_eq!(scene.etl(&["man", "--all", "share/man1"]).code, 0);
    scene.write("share/man1/etl-run.1", ".TH mine 1\n");
    assert_eq!(
        scene.etl(&["man", "--all", "share/man1"]).shown(),
        "exit code 2\n---- stderr\netl: share/man1/etl-run.1: etl did not write this file, and does not replace it\n  \
         → name another folder\n"
    );
    assert_eq!(scene.read("share/man1/etl-run.1"), ".TH mine 1\n");
}

#[test]
fn the_sample_of_a_cutover_is_what_init_writes() {
    let scene = Scene::new();
    let answer = scene.etl_fed(&["cutover", "init", "cutover.toml"], text(".ci/samples/cutover.answers"));
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let answer = scene.etl(&["cutover", "cutover.toml", "--dry-run"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}

#[test]
fn the_sample_of_settings_has_what_the_runbook_lists() {
    let sample = text(".ci/samples/etl.toml");
    let keys: BTreeSet<&str> = sample
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    let runbook = text("RUNBOOK.md");
    let table = runbook.split("\n## Settings\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, listed);
    // As it is, and with every setting in force.
    let scene = Scene::new();
    scene.write("etl.toml", &sample);
    scene.write(
        "all.toml",
        keys.iter().fold(sample.clone(), |all, key| all.replace(&format!("# {key} ="), &format!("{key} ="))),
    );
    for file in ["etl.toml", "all.toml"] {
        let answer = scene.etl(&["check", "--no-log", "--config", file, &fixture("vbs.sql")]);
        assert!([0, 3].contains(&answer.code), "{file}: {}", answer.stderr);
    }
}
