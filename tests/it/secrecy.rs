//! A password, wherever it comes from, is in nothing that any command says or leaves behind, at the highest level of the log;
//! and what is left behind is its owner's alone.

use crate::karbor::database;
use crate::scene::{Answer, Scene, fixture};
use fixtures::server::Server;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SECRET: &str = "s3cr3t-Of/The@Night";

/// [`SECRET`] as it stands in a URL.
const ENCODED: &str = "s3cr3t-Of%2FThe%40Night";

/// Where the password is kept: variables, and files with their text. `HERE` is the scene's folder, `PORT` the server's port.
struct Source {
    target: &'static str,
    variables: &'static [(&'static str, &'static str)],
    files: &'static [(&'static str, &'static str)],
}

const SOURCES: [Source; 5] = [
    Source {
        target: "",
        variables: &[("ETL_TARGET", "postgresql://keeper:URL@127.0.0.1:PORT/DATABASE")],
        files: &[],
    },
    Source {
        target: "",
        variables: &[(
            "ETL_TARGET",
            "host=127.0.0.1 port=PORT user=keeper dbname=DATABASE password='PASSWORD'",
        )],
        files: &[],
    },
    Source {
        target: "postgresql://keeper@127.0.0.1:PORT/DATABASE",
        variables: &[("PGPASSWORD", "PASSWORD")],
        files: &[],
    },
    Source {
        target: "postgresql://keeper@127.0.0.1:PORT/DATABASE",
        variables: &[("HOME", "HERE/home")],
        files: &[("home/.pgpass", "*:*:*:keeper:PASSWORD\n")],
    },
    Source {
        target: "postgresql://?service=night",
        variables: &[("PGSERVICEFILE", "HERE/home/services")],
        files: &[(
            "home/services",
            "[night]\nhost=127.0.0.1\nport=PORT\nuser=keeper\ndbname=DATABASE\npassword=PASSWORD\n",
        )],
    },
];

/// All files under a folder but those that hold the password on purpose.
fn left(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("home") => {}
            true => left(&path, out),
            false => out.push(path),
        }
    }
}

/// Looks for the password in everything.
#[track_caller]
fn search(scene: &Scene, answer: &Answer) {
    let mut texts = vec![answer.stdout.clone().into_bytes(), answer.stderr.clone().into_bytes()];
    let mut files = Vec::new();
    left(&scene.path(""), &mut files);
    for file in files {
        texts.push(std::fs::read(file).unwrap());
    }
    for text in texts {
        let text = String::from_utf8_lossy(&text);
        for secret in [SECRET, ENCODED] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn no_command_says_a_password_wherever_it_comes_from() {
    let server = Server::builder().auth("scram-sha-256").start();
    let role = format!(
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{SECRET}'"
    );
    server.psql("postgres", &role);
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let taskmgr = fixture("taskmgr.sql");
    for right in [true, false] {
        for Source { target, variables, files } in SOURCES {
            let database = database(&server);
            let mut scene = Scene::new();
            let here = scene.path("").display().to_string();
            // A wrong password is a secret, too: most often it is the right one of something else.
            let port = server.port().to_string();
            let fill = |text: &str| {
                text.replace("HERE/", &here)
                    .replace("PORT", &port)
                    .replace("DATABASE", &database)
                    .replace("URL", ENCODED)
                    .replace("PASSWORD", SECRET)
                    .replace("keeper", if right { "keeper" } else { "nobody" })
            };
            std::fs::create_dir(scene.path("home")).unwrap();
            std::fs::create_dir(scene.path("site")).unwrap();
            std::fs::copy(&dumps[0], scene.path("site/cinder.sql")).unwrap();
            for (name, text) in files {
                let path = scene.write(name, fill(text));
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
            for (variable, value) in variables {
                scene = scene.with(variable, &fill(value));
            }
            let target = fill(target);
            let chosen: &[&str] = if target.is_empty() { &[] } else { &["--target", &target] };
            let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
            let commands: [&[&str]; 8] = [
                &["run", "-vv", "--report", "run.json", cinder, vbs, dps],
                &["check", "-vv", "--report", "check.html", cinder, vbs, dps],
                &["verify", "-vv", "--report", "verify.html", cinder, vbs, dps],
                &["sync", "-vv", "--report", "sync.json", &taskmgr, vbs],
                &["status"],
                &["policies"],
                &["batch", "-vv", "--report", "batch.json", "site"],
                &["rollback", "-vv", "--report", "rollback.json", "--source", "all", "--yes"],
            ];
            for command in commands {
                let answer = scene.etl(&[&command[..1], chosen, &command[1..]].concat());
                search(&scene, &answer);
                if right {
                    assert!(matches!(answer.code, 0 | 3 | 4), "{command:?}: {}", answer.shown());
                } else {
                    assert_eq!(answer.code, 1, "{command:?}: {}", answer.shown());
                    assert!(answer.stderr.contains("password"), "{command:?}: {}", answer.shown());
                }
            }
            if !right {
                break;
            }
        }
    }
    assert!(!server.log().contains(SECRET));
}

#[test]
fn what_holds_data_is_its_owners_alone_whatever_the_mask() {
    let scene = Scene::new();
    let spoilt = std::fs::read_to_string(fixture("cinder.sql")).unwrap().replace("\t10\t", "\tten\t");
    std::fs::create_dir(scene.path("out")).unwrap();
    std::fs::create_dir(scene.path("site")).unwrap();
    scene.write("spoilt.sql", &spoilt);
    std::fs::copy(fixture("cinder.sql"), scene.path("site/cinder.sql")).unwrap();
    let lines = [
        "run --log out/etl.log --target out/karbor.db --rejects out/rejects.sql --report out/run.json spoilt.sql",
        "run --log out/etl.log --target out/karbor.sql --rejects out/more.sql --report out/run.html spoilt.sql",
        "verify --log out/etl.log --target out/karbor.db --report out/verify.html spoilt.sql",
        "batch --log out/etl.log --target out/batch.db --journal out/journal.jsonl --report out/batch.json site",
        "rollback --log out/etl.log --target out/back.sql --source all --report out/rollback.json",
        "rollback --log out/etl.log --target out/karbor.db --source all --yes",
    ];
    for line in lines {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("umask 0; exec \"$0\" {line}"), env!("CARGO_BIN_EXE_etl")]);
        command.current_dir(scene.path("")).env_clear().stdin(Stdio::null());
        let answer = Answer::run(command);
        assert!(answer.code != 2, "{line}: {}", answer.shown());
    }
    let mut files = Vec::new();
    left(&scene.path("out"), &mut files);
    left(&scene.path("site"), &mut files);
    files.retain(|path| !path.ends_with("site/cinder.sql"));
    assert!(files.len() >= 10, "{files:?}");
    for path in files {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}: {mode:o}", path.display());
    }
}
