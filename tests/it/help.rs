//! Help texts word for word.

use crate::scene::Scene;

/// Lines of help without the blanks that clap leaves at their ends.
fn help(arguments: &[&str]) -> String {
    let answer = Scene::new().etl(arguments);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{arguments:?}");
    answer.stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The commands, in the order of the help.
const COMMANDS: [&str; 19] = [
    "run",
    "dump",
    "check",
    "verify",
    "sync",
    "batch",
    "cutover",
    "explain",
    "policies",
    "rollback",
    "status",
    "purge",
    "schema",
    "columns",
    "sample",
    "outcomes",
    "completions",
    "man",
    "version",
];

#[test]
fn help_is_as_it_was_read_last() {
    for command in [""].into_iter().chain(COMMANDS) {
        for (form, flag) in [("short", "-h"), ("long", "--help")] {
            let arguments: Vec<&str> = [command, flag].into_iter().filter(|word| !word.is_empty()).collect();
            let name = if command.is_empty() { "etl" } else { command };
            insta::assert_snapshot!(format!("{name}_{form}"), help(&arguments));
        }
    }
}

#[test]
fn help_fits_a_hundred_columns_and_every_command_has_an_example() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let text = help(&[command, flag]);
            assert!(text.contains(&format!("\n  etl {command}")), "{command} {flag}");
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{command} {flag}: {line}");
            }
        }
    }
}

#[test]
fn help_that_nobody_asked_for_goes_to_standard_error() {
    let answer = Scene::new().etl(&[]);
    assert_eq!((answer.code, answer.stdout.as_str()), (2, ""));
    assert!(
        answer.stderr.starts_with("Moves VBS and DPS backups into OpenStack Karbor\n"),
        "{}",
        answer.stderr
    );
}

#[test]
fn the_version_is_the_package_s() {
    let answer = Scene::new().etl(&["--version"]);
    assert_eq!(answer.shown(), format!("exit code 0\n---- stdout\netl {}\n", etl::cli::version::VERSION));
    assert!(
        etl::cli::version::VERSION.starts_with(env!("CARGO_PKG_VERSION")),
        "{}",
        etl::cli::version::VERSION
    );
}
