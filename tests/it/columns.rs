//! `etl columns`: what is proposed for databases whose tables and columns have other names, and what is made of it.

use crate::cutover::assert_same;
use crate::karbor::{database, postgres_rows, sqlite_rows};
use crate::scene::{Scene, fixture};
use fixtures::server::shared;
use parsers::columns::need::{Need, needs};
use parsers::table::Table;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The names of the columns of each table of a dump, in their order.
fn tables_of(dump: &str) -> BTreeMap<String, Vec<String>> {
    let listed = dump.lines().filter_map(|line| line.strip_prefix("COPY ")?.split_once(" ("));
    listed
        .map(|(table, rest)| {
            let (columns, _) = rest.split_once(')').unwrap();
            (table.to_owned(), columns.split(", ").map(str::to_owned).collect())
        })
        .collect()
}

/// A dump in which every table and every column has a name that says nothing; only the COPY statements are left of it. With it what
/// each name stands for, as a map.
fn anonymous(dump: &str) -> (String, String) {
    let tables = tables_of(dump);
    let (mut out, mut map) = (String::new(), String::new());
    let mut in_rows = false;
    for line in dump.lines() {
        if let Some((table, _)) = line.strip_prefix("COPY ").and_then(|rest| rest.split_once(" (")) {
            let n = tables.keys().position(|known| known == table).unwrap();
            let columns: Vec<String> = (0..tables[table].len()).map(|c| format!("c{n}_{c}")).collect();
            _ = writeln!(out, "COPY t{n} ({}) FROM stdin;", columns.join(", "));
            _ = writeln!(map, "[{table}]\nnames = [\"t{n}\"]\n[{table}.columns]");
            let known = Table::ALL.into_iter().find(|known| known.name() == table).unwrap();
            for (column, name) in tables[table].iter().zip(&columns) {
                if needs(known).any(|(known, _)| known == column) {
                    _ = writeln!(map, "{column} = [\"{name}\"]");
                }
            }
            in_rows = true;
        } else if in_rows {
            out.push_str(line);
            out.push('\n');
            in_rows = line != "\\.";
        }
    }
    (out + "--\n-- PostgreSQL database dump complete\n--\n", map)
}

/// The line of a proposal for a column.
fn proposed<'p>(proposal: &'p str, table: &str, column: &str) -> Option<&'p str> {
    let (_, section) = proposal.split_once(&format!("[{table}.columns]\n"))?;
    let mut lines = section.lines().take_while(|line| !line.is_empty());
    lines.find(|line| line.trim_start_matches("#? ").starts_with(&format!("{column} = ")))
}

#[test]
fn a_dump_of_other_names_is_mapped_by_what_its_values_tell_and_gives_the_same_rows() {
    let (scene, server) = (Scene::new(), shared());
    let plain = std::fs::read_to_string(fixture("dps.sql")).unwrap();
    let (dump, truth) = anonymous(&plain);
    scene.write("other.sql", &dump);
    let refused = scene.etl(&["run", "other.sql", "--quiet", "--no-log"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("etl columns DUMP… > columns.toml proposes which is which"),
        "{}",
        refused.stderr
    );

    // What the values tell is proposed: for the right table, with the right column, as a guess.
    let proposal = scene.etl(&["columns", "other.sql"]);
    assert_eq!((proposal.code, proposal.stderr.as_str()), (0, ""));
    let truth: toml::Table = toml::from_str(&truth).unwrap();
    for (table, column) in [
        ("schedule_timer", "start_time"),
        ("schedule_timer", "time_zone"),
        ("schedule_timer", "week_days"),
        ("protection_policy", "policy_type"),
    ] {
        let name = truth[table]["columns"][column][0].as_str().unwrap();
        let line = proposed(&proposal.stdout, table, column);
        assert!(
            line.is_some_and(|line| line.starts_with(&format!("#? {column} = [\"{name}\"]"))),
            "{table}.{column}: {line:?}"
        );
    }

    // The map as it is once a person who knows the database has gone through it.
    let map = toml::to_string(&truth).unwrap();
    scene.write("map.toml", &map);
    let line = |dump: &str, more: &[&str]| {
        let line = [&["run", dump, "--quiet", "--no-log", "--target"], more].concat();
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 3, "{}", answer.shown());
    };
    let dps = fixture("dps.sql");
    let mapped = ["--columns", "map.toml"];
    line(&dps, &["plain.db"]);
    line("other.sql", &[&["other.db"], &mapped[..]].concat());
    let expected = sqlite_rows(&scene.path("plain.db"));
    assert_same("plain", &expected, "mapped", &sqlite_rows(&scene.path("other.db")));
    let (direct, scripted) = (database(server), database(server));
    line("other.sql", &[&[server.url(&direct).as_str()], &mapped[..]].concat());
    line("other.sql", &[&["other.sql.sql"], &mapped[..]].concat());
    server.psql(&scripted, &scene.read("other.sql.sql"));
    let loaded = postgres_rows(server, &direct);
    assert_same("plain", &expected, "PostgreSQL", &loaded);
    assert_same("PostgreSQL", &loaded, "the script", &postgres_rows(server, &scripted));
}

#[test]
fn what_the_file_says_is_kept_in_the_proposal() {
    let scene = Scene::new();
    let dps = fixture("dps.sql");
    scene.write(
        "mine.toml",
        "[schedule_timer]\nabsent = [\"time_zone\"]\n[schedule_timer.columns]\ntime_zone = []\n\
         [protection_policy.values]\npolicy_type = { far = \"remote\" }\n[target.plans]\nname = \"karbor_plans\"\n",
    );
    let proposal = scene.etl(&["columns", &dps, "--columns", "mine.toml"]).stdout;
    assert!(proposal.contains("\nabsent = [\"time_zone\"]\n"), "{proposal}");
    assert!(
        proposal.contains("[protection_policy.values.policy_type]  # each stands for one of: local, "),
        "{proposal}"
    );
    assert!(proposal.contains("\n\"far\" = \"remote\"\n"), "{proposal}");
    assert!(proposal.contains("[target.plans]\nname = \"karbor_plans\"\n"), "{proposal}");
    // And it can be given back.
    scene.write("again.toml", &proposal);
    assert_eq!(scene.etl(&["columns", &dps, "--columns", "again.toml"]).stdout, proposal);
}

#[test]
fn every_word_that_is_not_known_is_proposed_and_told_once() {
    let scene = Scene::new();
    let dps = std::fs::read_to_string(fixture("dps.sql")).unwrap();
    let mut seen = 0;
    let odd: Vec<String> = dps
        .lines()
        .map(|line| {
            let is_copy = line.split('\t').count() == 30 && line.contains("\tfull\t");
            seen += usize::from(is_copy);
            if is_copy && seen <= 3 { line.replace("\tfull\t", "\twhole\t") } else { line.to_owned() }
        })
        .collect();
    assert!(seen > 3, "{seen}");
    let first = odd.iter().position(|line| line.contains("\twhole\t")).unwrap() + 1;
    scene.write("dps.sql", odd.join("\n") + "\n");
    let answer = scene.etl(&[
        "run",
        "dps.sql",
        "--quiet",
        "--no-log",
        "--rejects",
        "rejects.sql",
        "--report",
        "run.json",
    ]);
    let report: serde_json::Value = serde_json::from_str(&scene.read("run.json")).unwrap();
    let warnings: Vec<&str> =
        report["report"]["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
    let told: Vec<&&str> = warnings.iter().filter(|warning| warning.contains("\"whole\"")).collect();
    let expected = format!(
        "backup_transaction_item.backup_type: the word \"whole\" is not known (3 rows, first dps.sql:{first})"
    );
    assert!(told.len() == 1 && told[0].starts_with(&expected), "{}\n{warnings:?}", answer.shown());
    let proposal = scene.etl(&["columns", "dps.sql"]).stdout;
    assert!(proposal.contains("#? \"whole\" = \"\"  # in 3 of the rows looked at\n"), "{proposal}");
    scene.write("map.toml", "[backup_transaction_item.values]\nbackup_type = { whole = \"full\" }\n");
    let answer =
        scene.etl(&["run", "dps.sql", "--quiet", "--no-log", "-t", "mapped.db", "--columns", "map.toml"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    scene.etl(&["run", &fixture("dps.sql"), "--quiet", "--no-log", "-t", "plain.db"]);
    assert_same(
        "plain",
        &sqlite_rows(&scene.path("plain.db")),
        "mapped",
        &sqlite_rows(&scene.path("mapped.db")),
    );
}

#[test]
fn a_check_fails_where_the_dumps_are_not_as_the_map_says() {
    let scene = Scene::new();
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql", "taskmgr.sql"].map(fixture);
    let [cinder, vbs, dps, taskmgr] = dumps.each_ref().map(String::as_str);
    let answer = scene.etl(&["columns", "--check", cinder, vbs, dps, taskmgr]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let odd = std::fs::read_to_string(vbs).unwrap().replace("policy_status", "state_of_policy");
    scene.write("vbs.sql", odd);
    let answer = scene.etl(&["columns", "--check", cinder, "vbs.sql", dps]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stdout.contains("\n#? policy_status = [\"state_of_policy\"]  # guessed: "),
        "{}",
        answer.stdout
    );
    assert!(answer.stderr.contains("table backup_policy has no column policy_status"), "{}", answer.stderr);
    let run = scene.etl(&["check", cinder, "vbs.sql", dps, "--quiet", "--no-log"]);
    assert_eq!(answer.stderr, run.stderr);
    assert_eq!(scene.etl(&["columns", "--check"]).code, 2);
}

#[test]
fn the_tables_of_a_target_are_looked_for_as_well() {
    let (scene, server) = (Scene::new(), shared());
    let database = database(server);
    server.psql(
        &database,
        "ALTER TABLE checkpoint_items RENAME TO csbs_items; ALTER TABLE csbs_items RENAME COLUMN resource_name TO res_name; \
         ALTER TABLE plans RENAME COLUMN provider_id TO provider; CREATE TABLE alembic_version (version_num text)",
    );
    let map = scene.etl(&["columns", "--target", &server.url(&database)]);
    assert_eq!((map.code, map.stderr.as_str()), (0, ""), "{}", map.shown());
    for line in [
        "[target.checkpoint_items]\n#? name = \"csbs_items\"  # guessed: ",
        "\n#? resource_name = \"res_name\"  # guessed: the names are alike; it is ",
        "\n[target.plans]\nname = \"plans\"\n",
        "\n#? provider_id = \"provider\"  # guessed: ",
    ] {
        assert!(map.stdout.contains(line), "{line:?} is not in:\n{}", map.stdout);
    }
    // Confirmed by hand, a run into it goes well.
    scene.write("target.toml", map.stdout.replace("#? ", ""));
    let dps = fixture("dps.sql");
    let target = server.url(&database);
    let answer =
        scene.etl(&["run", &dps, "--target", &target, "--columns", "target.toml", "--quiet", "--no-log"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert_ne!(server.psql(&database, "SELECT count(*) FROM csbs_items WHERE res_name IS NOT NULL"), "0");
    let embedded = scene.etl(&["columns", "--target", "karbor.db"]);
    assert!(
        embedded.code == 1 && embedded.stderr.contains("its tables have Karbor's own names"),
        "{}",
        embedded.shown()
    );
}

/// Of a dump alone it is said what else is then not migrated.
#[test]
fn tables_that_no_dump_contains_are_told_with_what_is_not_migrated() {
    let scene = Scene::new();
    let answer =
        scene.etl(&["check", &fixture("cinder.sql"), "--quiet", "--no-log", "--report", "check.json"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    for loss in [
        "in none of them",
        "no copies of DPS (backup_transaction_item)",
        "no policies of VBS (backup_policy)",
    ] {
        assert!(answer.stdout.contains(loss), "{loss} is not in:\n{}", answer.stdout);
    }
    assert!(
        !answer.stdout.contains("no copies of VBS") && !answer.stdout.contains("quota_usages)"),
        "{}",
        answer.stdout
    );
    let report: serde_json::Value = serde_json::from_str(&scene.read("check.json")).unwrap();
    assert!(report["report"]["losses"].as_array().unwrap().len() > 8, "{}", report["report"]["losses"]);
}

/// Every column that the page of needs knows stands in the map that is printed.
#[test]
fn what_each_column_is_needed_for_is_printed() {
    let printed = Scene::new().etl(&["columns"]).stdout;
    for table in Table::ALL {
        for (column, need) in needs(table).filter(|(_, need)| need.need != Need::Unread) {
            assert!(printed.contains(&format!("# {column}: ")), "{table}.{column}: {need:?}");
        }
    }
}
