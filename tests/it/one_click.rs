//! A cutover in one go: three source databases and more behind SSH, a Karbor, and an operator who types one command.
//!
//! The nodes are real SSH servers of the tests' own, their gs_dump is pg_dump of a private PostgreSQL.

mod broken;
mod site;

use crate::karbor::database;
use crate::scene::Scene;
use etl::cli::execute;
use etl::ui::environment::Environment;
use etl::ui::password::Typed;
use fixtures::server::Server;
use secrecy::SecretString;
use site::Site;
use std::ffi::OsString;

#[test]
fn three_databases_behind_ssh_become_a_verified_karbor_and_back() {
    whole_cutover(&Site::new());
}

#[test]
fn the_same_where_karbor_is_in_opengauss() {
    let site = Site::in_gauss();
    whole_cutover(&site);
    let gauss = site.gauss.as_ref().unwrap();
    assert_eq!((gauss.failed_logins(), gauss.refused()), (0, Vec::new()));
    let log = site.scene.read("cutover/etl.log");
    let line = log.lines().find(|line| line.contains(" gs_dump --format=plain ")).unwrap();
    let target =
        format!("'postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable'", gauss.port(), site.karbor);
    assert!(line.contains("--table=plans") && line.ends_with(&target), "{line}");
}

fn whole_cutover(site: &Site) {
    // Karbor has rows of its own, which nothing may touch.
    let before = site.rows();

    let answer = site.etl(&["cutover", "cutover.toml", "-vv"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let said = &answer.stdout;
    assert!(said.contains("\n       etl cutover incremental cutover.toml\n"), "{said}");
    assert!(said.contains("all is there; 1 remark to read"), "VBS is still running: {said}");
    let full = site.rows();
    assert_eq!(full, site.rows_of_a_run(&[]));
    for file in [
        "01-preflight.txt",
        "02-safety.sql",
        "04-columns.txt",
        "05-check.html",
        "06-run.html",
        "07-verify.html",
    ] {
        assert!(site.scene.path("cutover").join(file).exists(), "{file}");
    }
    assert!(site.scene.read("cutover/02-safety.sql").contains("COPY public.plans"));
    assert!(
        site.scene.read("cutover/07-verify.txt").starts_with("Verified: "),
        "{}",
        site.scene.read("cutover/07-verify.txt")
    );

    // Typed again, it says what is to be done, and does nothing.
    let answer = site.etl(&["cutover", "cutover.toml"]);
    assert!(answer.code == 0 && answer.stdout.contains("switch the traffic"), "{}", answer.shown());
    let answer = site.etl(&["cutover", "incremental", "cutover.toml"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.starts_with("etl: vbs is not stopped on vbs1: `test -e "), "{}", answer.shown());
    assert!(answer.stderr.contains("→ to go on, mend it and type: etl cutover incremental cutover.toml\n"));
    assert_eq!(site.rows(), full);

    // The traffic is switched, VBS is stopped; in between it finished its copies.
    site.finish_copies();
    site.stop_vbs();
    let answer = site.etl(&["cutover", "incremental", "cutover.toml"]);
    assert_eq!(answer.code, 3, "copies wait for their jobs: {}", answer.shown());
    let incremental = site.rows();
    assert!(incremental["checkpoint_items"].len() > full["checkpoint_items"].len());
    assert_eq!(site.restarts(), 1);

    // VBS's jobs go on, and end.
    site.finish_jobs();
    let answer = site.etl(&["cutover", "continue", "cutover.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(answer.stdout.contains("The cutover is done."), "{}", answer.shown());
    assert!(!site.rows()["checkpoint_items"].iter().any(|row| row.contains("|protecting|")));
    let answer = site.etl(&["cutover", "status", "cutover.toml", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&status["next"], &status["switched"]), (&"over".into(), &true.into()), "{status}");

    // And back.
    let answer = site.etl(&["cutover", "rollback", "cutover.toml"]);
    assert_eq!(answer.code, 2, "nobody is there to be asked: {}", answer.shown());
    let answer = site.etl(&["cutover", "rollback", "cutover.toml", "--yes"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(
        answer.stdout.contains("A new cutover begins with:\n  etl cutover full cutover.toml\n"),
        "{}",
        answer.shown()
    );
    assert_eq!((site.rows(), site.restarts()), (before, 2));
    site.assert_clean();
}

#[test]
fn a_password_that_was_typed_for_the_target_serves_every_step() {
    let server = Server::builder().auth("scram-sha-256").start();
    let karbor = database(&server);
    server.psql(&karbor, "CREATE ROLE importer SUPERUSER LOGIN PASSWORD 'Typed-Secret-4'");
    let scene = Scene::new();
    let target = format!("postgresql://importer@127.0.0.1:{}/{karbor}", server.port());
    let file = scene.write(
        "cutover.toml",
        format!(
            "folder = \"cutover\"\ntarget = \"{target}\"\nfree_space = \"1 MiB\"\n[karbor]\npg_dump = \"{}\"\n\
             [run]\nwithout_trusts = true\n[[stopped]]\nname = \"vbs\"\nrun = \"true\"\n\
             [[node]]\nname = \"vbs1\"\nhost = \"127.0.0.1\"\nport = 1\nuser = \"cps\"\nlogin = [\"key\"]\nkey = \"/none\"\n",
            server.installation().program("pg_dump").display()
        ),
    );
    let typed = Typed::default();
    let prompt = format!("Password for user importer at 127.0.0.1:{}: ", server.port());
    typed.borrow_mut().insert(prompt, SecretString::from("Typed-Secret-4"));
    // Somebody watches, but nobody is asked: there is an answer already.
    let nothing = |_: &str| None;
    let environment = Environment {
        variable: &nothing,
        stdin_terminal: false,
        stdout_terminal: false,
        stderr_terminal: true,
        columns: None,
        typed: Some(&typed),
    };
    let line = ["etl", "cutover", file.to_str().unwrap(), "--quiet"].map(OsString::from);
    let mut out = Vec::new();
    let error = execute(&line, &environment, &mut out).unwrap_err();
    // The preflight and the safety dump had it; there is nothing to be dumped.
    assert!(error.text().contains("no node of the settings has a [[node.dump]]"), "{}", error.text());
    assert!(scene.read("cutover/02-safety.sql").contains("COPY public.plans"));
    for text in [error.text(), String::from_utf8(out).unwrap(), scene.read("cutover/etl.log")] {
        assert!(!text.contains("Typed-Secret-4"), "{text}");
    }
}
