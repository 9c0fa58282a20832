//! Names and values that mean something to SQL, psql, a terminal or a browser are names and values and nothing else.

use crate::karbor::{counts, database, postgres_rows, sqlite_rows};
use crate::scene::{Answer, Scene, fixture};
use fixtures::server::{SUPERUSER, shared};
use std::fmt::Write as _;
use std::process::Command;

/// Karbor's name of a table, the target's, and the same of a column of it.
const NAMES: [(&str, &str, &str, &str); 7] = [
    ("services", "serv'ices", "host", "ho st%"),
    ("plans", "Pl\"ans'; DROP TABLE services; --", "name", "na\"me' :v"),
    ("resources", "res$ources\\%s :'v'", "plan_id", "plan\\id'"),
    ("triggers", "\\! echo", "properties", "a;b--/*"),
    ("scheduled_operations", "select", "operation_definition", "$1"),
    ("scheduled_operation_states", "項目 ☃", "operation_id", "user"),
    ("checkpoint_items", "\\.", "status", "order"),
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The file of names for `--columns`.
fn columns() -> String {
    let mut text = String::new();
    for (table, name, column, other) in NAMES {
        let _ = writeln!(
            text,
            "[target.{table}]\nname = {name:?}\n[target.{table}.columns]\n{column} = {other:?}"
        );
    }
    text
}

/// Gives the tables of a database these names, or takes them away again.
fn rename(database: &str, hostile: bool) {
    let mut sql = String::new();
    for (table, name, column, other) in NAMES {
        let (from, to) = if hostile { (table, name) } else { (name, table) };
        let (old, new) = if hostile { (column, other) } else { (other, column) };
        let [from, to, old, new] = [from, to, old, new].map(quoted);
        let _ = writeln!(sql, "ALTER TABLE {from} RENAME {old} TO {new}; ALTER TABLE {from} RENAME TO {to};");
    }
    shared().psql(database, &sql);
}

/// Loads a script as an operator does; nothing but psql's own words may come out.
#[track_caller]
fn load(database: &str, scene: &Scene, script: &str) -> String {
    let server = shared();
    let output = Command::new(server.installation().program("psql"))
        .args([
            "-X",
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-p",
            &server.port().to_string(),
            "-v",
            "v=injected",
            "-h",
        ])
        .arg(server.folder())
        .args(["-f", script])
        .current_dir(scene.path(""))
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn names_of_tables_and_columns_are_quoted_wherever_they_stand() {
    let (scene, database) = (Scene::new(), database(shared()));
    scene.write("columns.toml", columns());
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let target = shared().url(&database);
    let etl = |command: &str, target: &str, more: &[&str]| -> Answer {
        let mut line = vec![command, "--target", target, "--columns", "columns.toml"];
        line.extend(more);
        if !matches!(command, "rollback" | "status" | "policies" | "sync") {
            line.extend(dumps.iter().map(String::as_str));
        }
        scene.etl(&line)
    };
    let quiet = ["--no-log", "--quiet"];
    let check = |answer: Answer, codes: &[i32]| {
        assert!(codes.contains(&answer.code), "{}", answer.shown());
        assert!(!answer.stderr.contains("etl: "), "{}", answer.shown());
    };
    // The same rows as under Karbor's names.
    assert_eq!(
        scene
            .etl(&[&["run", "--target", &target][..], &quiet, &dumps.each_ref().map(String::as_str)].concat())
            .code,
        3
    );
    let rows = postgres_rows(shared(), &database);
    shared().psql(&database, "TRUNCATE plans, resources, triggers, scheduled_operations, scheduled_operation_states, checkpoint_items");

    rename(&database, true);
    check(etl("run", &target, &[&quiet[..], &["--unsteady", "carry"]].concat()), &[3]);
    check(etl("run", &target, &[&quiet[..], &["--provider-id", "other", "--prune=1000"]].concat()), &[0, 3]);
    check(etl("check", &target, &quiet), &[0, 3]);
    check(etl("verify", &target, &quiet), &[0, 4]);
    check(etl("status", &target, &[]), &[0]);
    check(etl("policies", &target, &["--as", "json"]), &[0]);
    let (taskmgr, vbs) = (fixture("taskmgr.sql"), fixture("vbs.sql"));
    check(etl("sync", &target, &[quiet[0], quiet[1], &taskmgr, &vbs]), &[0, 3]);
    check(etl("rollback", &target, &["--quiet", "--source", "all", "--yes", "--with-dependents"]), &[0]);

    // The scripts.
    check(etl("run", "load.sql", &quiet), &[3]);
    let said = load(&database, &scene, "load.sql");
    assert!(said.ends_with("etl: all rows are committed\n"), "{said}");
    rename(&database, false);
    assert_eq!(postgres_rows(shared(), &database), rows);
    rename(&database, true);
    check(etl("rollback", "back.sql", &["--quiet", "--source", "all"]), &[0]);
    let said = load(&database, &scene, "back.sql");
    assert!(said.ends_with("etl: the rollback is committed\n"), "{said}");
    rename(&database, false);
    assert_eq!(counts(&postgres_rows(shared(), &database)), [0; 6]);
    assert_eq!(shared().psql(&database, "SELECT count(*) FROM services"), "1");
}

#[test]
fn a_name_that_would_end_a_block_of_a_script_is_refused() {
    for name in ["a$etl$; DROP TABLE plans; $etl$", "$sql$", "a\nb", ""] {
        let scene = Scene::new();
        scene.write("columns.toml", format!("[target.plans]\nname = {name:?}\n"));
        let answer = scene.etl(&["check", "--no-log", "--columns", "columns.toml", &fixture("cinder.sql")]);
        assert_eq!(answer.code, 2, "{}", answer.shown());
        assert!(answer.stderr.contains("has a name that cannot be used"), "{}", answer.shown());
    }
}

/// Values that somebody might mistake for something else.
const VALUES: [&str; 12] = [
    "\\.",
    "\\! touch injected",
    "\\copy plans to injected",
    "a\\\n\\! touch injected\n\\.\n",
    ":v :'v' :\"v\" :{?v}",
    "'; DROP TABLE plans; --",
    "$etl$; DROP TABLE plans; $etl$",
    "${HOME} `touch injected` $(touch injected)",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)\" ' &amp; ]]> --> {{ 7 * 7 }}",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{8}\r\u{7f}",
    "\u{202e}txt.exe \u{2066}\u{feff}",
];

/// The dump of policies in which names and descriptions are these values.
fn dump() -> String {
    let text = std::fs::read_to_string(fixture("vbs.sql")).unwrap();
    let escaped = |value: &str| {
        let mut out = String::new();
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\u{8}' => out.push_str("\\b"),
                c => out.push(c),
            }
        }
        out
    };
    let (mut at, mut n) = (None, 0);
    let mut out = String::new();
    for line in text.lines() {
        match line {
            line if line.starts_with("COPY backup_policy (") => {
                at = line
                    .split(['(', ')'])
                    .nth(1)
                    .and_then(|names| names.split(", ").position(|name| name == "policy_name"));
            }
            "\\." => at = None,
            line => {
                if let Some(at) = at {
                    let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
                    fields[at] = escaped(VALUES[n % VALUES.len()]);
                    n += 1;
                    out.push_str(&fields.join("\t"));
                    out.push('\n');
                    continue;
                }
            }
        }
        out.push_str(line);
        out.push('\n');
    }
    assert!(n >= VALUES.len(), "{n} policies");
    out
}

/// No character that a terminal takes for a command.
#[track_caller]
fn harmless(text: &str) {
    let bad = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(bad, None, "{text}");
}

#[test]
fn values_stay_values_in_every_target_and_everything_that_is_told() {
    let (scene, direct, scripted) = (Scene::new(), database(shared()), database(shared()));
    scene.write("vbs.sql", dump());
    let (cinder, dps) = (fixture("cinder.sql"), fixture("dps.sql"));
    let run = |target: &str, more: &[&str]| {
        let line = ["run", "-vv", "--target", target];
        scene.etl(&[&line[..], more, &["vbs.sql", &cinder, &dps]].concat())
    };
    for (target, report) in [
        (shared().url(&direct).as_str(), "report.html"),
        ("karbor.db", "report.json"),
        ("karbor.sql", "script.html"),
    ] {
        let answer = run(target, &["--report", report]);
        assert_eq!(answer.code, 3, "{}", answer.shown());
        harmless(&answer.stdout);
        harmless(&answer.stderr);
    }
    harmless(&scene.read("etl.log"));
    let said = load(&scripted, &scene, "karbor.sql");
    assert!(said.ends_with("etl: all rows are committed\n"), "{said}");
    let rows = postgres_rows(shared(), &direct);
    assert_eq!(postgres_rows(shared(), &scripted), rows);
    assert_eq!(counts(&sqlite_rows(&scene.path("karbor.db"))), counts(&rows));
    let names = shared().psql(&direct, "SELECT json_agg(name) FROM plans");
    let names: Vec<String> = serde_json::from_str(&names).unwrap();
    for value in VALUES {
        assert!(names.iter().any(|name| name == value), "{value:?} is not in {names:?}");
    }

    let target = shared().url(&direct);
    let verified = scene.etl(&[
        "verify",
        "--no-log",
        "--quiet",
        "--target",
        &target,
        "--report",
        "verify.html",
        "vbs.sql",
        &cinder,
        &dps,
    ]);
    assert_eq!(verified.code, 0, "{}", verified.shown());
    shared().psql(&direct, "UPDATE plans SET status = 'broken', name = name || 'x'");
    let differs = scene.etl(&[
        "verify",
        "--no-log",
        "--target",
        &target,
        "--report",
        "differs.html",
        "vbs.sql",
        &cinder,
        &dps,
    ]);
    assert_eq!(differs.code, 4, "{}", differs.shown());
    let more = [
        verified,
        differs,
        scene.etl(&["status", "--target", &target]),
        scene.etl(&["policies", "--target", &target]),
        scene.etl(&["policies", "--target", &target, "--as", "json"]),
        scene.etl(&["policies", "--target", &target, "--as", "vbs"]),
        scene.etl(&["rollback", "--quiet", "--target", &target, "--source", "all", "--dry-run"]),
    ];
    for answer in more {
        harmless(&answer.stdout);
        harmless(&answer.stderr);
    }
    for page in ["report.html", "script.html", "verify.html", "differs.html"] {
        let page = scene.read(page);
        roxmltree::Document::parse_with_options(
            page.split_once("<html").map_or(page.as_str(), |_| &page[page.find("<html").unwrap()..]),
            roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() },
        )
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(
            !page.contains("<script>alert")
                && !page.contains("<img")
                && !page.contains("onmouseover=\"alert")
        );
    }
    assert!(!scene.path("injected").exists());
    assert_eq!(shared().psql(&direct, "SELECT count(*) > 0 FROM plans"), "t");
}
