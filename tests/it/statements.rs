//! Every statement that any command sends is one that PostgreSQL 9.2 reads, from which openGauss and GaussDB descend.
//!
//! No such server is at hand, so what is sent to a newer one is collected from its log and searched for what came later. The
//! list is made from the release notes of PostgreSQL 9.3 to 18 ("Changes", sections on queries, utility commands, data
//! types, functions and system catalogs). It knows words, not grammar: it finds what it names, and proves nothing else.

use crate::karbor::database;
use crate::scene::{Scene, fixture};
use fixtures::server::{SUPERUSER, Server};
use std::process::Command;

/// The version that brought it, and words: what is quoted and what are texts has been taken out before, letters are large,
/// and white space is one space.
const NEWER: &[(&str, &[&str])] = &[
    (
        "9.3",
        &[
            " LATERAL ",
            "MATERIALIZED VIEW",
            "EVENT TRIGGER",
            "RECURSIVE VIEW",
            " FREEZE",
            "->",
            "#>",
            "JSON_",
            "TO_JSON(",
            "ARRAY_REMOVE(",
            "ARRAY_REPLACE(",
            "IF NOT EXISTS SCHEMA",
            "SCHEMA IF NOT EXISTS",
            "LOCK_TIMEOUT",
        ],
    ),
    (
        "9.4",
        &[
            " FILTER (",
            " FILTER(",
            "WITHIN GROUP",
            "ORDINALITY",
            "FROM ROWS FROM",
            "JSONB",
            "MAKE_DATE(",
            "MAKE_TIME(",
            "MAKE_TIMESTAMP",
            "MAKE_INTERVAL(",
            "CARDINALITY(",
            "PERCENTILE_",
            "TO_REGCLASS(",
            "TO_REGTYPE(",
            "PG_SLEEP_FOR(",
            "ALTER SYSTEM",
            "WITH CHECK OPTION",
            "IF EXISTS TRIGGER ON",
        ],
    ),
    (
        "9.5",
        &[
            "ON CONFLICT",
            "GROUPING SETS",
            "CUBE (",
            "CUBE(",
            "ROLLUP (",
            "ROLLUP(",
            "SKIP LOCKED",
            "TABLESAMPLE",
            "INDEX IF NOT EXISTS",
            "ARRAY_POSITION",
            "IMPORT FOREIGN",
            "CREATE POLICY",
            "ROW LEVEL SECURITY",
            " BRIN",
            "TO_REGROLE(",
            "UPDATE SET (",
            "SET LOGGED",
        ],
    ),
    (
        "9.6",
        &[
            "COLUMN IF NOT EXISTS",
            "PARSE_IDENT(",
            "NUM_NULLS(",
            "NUM_NONNULLS(",
            "PG_BLOCKING_PIDS(",
            "CREATE ACCESS METHOD",
            "IDLE_IN_TRANSACTION",
        ],
    ),
    (
        "10",
        &[
            "AS IDENTITY",
            "OVERRIDING",
            "PARTITION OF",
            "FOR VALUES",
            "REFERENCING",
            "XMLTABLE",
            "REGEXP_MATCH(",
            "TXID_STATUS(",
            "CREATE STATISTICS",
            "PG_CURRENT_WAL",
            "SEQUENCE AS ",
        ],
    ),
    (
        "11",
        &[
            "CREATE PROCEDURE",
            "CALL ",
            "SHA224(",
            "SHA256(",
            "SHA384(",
            "SHA512(",
            "STARTS_WITH(",
            " GROUPS ",
            ") INCLUDE (",
            "EXCLUDE CURRENT",
        ],
    ),
    (
        "12",
        &[
            "AS MATERIALIZED",
            "AS NOT MATERIALIZED",
            "GENERATED ALWAYS AS",
            "AND CHAIN",
            "CONCURRENTLY TABLE",
            "FROM STDIN WHERE",
        ],
    ),
    (
        "13",
        &[
            "GEN_RANDOM_UUID(",
            "WITH TIES",
            "WITH (FORCE)",
            "PG_CURRENT_XACT_ID",
            "NORMALIZE(",
            "IS NORMALIZED",
            "MIN_SCALE(",
            "TRIM_SCALE(",
        ],
    ),
    (
        "14",
        &[
            "SEARCH BREADTH",
            "SEARCH DEPTH",
            " CYCLE ",
            "DATE_BIN(",
            "STRING_TO_TABLE(",
            "BIT_COUNT(",
            "MULTIRANGE",
            "OR REPLACE TRIGGER",
            "BEGIN ATOMIC",
            "TRIM_ARRAY(",
            "UNISTR(",
            "GROUP BY DISTINCT",
        ],
    ),
    (
        "15",
        &[
            "MERGE INTO",
            "REGEXP_LIKE(",
            "REGEXP_COUNT(",
            "REGEXP_INSTR(",
            "REGEXP_SUBSTR(",
            "NULLS NOT DISTINCT",
            "SECURITY_INVOKER",
        ],
    ),
    (
        "16",
        &[
            "ANY_VALUE(",
            "IS JSON",
            "RANDOM_NORMAL(",
            "ARRAY_SHUFFLE(",
            "ARRAY_SAMPLE(",
            "SYSTEM_USER",
            "ERROR_ON_",
        ],
    ),
    ("17", &["AT LOCAL", "TO_BIN(", "TO_OCT(", "XMLTEXT(", "ON_ERROR", "TRANSACTION_TIMEOUT"]),
    (
        "18",
        &[
            "UUIDV",
            "CASEFOLD(",
            "ARRAY_SORT(",
            "ARRAY_REVERSE(",
            "RETURNING OLD",
            "RETURNING NEW",
            "WITHOUT OVERLAPS",
            "CRC32(",
            "NOT ENFORCED",
        ],
    ),
];

/// A statement without what is quoted, in large letters and with single spaces.
fn bare(statement: &str) -> String {
    let mut out = String::from(" ");
    let mut quote = None;
    for c in statement.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => continue,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None => {}
        }
        let c = if c.is_whitespace() { ' ' } else { c.to_ascii_uppercase() };
        if !(c == ' ' && out.ends_with(' ')) {
            out.push(c);
        }
    }
    out.push(' ');
    out
}

/// Whether a statement has a literal of no characters, which the grammar of openGauss makes NULL. As what `replace` puts in place
/// of a text it does no harm: that function takes NULL for nothing there (builtin_funcs.ini).
fn has_empty_text(statement: &str) -> bool {
    let statement = statement.replace(", '-', '')", ")");
    let mut rest = statement.as_str();
    while let Some(at) = rest.find(['\'', '"']) {
        let quote = if rest[at..].starts_with('"') { '"' } else { '\'' };
        let inside = &rest[at + 1..];
        let mut end = inside.find(quote).unwrap_or(inside.len());
        while inside[end..].starts_with(&format!("{quote}{quote}")) {
            end = inside[end + 2..].find(quote).map_or(inside.len(), |next| end + 2 + next);
        }
        if quote == '\'' && end == 0 {
            return true;
        }
        rest = inside.get(end + 1..).unwrap_or_default();
    }
    false
}

/// What a statement holds that 9.2 does not know, with its version.
fn newer(statement: &str) -> Vec<(&'static str, &'static str)> {
    let bare = bare(statement);
    // Settings are set where the server lists them, and nowhere else.
    if bare.starts_with(" SET ") {
        return Vec::new();
    }
    let all = NEWER.iter().flat_map(|(version, words)| words.iter().map(move |word| (*version, *word)));
    all.filter(|(_, word)| bare.contains(word)).collect()
}

#[test]
fn the_search_finds_what_it_names() {
    for (statement, version) in [
        ("INSERT INTO t VALUES (1)\n  on  conflict do nothing", "9.5"),
        ("SELECT count(*) FILTER (WHERE x) FROM t", "9.4"),
        ("SELECT a FROM t, lateral (SELECT 1) s", "9.3"),
        ("SELECT x->>'a' FROM t", "9.3"),
        ("SELECT CAST(x AS jsonb) FROM t", "9.4"),
        ("WITH a AS MATERIALIZED (SELECT 1) SELECT 1", "12"),
        ("CREATE INDEX IF NOT EXISTS i ON t (a)", "9.5"),
        ("SELECT * FROM t FOR UPDATE SKIP LOCKED", "9.5"),
        ("SELECT make_interval(0)", "9.4"),
    ] {
        assert!(newer(statement).iter().any(|(found, _)| *found == version), "{statement}");
    }
    assert!(newer("SELECT 'ON CONFLICT', \"a FILTER (b\" FROM t").is_empty());
    for (statement, empty) in [
        ("SELECT coalesce(a, '')", true),
        ("SELECT 'it''s', '''', \"a''b\", replace(x, '-', '')", false),
        ("SELECT 'it''s' || ''", true),
    ] {
        assert_eq!(has_empty_text(statement), empty, "{statement}");
    }
}

/// The statements in a server's log that sessions of `etl` sent, and its scripts.
fn sent(log: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut ours = false;
    for line in log.lines() {
        if let Some(line) = line.strip_prefix("@@") {
            let (application, said) = line.split_once("@@").unwrap_or_default();
            let statement =
                ["LOG:  statement: ", "LOG:  execute "].iter().find_map(|begin| said.split_once(begin));
            ours = matches!(application, "etl" | "script") && statement.is_some();
            if let Some((_, statement)) = statement.filter(|_| ours) {
                let prepared = said.contains("LOG:  execute ");
                let text = if prepared {
                    statement.split_once(": ").map_or("", |(_, text)| text)
                } else {
                    statement
                };
                out.push(text.to_owned());
            }
        } else if let (true, Some(last)) = (ours, out.last_mut()) {
            last.push('\n');
            last.push_str(line);
        }
    }
    out
}

#[test]
fn no_command_sends_what_9_2_does_not_know() {
    let server = Server::builder().settings("log_statement = all\nlog_line_prefix = '@@%a@@'").start();
    let (scene, one) = (Scene::new(), database(&server));
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
    let taskmgr = fixture("taskmgr.sql");
    let target = server.url(&one);
    let target = target.as_str();
    let run = |line: &[&str], codes: &[i32]| {
        let answer = scene.etl(line);
        assert!(codes.contains(&answer.code), "{line:?}: {}", answer.shown());
    };
    let quiet = ["--no-log", "--quiet", "--target", target];
    let all = [cinder, vbs, dps];
    let with = |command: &'static str, more: &[&'static str], dumps: &[&str]| -> Vec<String> {
        [&[command][..], &quiet, more, dumps].concat().into_iter().map(str::to_owned).collect()
    };
    let run_line =
        |line: Vec<String>, codes: &[i32]| run(&line.iter().map(String::as_str).collect::<Vec<_>>(), codes);
    run_line(with("check", &["--full"], &all), &[0, 3]);
    run_line(with("run", &["--unsteady", "carry"], &all), &[3]);
    run_line(with("check", &["--provider-id", "other"], &all), &[0, 3]);
    // Some rows are edited, added and gone, so that every kind of verdict comes up.
    server.psql(
        &one,
        "UPDATE plans SET status = 'started', updated_at = now() WHERE id IN (SELECT id FROM plans ORDER BY id LIMIT 3); \
         DELETE FROM checkpoint_items WHERE id IN (SELECT id FROM checkpoint_items ORDER BY id LIMIT 5); \
         UPDATE checkpoint_items SET status = 'deleted', deleted = true WHERE id IN (SELECT id FROM checkpoint_items ORDER BY id LIMIT 5)",
    );
    run_line(with("verify", &[], &all), &[4]);
    run_line(with("run", &["--provider-id", "other", "--prune=1000"], &all), &[0, 3]);
    run_line(with("run", &["--prune=1000"], &[cinder, vbs]), &[0, 1, 3]);
    run_line(with("sync", &[], &[&taskmgr, vbs]), &[0, 3]);
    run(&["status", "--target", target], &[0]);
    run(&["policies", "--target", target], &[0]);
    for choice in ["--keep-edited", "--with-dependents"] {
        run(&["rollback", "--quiet", "--target", target, "--source", "all", "--dry-run", choice], &[0, 1]);
    }
    run(
        &["rollback", "--quiet", "--target", target, "--source", "vbs", "--yes", "--keep-edited"],
        &[0, 1, 3],
    );
    run(
        &["rollback", "--quiet", "--target", target, "--source", "all", "--yes", "--with-dependents"],
        &[0, 1],
    );
    std::fs::create_dir(scene.path("site")).unwrap();
    std::fs::copy(cinder, scene.path("site/cinder.sql")).unwrap();
    for _ in 0..2 {
        run(&["batch", "--no-log", "--quiet", "--target", target, "site"], &[0, 3]);
    }
    run(&["rollback", "--quiet", "--target", target, "--source", "all", "--yes"], &[0]);

    // The scripts send theirs through psql.
    run(&["run", "--no-log", "--quiet", "--target", "load.sql", cinder, vbs, dps], &[3]);
    run(&["rollback", "--quiet", "--target", "back.sql", "--source", "all"], &[0]);
    for script in ["load.sql", "back.sql"] {
        let output = Command::new(server.installation().program("psql"))
            .args(["-X", "-U", SUPERUSER, "-d", &one, "-p", &server.port().to_string(), "-h"])
            .arg(server.folder())
            .arg("-f")
            .arg(scene.path(script))
            .env_clear()
            .env("PGAPPNAME", "script")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let statements = sent(&server.log());
    for begin in [
        "COPY public.",
        "LOCK TABLE",
        "CREATE TEMPORARY TABLE",
        "UPDATE ",
        "DELETE ",
        "DO $etl$",
        "COMMIT",
        "DECLARE ",
        "WITH ",
    ] {
        assert!(
            statements.iter().any(|statement| statement.starts_with(begin)),
            "no statement begins with {begin:?}"
        );
    }
    assert!(statements.len() > 500, "{}", statements.len());
    // What openGauss refuses (tablecmds.cpp), and what it reads as something else.
    for statement in &statements {
        assert!(!statement.contains("ON COMMIT") && !has_empty_text(statement), "{statement}");
    }
    let mut found: Vec<_> = statements.iter().filter(|statement| !newer(statement).is_empty()).collect();
    found.dedup();
    for statement in &found {
        println!("{:?}: {statement}\n", newer(statement));
    }
    assert!(found.is_empty(), "{} statements, see above", found.len());
}
