//! Rows that break rules: named by file and line, and all of them counted.

use crate::scene::{Scene, fixture};

/// A dump of copies of which the first `bad` have no number as their size. Line 4 is the first row's.
fn dump(rows: usize, bad: usize) -> String {
    let mut dump = "--\n-- PostgreSQL database dump\nCOPY backups (id, volume_id, project_id, status, size) FROM stdin;\n".to_owned();
    // Where no value of the first 1,000 rows fits, the column would be taken for another.
    const SOUND: usize = 500;
    for n in 0..rows {
        let bad = n != SOUND && n < bad + usize::from(bad > SOUND);
        let size = if bad { "abc" } else { "1" };
        dump.push_str(&format!("{n:08x}-0000-4000-8000-000000000000\tvolume\tproject\tavailable\t{size}\n"));
    }
    dump + "\\.\n--\n-- PostgreSQL database dump complete\n--\n"
}

#[test]
fn one_bad_row_fails_the_run_and_the_last_line_says_what_to_do() {
    let scene = Scene::new();
    scene.write("cinder.sql", dump(3, 2));
    let answer = scene.etl_sparse(&["run", "cinder.sql", "--quiet", "--no-log"]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        "etl: cinder.sql:4: backups.size: \"abc\" is not an integer\n\
         etl: cinder.sql:5: backups.size: \"abc\" is not an integer\n\
         etl: 2 rows break rules; nothing was written\n  \
         → mend them at the source and dump again, or set them aside with --rejects FILE\n"
    );
    assert!(
        answer.stdout.starts_with("Not committed: 2 rows break rules, nothing was written\n"),
        "{}",
        answer.stdout
    );
    assert_eq!(scene.files(), ["cinder.sql"]);
    let answer = scene.etl_sparse(&["check", "cinder.sql", "--quiet", "--no-log"]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.ends_with(
            "etl: 2 rows break rules; a run would write nothing\n  \
             → mend them at the source and dump again, or set them aside: `etl run … --rejects FILE`\n"
        ),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_hundred_are_listed_and_all_are_counted() {
    let scene = Scene::new();
    scene.write("cinder.sql", dump(2_000, 1_234));
    let answer = scene.etl_sparse(&["run", "cinder.sql", "--quiet", "--report", "report.json"]);
    assert_eq!(answer.code, 1);
    let lines: Vec<&str> = answer.stderr.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.contains("backups.size")).count(), 100);
    assert_eq!(
        lines[100..102],
        ["etl: … and 1,134 more", "etl: 1,234 rows break rules; nothing was written"]
    );
    assert!(lines.last().unwrap().ends_with("--rejects FILE"), "{}", answer.stderr);
    let report: serde_json::Value = serde_json::from_str(&scene.read("report.json")).unwrap();
    assert_eq!(report["report"]["ending"], "refused");
    assert_eq!(report["report"]["rejected"], 1_234);
    assert_eq!(report["error"]["message"], "1,234 rows break rules; nothing was written");
}

#[test]
fn rows_that_are_set_aside_can_be_mended_and_run_again() {
    let scene = Scene::new();
    scene.write("cinder.sql", dump(3, 1));
    let run = ["run", "cinder.sql", "--quiet", "--target", "first.db", "--rejects", "rejects.sql"];
    let answer = scene.etl_sparse(&run);
    assert_eq!((answer.code, answer.stderr.as_str()), (3, ""), "{}", answer.stderr);
    assert!(
        answer.stdout.contains("\n  - cinder.sql:4: backups.size: \"abc\" is not an integer\n"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("\n  1 row is in rejects.sql: mend them there"), "{}", answer.stdout);
    // The same line again would write over what may have been mended by now.
    assert_eq!(scene.etl_sparse(&run).code, 2);
    let mended = scene.read("rejects.sql").replace("abc", "7");
    assert!(mended.starts_with("-- etl rejects"), "{mended}");
    scene.write("rejects.sql", mended);
    let answer = scene.etl_sparse(&["run", "cinder.sql", "rejects.sql", "--quiet", "--target", "second.db"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let database = rusqlite::Connection::open(scene.path("second.db")).unwrap();
    let sizes: String = database
        .query_row(
            "SELECT group_concat(size) FROM (SELECT size FROM checkpoint_items ORDER BY id)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(sizes, "7,1,1");
}

#[test]
fn nothing_to_set_aside_leaves_no_file() {
    let scene = Scene::new();
    scene.write("cinder.sql", dump(3, 0));
    let answer = scene.etl_sparse(&["run", "cinder.sql", "--quiet", "--no-log", "--rejects", "rejects.sql"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(scene.files(), ["cinder.sql", "karbor.db"]);
}

#[test]
fn values_of_rows_do_not_drive_the_terminal() {
    let scene = Scene::new();
    scene.write("cinder.sql", dump(1, 1).replace("abc", "a\x1b[2Jc"));
    let answer = scene.etl_sparse(&["run", "cinder.sql", "--quiet", "--no-log"]);
    assert_eq!(answer.code, 1);
    assert!(!(answer.stdout + &answer.stderr).contains('\x1b'));
}

#[test]
fn an_error_of_the_file_names_place_and_remedy() {
    let scene = Scene::new();
    let whole = std::fs::read_to_string(fixture("cinder.sql")).unwrap();
    let half: String = whole.lines().take(200).map(|line| format!("{line}\n")).collect();
    scene.write("cinder.sql", half);
    let answer = scene.etl_sparse(&["run", "cinder.sql", "--quiet", "--no-log"]);
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    let lines: Vec<&str> = answer.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("etl: cinder.sql:20") && lines[0].contains("cut off"), "{lines:?}");
    assert!(lines[1].starts_with("  → "), "{lines:?}");
    assert_eq!(scene.files(), ["cinder.sql"]);
}
