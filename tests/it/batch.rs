//! Several sites: each in a transaction of its own, none twice, all accounted for.

use crate::cutover::{Running, wait_until_gone};
use crate::karbor::{counts, database, postgres_rows, sqlite_rows};
use crate::scene::{Answer, Scene};
use fixtures::server::{Server, shared};
use fixtures::{Database, Layout, Site};
use std::os::unix::fs::PermissionsExt as _;

/// A small site, by its seed.
fn small(seed: u64) -> Site {
    Site::sized(seed, 60)
}

/// Writes dumps of a site into a folder of their own.
fn fill(scene: &Scene, folder: &str, site: &Site, databases: &[Database]) {
    std::fs::create_dir_all(scene.path(folder)).unwrap();
    for database in databases {
        let path = scene.path(folder).join(database.file_name());
        site.write(*database, &Layout::default(), &mut std::fs::File::create(path).unwrap()).unwrap();
    }
}

const VBS: [Database; 2] = [Database::Cinder, Database::Vbs];

/// Three sites a, b and c, each with this target in its etl.toml.
fn three(scene: &Scene, target: &str) {
    for (seed, folder) in [(1, "a"), (2, "b"), (3, "c")] {
        fill(scene, folder, &small(seed), &VBS);
        scene.write(&format!("{folder}/etl.toml"), format!("target = \"{target}\"\n"));
    }
}

/// Spoils the size of one backup of a dump; answers the mended dump.
fn spoil(scene: &Scene, dump: &str) -> String {
    let sound = scene.read(dump);
    let row = sound.lines().find(|line| line.matches('\t').count() > 15 && line.contains("\tavailable\t"));
    let row = row.unwrap();
    let size = {
        let copy = sound.lines().find(|line| line.starts_with("COPY backups ")).unwrap();
        copy.split(['(', ')']).nth(1).unwrap().split(", ").position(|column| column == "size").unwrap()
    };
    let mut fields: Vec<&str> = row.split('\t').collect();
    fields[size] = "abc";
    scene.write(dump, sound.replacen(row, &fields.join("\t"), 1));
    sound
}

/// Runs `etl batch` over a, b and c.
#[track_caller]
fn batch(scene: &Scene, more: &[&str]) -> Answer {
    let mut line = vec!["batch", "a", "b", "c", "--report", "batch.json"];
    line.extend(more);
    scene.etl(&line)
}

/// The state of each site in the report.
fn states(scene: &Scene) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&scene.read("batch.json")).unwrap();
    let sites = report["sites"].as_array().unwrap();
    sites.iter().map(|site| site["state"].as_str().unwrap().to_owned()).collect()
}

/// Why a site was loaded, by its place.
fn why(scene: &Scene, site: usize) -> String {
    let report: serde_json::Value = serde_json::from_str(&scene.read("batch.json")).unwrap();
    report["sites"][site]["why"].to_string()
}

fn journal_lines(scene: &Scene) -> usize {
    scene.read("etl-journal.jsonl").lines().count()
}

#[test]
fn a_bad_row_stops_the_batch_at_its_site_and_the_next_batch_goes_on_there() {
    let scene = Scene::new();
    three(&scene, "karbor.db");
    let sound = spoil(&scene, "b/cinder.sql");
    scene.write("a/notes.txt", "ask the storage team first\n");
    let dumps = || ["a/cinder.sql", "a/vbs.sql", "b/cinder.sql", "c/vbs.sql"].map(|dump| scene.read(dump));
    let before = dumps();

    let answer = batch(&scene, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert_eq!(states(&scene), ["loaded", "failed", "not-begun"]);
    assert!(
        answer.stdout.starts_with("Batch of 3 sites: 1 loaded, 1 failed, 1 not begun\n"),
        "{}",
        answer.stdout
    );
    assert!(answer.stderr.contains(": backups.size: \"abc\" is not an integer"), "{}", answer.stderr);
    assert!(answer.stdout.contains("no dumps, passed over: notes.txt (no dump)\n"), "{}", answer.stdout);
    assert_eq!((journal_lines(&scene), dumps()), (1, before));
    assert!(!scene.path("b/karbor.db").exists() && !scene.path("c/karbor.db").exists());
    let loaded = sqlite_rows(&scene.path("a/karbor.db"));
    let report: serde_json::Value = serde_json::from_str(&scene.read("a/etl-report.json")).unwrap();
    assert_eq!((&report["command"], &report["report"]["ending"]), (&"run".into(), &"committed".into()));
    assert!(scene.read("a/etl-report.txt").contains("\n\nCommitted to a/karbor.db\n"));
    assert!(scene.read("b/etl-report.txt").contains("\n\nNot committed: "));
    // Nothing is written through a link where a report goes.
    std::fs::remove_file(scene.path("b/etl-report.txt")).unwrap();
    std::os::unix::fs::symlink("vbs.sql", scene.path("b/etl-report.txt")).unwrap();
    let linked = scene.read("b/vbs.sql");

    // The bad row is mended.
    scene.write("b/cinder.sql", sound);
    assert_eq!(batch(&scene, &[]).code, 2);
    assert_eq!(scene.read("b/vbs.sql"), linked);
    std::fs::remove_file(scene.path("b/etl-report.txt")).unwrap();
    let answer = batch(&scene, &[]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert_eq!(states(&scene), ["unchanged", "loaded", "loaded"]);
    assert!(why(&scene, 0).contains("UTC, and the rows are there"), "{}", why(&scene, 0));
    assert_eq!(sqlite_rows(&scene.path("a/karbor.db")), loaded);
    for site in ["b", "c"] {
        assert!(counts(&sqlite_rows(&scene.path(&format!("{site}/karbor.db")))).iter().all(|n| *n > 0));
    }
    // A batch that finds everything done changes nothing, and still says that rows wait.
    let journal = scene.read("etl-journal.jsonl");
    let answer = batch(&scene, &["--quiet"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (3, ""), "{}", answer.shown());
    assert_eq!(states(&scene), ["unchanged"; 3]);
    assert_eq!(scene.read("etl-journal.jsonl"), journal);
    for file in ["etl-journal.jsonl", "batch.json", "a/etl-report.txt", "a/etl-report.json"] {
        assert_eq!(
            std::fs::metadata(scene.path(file)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
}

#[test]
fn with_keep_going_one_bad_site_keeps_no_other_waiting() {
    let scene = Scene::new();
    three(&scene, "karbor.db");
    spoil(&scene, "a/cinder.sql");
    let answer = batch(&scene, &["--keep-going"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert_eq!(states(&scene), ["failed", "loaded", "loaded"]);
    let answer = batch(&scene, &["--keep-going"]);
    assert_eq!(
        (answer.code, states(&scene)),
        (1, ["failed", "unchanged", "unchanged"].map(str::to_owned).into())
    );
    // The worst of all sites, whatever its place; of those that are left, rows wait.
    let answer = scene.etl(&["batch", "b", "c", "--report", "batch.json"]);
    assert_eq!((answer.code, states(&scene)), (3, vec!["unchanged".to_owned(); 2]));
}

#[test]
fn what_changed_is_loaded_again_and_the_report_says_what_it_was() {
    let scene = Scene::new();
    three(&scene, "karbor.sql");
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(states(&scene), ["unchanged"; 3]);

    let first = scene.read("b/karbor.sql");
    fill(&scene, "b", &small(9), &[Database::Cinder]);
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(states(&scene), ["unchanged", "loaded", "unchanged"]);
    assert!(why(&scene, 1).contains("loaded again: other dumps: cinder.sql changed"), "{}", why(&scene, 1));
    let second = scene.read("b/karbor.sql");
    assert_ne!(first, second);
    // What is put back was committed once, but is not what the target holds.
    fill(&scene, "b", &small(2), &[Database::Cinder]);
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(states(&scene), ["unchanged", "loaded", "unchanged"]);
    assert_eq!(scene.read("b/karbor.sql"), first);

    // A setting of one site, one of all, and one on which no row depends.
    scene.write("c/etl.toml", "target = \"karbor.sql\"\nuser_id = \"u1\"\n");
    assert_eq!(batch(&scene, &["--threads", "1"]).code, 3);
    assert_eq!(states(&scene), ["unchanged", "unchanged", "loaded"]);
    assert!(why(&scene, 2).contains("other settings: user_id is new"), "{}", why(&scene, 2));
    scene.write("etl.toml", "user_id = \"u2\"\n");
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(states(&scene), ["loaded", "loaded", "unchanged"], "a site's own setting wins");
    let names = "[tag]\nnames = [\"tag\"]\n";
    scene.write("columns.toml", names);
    assert_eq!(batch(&scene, &["--columns", "columns.toml"]).code, 3);
    assert_eq!(states(&scene), ["loaded"; 3]);

    // The target is not what it was.
    scene.write("a/karbor.sql", scene.read("a/karbor.sql") + "-- mine\n");
    std::fs::remove_file(scene.path("c/karbor.sql")).unwrap();
    assert_eq!(batch(&scene, &["--columns", "columns.toml"]).code, 3);
    assert_eq!(states(&scene), ["loaded", "unchanged", "loaded"]);
    assert!(why(&scene, 0).contains("a/karbor.sql changed"), "{}", why(&scene, 0));
    assert!(why(&scene, 2).contains("c/karbor.sql is not there"), "{}", why(&scene, 2));
}

#[test]
fn a_skip_is_confirmed_by_the_target() {
    let (scene, server) = (Scene::new(), shared());
    let loaded = database(server);
    fill(&scene, "a", &small(1), &VBS);
    let target = server.url(&loaded);
    let line = ["batch", "a", "--target", &target, "--report", "batch.json"];
    assert_eq!(scene.etl(&line).code, 3);
    assert_eq!(scene.etl(&line).code, 3);
    assert_eq!(states(&scene), ["unchanged"]);
    let before = postgres_rows(server, &loaded);
    // Somebody restored the database as it was before.
    server.psql(
        &loaded,
        "TRUNCATE plans, resources, triggers, scheduled_operations, scheduled_operation_states, checkpoint_items CASCADE",
    );
    assert_eq!(scene.etl(&line).code, 3);
    assert_eq!(states(&scene), ["loaded"]);
    assert!(why(&scene, 0).contains("are not there"), "{}", why(&scene, 0));
    assert_eq!(postgres_rows(server, &loaded), before);
    // A target that cannot be asked confirms nothing.
    server.psql(&loaded, "ALTER TABLE plans RENAME TO plans_away");
    let answer = scene.etl(&line);
    assert_eq!((answer.code, states(&scene)), (1, vec!["failed".to_owned()]), "{}", answer.shown());
}

#[test]
fn sites_have_targets_of_their_own_or_share_one() {
    let (scene, server) = (Scene::new(), shared());
    let (common, own) = (database(server), database(server));
    fill(&scene, "a", &small(1), &VBS);
    fill(&scene, "b", &small(2), &[Database::Dps]);
    fill(&scene, "c", &small(3), &VBS);
    scene.write("c/etl.toml", format!("target = \"{}\"\n", server.url(&own)));
    let answer = batch(&scene, &["--target", &server.url(&common)]);
    assert!(matches!(answer.code, 0 | 3), "{}", answer.shown());
    assert_eq!(states(&scene), ["loaded"; 3]);
    let (_, shared) = answer.stdout.split_once("\nTargets of several sites\n").unwrap();
    let shared: String = shared.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shared.contains(&format!("/{common}: a, b Taking an import back there")), "{}", answer.stdout);
    assert!(counts(&postgres_rows(server, &common)).iter().all(|n| *n > 0));
    assert!(counts(&postgres_rows(server, &own)).iter().all(|n| *n > 0));
    let sources = "SELECT count(DISTINCT version) FROM checkpoint_items";
    assert_eq!((server.psql(&common, sources), server.psql(&own, sources)), ("2".into(), "1".into()));
    let answer = batch(&scene, &["--target", &server.url(&common)]);
    assert_eq!(states(&scene), ["unchanged"; 3], "{}", answer.shown());
}

#[test]
fn a_killed_batch_goes_on_where_it_stopped() {
    let (scene, server) = (Scene::new(), Server::start());
    let databases = [database(&server), database(&server), database(&server)];
    for ((folder, site), database) in
        [("a", small(1)), ("b", Site::sized(2, 15_000)), ("c", small(3))].iter().zip(&databases)
    {
        fill(&scene, folder, site, &VBS);
        scene.write(&format!("{folder}/etl.toml"), format!("target = \"{}\"\n", server.url(database)));
    }
    for (signal, code) in [("KILL", None), ("INT", Some(1))] {
        let mut running = Running::start(&scene, &["batch", "a", "b", "c", "--report", "batch.json"]);
        running.wait_for_copy_to(&server, &databases[1]);
        running.signal(signal);
        let (ended, stderr) = running.end();
        assert_eq!(ended, code, "{stderr}");
        wait_until_gone(&server);
        assert_eq!(journal_lines(&scene), 1);
        assert_eq!(counts(&postgres_rows(&server, &databases[1])), [0; 6]);
    }
    assert_eq!(states(&scene), ["unchanged", "failed", "not-begun"]);
    let answer = batch(&scene, &[]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert_eq!(states(&scene), ["unchanged", "loaded", "loaded"]);
    for database in &databases {
        assert!(counts(&postgres_rows(&server, database)).iter().all(|n| *n > 0));
    }
}

#[test]
fn a_journal_that_a_crash_tore_is_mended_and_a_damaged_one_is_refused() {
    let scene = Scene::new();
    three(&scene, "karbor.sql");
    assert_eq!(batch(&scene, &[]).code, 3);
    let whole = scene.read("etl-journal.jsonl");
    scene.write("etl-journal.jsonl", &whole[..whole.len() - 40]);
    let answer = batch(&scene, &[]);
    assert_eq!(
        (answer.code, states(&scene)),
        (3, ["unchanged", "unchanged", "loaded"].map(str::to_owned).into())
    );
    assert!(answer.stdout.contains("was cut off by a crash"), "{}", answer.stdout);
    assert_eq!(journal_lines(&scene), 3);
    assert_eq!(batch(&scene, &[]).code, 3);
    assert_eq!(states(&scene), ["unchanged"; 3]);

    let damaged = whole.replacen("\"target\"", "\"targ", 1);
    scene.write("etl-journal.jsonl", &damaged);
    let answer = batch(&scene, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.contains("etl-journal.jsonl:1: the line is damaged: "), "{}", answer.stderr);
    assert_eq!(scene.read("etl-journal.jsonl"), damaged);
}

#[test]
fn a_target_that_sites_share_holds_the_rows_of_all_and_a_later_dump_brings_its_own() {
    let (scene, server) = (Scene::new(), shared());
    let common = database(server);
    for (seed, folder) in [(1, "a"), (2, "b"), (3, "c")] {
        fill(&scene, folder, &small(seed), &VBS);
    }
    let target = server.url(&common);
    let answer = batch(&scene, &["--target", &target]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert_eq!(batch(&scene, &["--target", &target]).code, 3);
    assert_eq!(states(&scene), ["unchanged"; 3]);
    // A site's run does not take the others' rows for rows that nobody holds any more.
    let report = scene.read("c/etl-report.txt");
    assert!(report.contains("rows of other sites lie in the target too"), "{report}");
    assert!(!report.contains("no longer in the dumps"), "{report}");
    let answer = batch(&scene, &["--target", &target, "--prune"]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(answer.stderr.contains("--prune: several sites are loaded into "), "{}", answer.stderr);

    let items = |rows: &crate::karbor::Rows| rows["checkpoint_items"].clone();
    let before = items(&postgres_rows(server, &common));
    let copy = scene.read("b/cinder.sql");
    let row = copy.lines().find(|line| line.matches('\t').count() > 15 && line.contains("\tavailable\t"));
    let row = row.unwrap();
    let id = row.split('\t').find(|field| field.len() == 36).unwrap();
    scene.write("b/cinder.sql", copy.replace(row, &row.replace(id, "00000000-0000-4000-8000-000000000001")));
    assert_eq!(batch(&scene, &["--target", &target]).code, 3);
    assert_eq!(states(&scene), ["unchanged", "loaded", "unchanged"]);
    let after = items(&postgres_rows(server, &common));
    assert_eq!(after.len(), before.len() + 1);
    assert!(before.iter().all(|row| after.contains(row)));
    // The row under its old id is in no site's dumps any more; those of the other sites are.
    let report: serde_json::Value = serde_json::from_str(&scene.read("batch.json")).unwrap();
    let shared = &report["shared_targets"][0];
    assert_eq!(shared["lost"].to_string(), r#"[{"rows":1,"table":"checkpoint_items"}]"#);
    assert_eq!(shared["lost_rows"][0]["key"][0], id);
    assert!(scene.read("etl.log").contains("in none of their dumps any more: checkpoint_items 1"));
}

/// The server has committed, and the process dies before the journal says so.
#[test]
fn between_the_commit_and_the_journal_nothing_is_lost_and_nothing_doubled() {
    let (scene, server) = (Scene::new(), shared());
    let loaded = database(server);
    fill(&scene, "a", &small(1), &VBS);
    let target = server.url(&loaded);
    let line = ["batch", "a", "--target", &target, "--report", "batch.json"];
    assert_eq!(scene.etl(&line).code, 3);
    let before = postgres_rows(server, &loaded);
    scene.write("etl-journal.jsonl", "");
    let answer = scene.etl(&line);
    assert_eq!((answer.code, states(&scene)), (3, vec!["loaded".to_owned()]), "{}", answer.shown());
    let report: serde_json::Value = serde_json::from_str(&scene.read("batch.json")).unwrap();
    assert_eq!(report["sites"][0]["written"], 0, "{report}");
    assert_eq!(postgres_rows(server, &loaded), before);
    assert_eq!(scene.etl(&line).code, 3);
    assert_eq!(states(&scene), ["unchanged"]);
}

#[test]
fn two_batches_do_not_use_one_journal_at_once() {
    let scene = Scene::new();
    three(&scene, "karbor.db");
    let journal = std::fs::File::create(scene.path("etl-journal.jsonl")).unwrap();
    journal.try_lock().unwrap();
    let answer = batch(&scene, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.contains("another etl batch is using this journal"), "{}", answer.stderr);
    assert!(!scene.path("a/karbor.db").exists());
    let answer = batch(&scene, &["--journal", "other.jsonl"]);
    assert_eq!((answer.code, scene.read("other.jsonl").lines().count()), (3, 3), "{}", answer.shown());
}

#[test]
fn no_secret_stands_in_the_journal_or_a_report() {
    const SECRET: &str = "hunter2";
    let server = shared();
    let loaded = database(server);
    let url = server.url(&loaded);
    let with_password = url.replacen("@", &format!(":{SECRET}@"), 1);
    assert_ne!(url, with_password);
    let scene = Scene::new().with("ETL_TARGET", &with_password);
    fill(&scene, "a", &small(1), &VBS);
    let answer = scene.etl(&["batch", "a", "-vv", "--report", "batch.json"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    for file in ["etl-journal.jsonl", "batch.json", "etl.log", "a/etl-report.txt", "a/etl-report.json"] {
        assert!(!scene.read(file).contains(SECRET), "{file}");
    }
    assert!(!(answer.stdout + &answer.stderr).contains(SECRET));

    let scene = Scene::new();
    fill(&scene, "a", &small(1), &VBS);
    scene.write("a/etl.toml", format!("threads = 1\ntarget = \"{with_password}\"\n"));
    assert_eq!(
        scene.etl(&["batch", "a"]).shown(),
        "exit code 2\n---- stderr\netl: a/etl.toml:2: a password stands in the target\n  \
         → leave it out: etl asks for it, or takes it from PGPASSWORD or ~/.pgpass\n"
    );
}

#[test]
fn what_does_not_go_together_is_refused_before_anything_is_begun() {
    let scene = Scene::new();
    three(&scene, "karbor.db");
    std::fs::create_dir_all(scene.path("empty")).unwrap();
    fill(&scene, "deep/d", &small(4), &VBS);
    fill(&scene, "e", &small(5), &VBS);
    fill(&scene, "f", &small(6), &VBS);
    for (arguments, said) in [
        (&["a", "absent"][..], "absent: the folder cannot be used"),
        (&["a", "a/vbs.sql"], "a/vbs.sql: this is no folder"),
        (&["a", "empty"], "empty: there is no dump in it"),
        (&["a", "b", "./a"], "./a: is the same folder as a"),
        (&["a", "deep/d"], "the folders lie in different places, and no journal is named"),
        (&["e", "f", "--target", "karbor.sql"], "e and f are written to the same script, karbor.sql"),
        (&["a", "--journal", "a/vbs.sql"], "the dump a/vbs.sql and the journal are the same file"),
        (
            &["a", "--report", "b.json", "--journal", "b.json"],
            "the journal and the --report file are the same file",
        ),
        (&["a", "--report", "batch.html"], "the --report file batch.html: this command has no page"),
        (&["a", "--policy-on", ""], "--policy-on \"\": expected 1 to 255 characters"),
    ] {
        let mut line = vec!["batch"];
        line.extend(arguments);
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 2, "{arguments:?}: {}", answer.shown());
        assert!(answer.stderr.starts_with(&format!("etl: {said}")), "{arguments:?}: {}", answer.stderr);
    }
    for (text, said) in [
        ("target = 4\n", "b/etl.toml:1: target is no text"),
        ("target = \"karbor\"\n", "b/etl.toml:1: target: this names no target"),
        ("targets = \"x\"\n", "b/etl.toml:1: there is no setting \"targets\""),
        ("threads = 0\n", "b/etl.toml:1: threads = \"0\": expected a whole number from 1 to 64"),
    ] {
        scene.write("b/etl.toml", text);
        let answer = batch(&scene, &[]);
        assert_eq!(answer.code, 2, "{text}: {}", answer.shown());
        assert!(answer.stderr.starts_with(&format!("etl: {said}")), "{text}: {}", answer.stderr);
    }
    assert!(!scene.path("a/karbor.db").exists() && !scene.path("etl-journal.jsonl").exists());
}
