//! Dumps at the edge of what a file can hold: a row of 200 MB, 1,600 columns, millions of lines, values without measure.
//!
//! Each is made on the fly and comes through a pipe; what memory the command took is what it says of itself. Sizes are
//! those that show it within seconds in a debug build; the larger ones were tried by hand.

use crate::karbor::{TABLES, counts, database, postgres_rows, sqlite_rows};
use crate::scene::{Answer, Scene, sparse_map};
use fixtures::server::shared;
use std::io::Write;

/// The law of memory: whatever the dumps, but for what is held of small tables.
const LAW_BYTES: u64 = 64 << 20;

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n";
const TAIL: &str = "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n";
const BACKUPS: &str = "COPY backups (id, volume_id, project_id, status, size, fail_reason) FROM stdin;\n";

/// A copy's line; the first one of a dump stands in line 8.
fn copy(n: usize, size: &str, reason: &str) -> String {
    format!("copy-{n:08}\tvolume-1\tproject-1\tavailable\t{size}\t{reason}\n")
}

/// Runs the command on what `write` writes into its standard input, in pieces, and answers with the report.
fn piped(
    scene: &Scene,
    arguments: &[&str],
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send + 'static,
) -> (Answer, serde_json::Value) {
    let map = sparse_map();
    let arguments =
        [arguments, &["-", "--no-log", "--quiet", "--report", "report.json", "--columns", map]].concat();
    let mut child = scene.process(&arguments).spawn().unwrap();
    let mut stdin = std::io::BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    let writer = std::thread::spawn(move || write(&mut stdin).and_then(|()| stdin.flush()));
    let answer = Answer::of(child.wait_with_output().unwrap());
    writer.join().unwrap().unwrap_or_else(|error| panic!("{error}: {}", answer.stderr));
    let report = serde_json::from_str(&scene.read("report.json")).unwrap();
    (answer, report)
}

#[track_caller]
fn within_the_law(report: &serde_json::Value) {
    let bytes = report["peak_memory_bytes"].as_u64().unwrap_or_else(|| panic!("{report}"));
    assert!(bytes <= LAW_BYTES, "{} MiB", bytes >> 20);
}

#[track_caller]
fn read(report: &serde_json::Value, table: &str, outcome: &str) -> u64 {
    let sources = report["report"]["source_tables"].as_array().unwrap();
    let found = sources.iter().find(|source| source["table"] == table);
    found.unwrap_or_else(|| panic!("{table}: {report}"))[outcome].as_u64().unwrap()
}

#[test]
fn a_row_of_200_mb_is_rejected_by_its_position_and_set_aside() {
    const ROW_BYTES: usize = 200 << 20;
    let scene = Scene::new();
    let run = ["run", "--target", "karbor.db", "--rejects", "rejects.sql"];
    let (answer, report) = piped(&scene, &run, |out| {
        write!(out, "{HEAD}{BACKUPS}{}copy-2\tvolume-1\tproject-1\tavailable\t1\t", copy(1, "1", "\\N"))?;
        let piece = [b'x'; 1 << 20];
        (0..ROW_BYTES / piece.len()).try_for_each(|_| out.write_all(&piece))?;
        write!(out, "\n{}{TAIL}", copy(3, "1", "\\N"))
    });
    assert_eq!(answer.code, 3, "{}", answer.shown());
    let told =
        "-:9: backups: the row is longer than the limit of 4194304 bytes for one row (setting row_limit)";
    let told = told.split(' ').all(|word| answer.stdout.contains(word));
    assert!(told, "{}", answer.stdout);
    assert_eq!((read(&report, "backups", "migrated"), read(&report, "backups", "rejected")), (2, 1));
    let aside = std::fs::metadata(scene.path("rejects.sql")).unwrap().len();
    assert!(aside > u64::try_from(ROW_BYTES).unwrap(), "{aside}");
    within_the_law(&report);
}

#[test]
fn a_table_of_1600_columns_is_read() {
    const COLUMNS: usize = 1_600;
    const ROWS: usize = 300;
    for inserts in [false, true] {
        let scene = Scene::new();
        let (answer, report) = piped(&scene, &["run", "--target", "karbor.db"], move |out| {
            let known = ["id", "volume_id", "project_id", "status"];
            let more: Vec<String> = (known.len()..COLUMNS).map(|n| format!("column_{n}")).collect();
            // The columns that count stand at the end.
            let list = format!("{}, {}", more.join(", "), known.join(", "));
            write!(out, "{HEAD}")?;
            if !inserts {
                writeln!(out, "COPY backups ({list}) FROM stdin;")?;
            }
            for n in 0..ROWS {
                let ids = [&format!("copy-{n}"), "volume-1", "project-1", "available"];
                if inserts {
                    let literals = ids.map(|id| format!("'{id}'")).join(", ");
                    let more = "NULL, ".repeat(more.len());
                    writeln!(out, "INSERT INTO backups ({list}) VALUES ({more}{literals});")?;
                } else {
                    writeln!(out, "{}{}", "\\N\t".repeat(more.len()), ids.join("\t"))?;
                }
            }
            let tail = if inserts { TAIL.trim_start_matches("\\.\n") } else { TAIL };
            write!(out, "{tail}")
        });
        assert_eq!(answer.code, 0, "{}", answer.shown());
        assert_eq!(read(&report, "backups", "migrated"), u64::try_from(ROWS).unwrap());
        within_the_law(&report);
    }
}

#[test]
fn ten_million_empty_lines_are_passed_over_or_counted() {
    const LINES: usize = 10_000_000;
    let empty = |out: &mut dyn Write| {
        let piece = [b'\n'; 100_000];
        (0..LINES / piece.len()).try_for_each(|_| out.write_all(&piece))
    };
    // Between statements they are nothing, in a table that is not migrated they are rows.
    for unknown in [false, true] {
        let scene = Scene::new();
        let (answer, report) = piped(&scene, &["check"], move |out| {
            write!(out, "{HEAD}")?;
            if unknown {
                writeln!(out, "COPY snapshots (id) FROM stdin;")?;
            }
            empty(out)?;
            if unknown {
                writeln!(out, "\\.")?;
            }
            write!(out, "{BACKUPS}{}{TAIL}", copy(1, "abc", "\\N"))
        });
        assert_eq!(answer.code, 1, "{}", answer.shown());
        let line = LINES + if unknown { 10 } else { 8 };
        assert!(
            answer.stderr.starts_with(&format!("etl: -:{line}: backups.size: \"abc\"")),
            "{}",
            answer.stderr
        );
        if unknown {
            assert_eq!(report["report"]["dumps"][0]["other_tables"]["snapshots"], LINES);
        }
        within_the_law(&report);
    }
}

#[test]
fn a_hundred_thousand_rejections_are_set_aside_in_bounded_memory() {
    const ROWS: usize = 100_000;
    let scene = Scene::new();
    let run = ["run", "--target", "karbor.db", "--rejects", "rejects.sql"];
    let (answer, report) = piped(&scene, &run, |out| {
        // Where no value fits, the column would be taken for another.
        write!(out, "{HEAD}{BACKUPS}{}", copy(ROWS, "1", "\\N"))?;
        (0..ROWS).try_for_each(|n| out.write_all(copy(n, "abc", "\\N").as_bytes()))?;
        out.write_all(TAIL.as_bytes())
    });
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert_eq!(read(&report, "backups", "rejected"), u64::try_from(ROWS).unwrap());
    assert_eq!(report["report"]["rejections"].as_array().unwrap().len(), 100);
    assert!(answer.stdout.contains("… and 99,900 more"), "{}", answer.stdout);
    assert_eq!(scene.read("rejects.sql").matches("\tabc\t").count(), ROWS);
    within_the_law(&report);
}

/// Rows cannot be shorter, nor more of them in a chunk.
#[test]
fn half_a_million_rows_of_nothing_are_rejected_within_the_law() {
    const ROWS: usize = 500_000;
    let scene = Scene::new();
    let (answer, report) =
        piped(&scene, &["run", "--target", "karbor.db", "--rejects", "rejects.sql"], |out| {
            write!(out, "{HEAD}{BACKUPS}")?;
            out.write_all(&[b'\n'; ROWS])?;
            write!(out, "{}{TAIL}", copy(1, "1", "\\N"))
        });
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert_eq!(read(&report, "backups", "rejected"), u64::try_from(ROWS).unwrap());
    within_the_law(&report);
}

#[test]
fn a_name_of_64_kib_is_rejected_and_shown_in_part() {
    let name = "名".repeat(64 << 10);
    let scene = Scene::new();
    let sound = include_str!("../../fixtures/bad/sound.sql");
    scene.write("dump.sql", sound.replace("\tnightly\t", &format!("\t{name}\t")).replace("autobk_1", &name));
    let answer = scene.etl(&["check", "dump.sql", "--no-log", "--quiet"]);
    assert_eq!(answer.code, 1, "{}", answer.stdout);
    for column in ["backup_policy.policy_name", "backups.display_name"] {
        assert!(answer.stderr.contains(column), "{}", answer.stderr);
    }
    assert!(answer.stderr.contains("has 65536 characters, and the column holds 255"), "{}", answer.stderr);
    assert!(answer.stderr.len() < 4_000, "{} bytes of messages", answer.stderr.len());
}

/// A site at the edge of what is accepted: times at both ends of the years, numbers of 400 digits, JSON of 100,000 levels,
/// texts as long as they may be, values that look like ends of rows.
fn edges() -> String {
    let levels = 100_000;
    let deep = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let digits = "1234567890".repeat(40);
    let sound = include_str!("../../fixtures/bad/sound.sql");
    let sound = sound.replace(
        "{\"AT\": 1.20, \"CS\": 512,",
        &format!("{{\"AT\": 1e400, \"CS\": {digits}, \"VK\": \"\\\\u0000\", \"ebk_T_I\": \"a\\\\u0000b\", \"deep\": {deep},"),
    );
    let sound = sound.replace("{\"DESC\": \"nightly\",", &format!("{{\"DESC\": {deep},"));
    let sound = sound
        .replace("autobk_1", &"𠀀".repeat(255))
        .replace("\tservers\t", "\t\\\\.\\n'); DROP TABLE plans; --\t");
    sound.replacen("2018-05-01 01:00:00", "0001-01-01 00:00:00", 1).replacen(
        "2018-05-01 01:20:00",
        "9999-12-31 23:59:59.999999",
        1,
    )
}

#[test]
fn the_edges_of_what_is_accepted_arrive_in_every_target() {
    let scene = Scene::new();
    scene.write("dump.sql", edges());
    let server = shared();
    let (one, other) = (database(server), database(server));
    for target in [server.url(&one), "karbor.db".to_owned(), "karbor.sql".to_owned()] {
        let answer = scene.etl(&["run", "dump.sql", "--no-log", "--quiet", "--target", &target]);
        assert_eq!(answer.code, 0, "{target}: {}", answer.shown());
    }
    for target in [server.url(&one), "karbor.db".to_owned()] {
        let answer = scene.etl(&["verify", "dump.sql", "--no-log", "--quiet", "--target", &target]);
        assert_eq!(answer.code, 0, "{target}: {}", answer.shown());
    }
    server.psql(&other, &scene.read("karbor.sql"));
    let rows = postgres_rows(server, &one);
    assert_eq!(postgres_rows(server, &other), rows);
    assert_eq!(counts(&sqlite_rows(&scene.path("karbor.db"))), counts(&rows));
    assert_eq!(rows.len(), TABLES.len());
    let items = rows["checkpoint_items"].join("\n");
    for value in ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", &"1234567890".repeat(40)] {
        assert!(items.contains(value), "{value}");
    }
}

#[test]
fn what_is_beyond_them_is_rejected_by_name() {
    let sound = include_str!("../../fixtures/bad/sound.sql");
    let lists = "[".repeat(100_000);
    for (from, to, told) in [
        ("2018-05-01 01:20:00", "infinity", "backups.updated_at: \"infinity\" is an infinite time"),
        (
            "2018-05-01 01:20:00",
            "294276-12-31 00:00:00",
            "backups.updated_at: \"294276-12-31 00:00:00\" is not a timestamp",
        ),
        (
            "\"nightly\"",
            "\"a\\\\u0000b\"",
            "backups.display_description: \"{\\\"DESC\\\": \\\"a\\\\u0000b\\\"",
        ),
        ("0 0 1 ? * MON", &lists, "backup_trigger.cron_expression: \"[[["),
        ("UTC+08:00", &lists, "backup_trigger.time_zone: \"[[["),
    ] {
        let scene = Scene::new();
        scene.write("dump.sql", sound.replacen(from, to, 1));
        let answer = scene.etl(&["check", "dump.sql", "--no-log", "--quiet"]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stderr.contains(told), "{told}: {}", answer.stderr);
        assert!(answer.stderr.len() < 2_000, "{} bytes of messages", answer.stderr.len());
    }
}
