//! Settings: who wins, and what is wrong with them.

use crate::scene::{Scene, fixture};

#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], error: &str) {
    let mut line = vec!["check", "cinder.sql"];
    line.extend(arguments);
    let answer = scene.etl(&line);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert_eq!(answer.stderr.lines().next(), Some(format!("etl: {error}").as_str()), "{arguments:?}");
    assert_eq!(answer.stdout, "");
}

#[test]
fn a_wrong_value_is_refused_in_the_same_words_wherever_it_stands() {
    let accepted = "expected a whole number from 1 to 64";
    refused(&Scene::new(), &["--threads", "many"], &format!("--threads \"many\": {accepted}"));
    refused(&Scene::new().with("ETL_THREADS", "65"), &[], &format!("ETL_THREADS=\"65\": {accepted}"));
    let scene = Scene::new();
    scene.write("etl.toml", "# mine\n\nthreads = 0\n");
    refused(&scene, &[], &format!("etl.toml:3: threads = \"0\": {accepted}"));
    scene.write("other.toml", "threads = \"x\"\n");
    refused(&scene, &["--config", "other.toml"], &format!("other.toml:1: threads = \"x\": {accepted}"));
}

#[test]
fn every_setting_says_what_it_accepts() {
    let long = "x".repeat(65);
    for (arguments, error) in [
        (
            ["--server-timezone", "Mars/Olympus"],
            "--server-timezone \"Mars/Olympus\": expected a zone such as UTC+08:00, +0800, UTC or Asia/Shanghai, from -12:00 to +14:00",
        ),
        (
            ["--server-timezone", "-13:00"],
            "--server-timezone \"-13:00\": expected a zone such as UTC+08:00, +0800, UTC or Asia/Shanghai, from -12:00 to +14:00",
        ),
        (["--policy-on", ""], "--policy-on \"\": expected 1 to 255 characters"),
        (["--every-n-days", "monthly"], "--every-n-days \"monthly\": expected interval or month-days"),
        (["--unsteady", "wait"], "--unsteady \"wait\": expected defer or carry"),
        (
            ["--provider-id", "1dc03359-1301-467b-9972-1a7599ae791d0"],
            "--provider-id \"1dc03359-1301-467b-9972-1a7599ae791d0\": expected an id of 1 to 36 characters",
        ),
        (["--user-id", &long], &format!("--user-id \"{long}\": expected an id of 1 to 64 characters")),
        (["--trust-id", &long], &format!("--trust-id \"{long}\": expected an id of 1 to 64 characters")),
        (["--service-id", "-1"], "--service-id \"-1\": expected a whole number from 1 to 2147483647"),
        (["--trigger-format", "a\nb"], "--trigger-format \"a\\nb\": expected 1 to 64 characters"),
        (["--encoding", "EBCDIC"], "--encoding \"EBCDIC\": expected UTF8, GBK, GB18030, BIG5 or LATIN1"),
        (["--row-limit", "4TiB"], "--row-limit \"4TiB\": expected a size from 1KiB to 1GiB, such as 4MiB"),
        (
            ["--spool-dir", "/no/such/folder"],
            "--spool-dir \"/no/such/folder\": the folder cannot be used: No such file or directory (os error 2)",
        ),
    ] {
        refused(&Scene::new(), &arguments, error);
    }
}

#[test]
fn a_settings_file_is_refused_with_the_line() {
    for (text, error) in [
        ("threads = 4\nprovider = \"x\"\n", "etl.toml:2: there is no setting \"provider\""),
        ("threads = \n", "etl.toml:1: "),
        ("user_id = \"a\"\n[trust]\nid = \"b\"\n", "etl.toml:2: there is no setting \"trust\""),
        ("every_n_days = true\n", "etl.toml:1: every_n_days = \"true\": expected interval or month-days"),
    ] {
        let scene = Scene::new();
        scene.write("etl.toml", text);
        let answer = scene.etl(&["run", "cinder.sql"]);
        assert_eq!(answer.code, 2, "{}", answer.shown());
        assert!(answer.stderr.starts_with(&format!("etl: {error}")), "{}", answer.stderr);
        assert_eq!(scene.files(), ["etl.toml"]);
    }
    refused(
        &Scene::new(),
        &["--config", "no.toml"],
        "no.toml: the settings file cannot be read: No such file or directory (os error 2)",
    );
}

#[test]
fn an_unknown_key_is_answered_with_the_known_ones() {
    let scene = Scene::new();
    scene.write("etl.toml", "target = \"karbor.db\"\n");
    let answer = scene.etl(&["run", "cinder.sql"]);
    assert!(
        answer.stderr.ends_with("  → name the target with --target or ETL_TARGET\n"),
        "{}",
        answer.stderr
    );
    scene.write("etl.toml", "thread = 1\n");
    let answer = scene.etl(&["run", "cinder.sql"]);
    assert!(
        answer.stderr.ends_with(
            "  → the settings are server_timezone, policy_on, every_n_days, unsteady, backup_services, provider_id, user_id, \
             trust_id, service_id, trigger_format, encoding, row_limit, spool_dir, threads\n"
        ),
        "{}",
        answer.stderr
    );
}

/// The flag wins over the environment, the environment over the file; each loser would be an error.
#[test]
fn the_nearest_setting_wins_and_the_others_are_not_looked_at() {
    let scene = Scene::new().with("ETL_THREADS", "no number");
    scene.write("etl.toml", "threads = \"no number either\"\n");
    let dump = fixture("cinder.sql");
    let answer = scene.etl(&["check", &dump, "--threads", "x"]);
    assert!(answer.stderr.starts_with("etl: --threads \"x\""), "{}", answer.stderr);
    let answer = scene.etl(&["check", &dump]);
    assert!(answer.stderr.starts_with("etl: ETL_THREADS=\"no number\""), "{}", answer.stderr);
    let answer = scene.etl(&["check", &dump, "--threads", "1", "--no-log"]);
    assert_ne!(answer.code, 2, "{}", answer.stderr);
}

#[test]
fn a_folder_in_memory_is_refused_where_it_is_named() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let tmpfs = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let place = fields.nth(1)?;
        (fields.next() == Some("tmpfs") && std::path::Path::new(place).is_dir()).then(|| place.to_owned())
    });
    // Machines without one have nothing to refuse; the reading of the mount table has tests of its own.
    for folder in tmpfs.take(1) {
        refused(
            &Scene::new(),
            &["--spool-dir", &folder],
            &format!("--spool-dir {folder:?}: the folder lies in memory, not on disk"),
        );
    }
}
