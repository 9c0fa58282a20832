//! Every `sslmode` on servers with and without TLS, each outcome compared with psql's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use connect::{CertificateProblem, ConnectError};
use fixtures::server::{Authority, Issued, Server, Usage};

use super::{block_on, log_in, resolve, server, value};

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// A server without TLS, for all tests here.
fn plain_server() -> &'static Server {
    static PLAIN: OnceLock<Server> = OnceLock::new();
    PLAIN.get_or_init(Server::start)
}

/// How a connection came about, in a word: `tls`, `plain`, or what stood in the way.
fn outcome(target: &str, home: &Path) -> String {
    let info = resolve(target, &[], home).unwrap();
    block_on(async {
        match log_in(&info, None).await.0 {
            Ok(session) => {
                let sql = "SELECT CASE WHEN ssl THEN 'tls' ELSE 'plain' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
                let seen = value(&session, sql).await;
                assert_eq!(session.encrypted, seen == "tls", "{target}");
                seen
            }
            Err(error) => named(&error),
        }
    })
}

fn named(error: &ConnectError) -> String {
    match error {
        ConnectError::TlsNotOffered { .. } => "no TLS".to_owned(),
        ConnectError::File { .. } => "no file".to_owned(),
        ConnectError::LoginRefused { .. } => "refused".to_owned(),
        ConnectError::TriedBothWays { first, second, .. } => format!("{}, {}", named(first), named(second)),
        ConnectError::Certificate { problem, .. } => match problem {
            CertificateProblem::UnknownIssuer { .. } => "unknown issuer".to_owned(),
            CertificateProblem::OtherName { names, .. } => format!("for {}", names.join(" ")),
            CertificateProblem::Expired { until } => format!("expired {until}"),
            CertificateProblem::Revoked => "revoked".to_owned(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// What psql, and so libpq, makes of the same target: `tls`, `plain` or `fails`.
fn outcome_of_psql(server: &Server, target: &str, home: &Path) -> &'static str {
    let output = Command::new(server.installation().program("psql"))
        .args([
            "-X",
            "-A",
            "-t",
            "-d",
            target,
            "-c",
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        ])
        .env_clear()
        .env("HOME", home)
        .env("PGCONNECT_TIMEOUT", "30")
        .output()
        .unwrap();
    match String::from_utf8_lossy(&output.stdout).trim() {
        "t" => "tls",
        "f" => "plain",
        _ => "fails",
    }
}

/// Checks our outcome, and that psql's is of the same kind.
fn check(server: &Server, target: &str, expected: &str) {
    let home = tempfile::tempdir().unwrap();
    let target = format!("port={} user=postgres dbname=postgres {target}", server.port());
    assert_eq!(outcome(&target, home.path()), expected, "{target}");
    let kind = if ["tls", "plain"].contains(&expected) { expected } else { "fails" };
    assert_eq!(outcome_of_psql(server, &target, home.path()), kind, "psql: {target}");
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_mode_with_every_certificate_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let right = file(folder.path(), "right.crt", server().authority().unwrap().pem());
    let wrong = file(folder.path(), "wrong.crt", Authority::new("Another authority").pem());
    let root = |path: &Path| format!(" sslrootcert={}", path.display());
    let (here, there) = ("host=localhost hostaddr=127.0.0.1", "host=db.example hostaddr=127.0.0.1");

    // In the order of MODES: no file of root certificates, the right one, the wrong one.
    let with_tls = [
        ["plain", "plain", "plain"],
        ["plain", "plain", "plain"],
        ["tls", "tls", "plain"],
        ["tls", "tls", "unknown issuer"],
        ["no file", "tls", "unknown issuer"],
        ["no file", "tls", "unknown issuer"],
    ];
    let without_tls = [
        ["plain", "plain", "plain"],
        ["plain", "plain", "plain"],
        ["plain", "plain", "plain"],
        ["no TLS", "no TLS", "no TLS"],
        ["no file", "no TLS", "no TLS"],
        ["no file", "no TLS", "no TLS"],
    ];
    for (server, table) in [(server(), with_tls), (plain_server(), without_tls)] {
        for (mode, expected) in MODES.into_iter().zip(table) {
            for (root, expected) in [String::new(), root(&right), root(&wrong)].into_iter().zip(expected) {
                for name in [here, there] {
                    let wrong_name = mode == "verify-full" && name == there && expected == "tls";
                    let expected = if wrong_name { "for localhost 127.0.0.1" } else { expected };
                    check(server, &format!("{name} sslmode={mode}{root}"), expected);
                }
            }
        }
    }
    // The address is one of the certificate's names, too.
    check(server(), &format!("host=127.0.0.1 sslmode=verify-full{}", root(&right)), "tls");
}

#[test]
fn allow_and_prefer_try_both_ways() {
    for (user, expected) in [
        ("only_tls", ["refused", "tls", "tls", "tls"]),
        ("only_plain", ["plain", "plain", "plain", "refused"]),
        ("by_nothing", ["refused", "refused, refused", "refused, refused", "refused"]),
    ] {
        for (mode, expected) in MODES.into_iter().zip(expected) {
            check(server(), &format!("host=127.0.0.1 user={user} sslmode={mode}"), expected);
        }
    }
    let home = tempfile::tempdir().unwrap();
    let target = format!("host=127.0.0.1 port={} user=by_nothing dbname=postgres", server().port());
    let info = resolve(&target, &[], home.path()).unwrap();
    let message = block_on(log_in(&info, None)).0.unwrap_err().to_string();
    assert!(message.contains("; then, without TLS: "), "{message}");
}

/// Starts a server with this certificate and checks what each of `cases` (parameters, outcome) comes to.
fn check_certificate(authority: &Authority, issued: &Issued, cases: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().tls_with(authority.clone(), issued.clone()).start();
    file(folder.path(), "root.crt", authority.pem());
    file(folder.path(), "itself.crt", &issued.certificate);
    file(folder.path(), "revoked.crl", &authority.revoke(&[issued]));
    file(folder.path(), "nobody.crl", &authority.revoke(&[]));
    for (parameters, expected) in cases {
        let parameters = parameters.replace('~', &folder.path().display().to_string());
        check(&server, &format!("hostaddr=127.0.0.1 {parameters}"), expected);
    }
}

#[test]
fn a_certificate_with_only_a_common_name() {
    let authority = Authority::new("Authority");
    check_certificate(
        &authority,
        &authority.issue("db1.example", &[]),
        &[
            ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt", "tls"),
            ("host=DB1.example sslmode=verify-full sslrootcert=~/root.crt", "tls"),
            ("host=db2.example sslmode=verify-full sslrootcert=~/root.crt", "for db1.example"),
            ("host=db2.example sslmode=verify-ca sslrootcert=~/root.crt", "tls"),
        ],
    );
    check_certificate(
        &authority,
        // A name in subjectAltName makes the common name count no more.
        &authority.issue("db1.example", &["*.db2.example"]),
        &[
            ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt", "for *.db2.example"),
            ("host=a.db2.example sslmode=verify-full sslrootcert=~/root.crt", "tls"),
            ("host=a.b.db2.example sslmode=verify-full sslrootcert=~/root.crt", "for *.db2.example"),
        ],
    );
}

#[test]
fn a_certificate_that_signs_itself() {
    check_certificate(
        &Authority::new("Another authority"),
        &Issued::self_signed("db1.example", &[]),
        &[
            ("host=db1.example sslmode=prefer", "tls"),
            ("host=db1.example sslmode=require", "tls"),
            ("host=db1.example sslmode=verify-full sslrootcert=~/itself.crt", "tls"),
            ("host=db2.example sslmode=verify-full sslrootcert=~/itself.crt", "for db1.example"),
            ("host=db2.example sslmode=verify-ca sslrootcert=~/itself.crt", "tls"),
            ("host=db1.example sslmode=verify-ca sslrootcert=~/root.crt", "unknown issuer"),
        ],
    );
}

#[test]
fn a_certificate_of_version_1() {
    let authority = Authority::new("Authority");
    check_certificate(
        &authority,
        &authority.issue_version_1("db1.example"),
        &[
            ("host=db1.example sslmode=prefer", "tls"),
            ("host=db1.example sslmode=require", "tls"),
            ("host=db1.example sslmode=require ssl_max_protocol_version=TLSv1.2", "tls"),
            ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt", "tls"),
            (
                "host=db1.example sslmode=verify-full sslrootcert=~/root.crt ssl_max_protocol_version=TLSv1.2",
                "tls",
            ),
            ("host=db2.example sslmode=verify-full sslrootcert=~/root.crt", "for db1.example"),
            ("host=db2.example sslmode=verify-ca sslrootcert=~/root.crt", "tls"),
        ],
    );
    // Signed by one authority, trusted is another of the same name.
    let other = Authority::new("Authority");
    check_certificate(
        &other,
        &authority.issue_version_1("db1.example"),
        &[("host=db1.example sslmode=verify-ca sslrootcert=~/root.crt", "unknown issuer")],
    );
}

#[test]
fn an_authoritys_own_certificate() {
    let authority = Authority::new("Authority");
    for (usage, expected) in [(Usage::Any, "tls"), (Usage::Server, "tls"), (Usage::Client, "unknown issuer")]
    {
        check_certificate(
            &authority,
            &authority.issue_authority("db1.example", usage),
            &[
                ("host=db1.example sslmode=require", "tls"),
                ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt", expected),
            ],
        );
    }
}

#[test]
fn certificates_that_have_ended() {
    let authority = Authority::new("Authority");
    check_certificate(
        &authority,
        &authority.issue_expired("db1.example", &["db1.example"]),
        &[
            ("host=db1.example sslmode=require", "tls"),
            ("host=db1.example sslmode=verify-ca sslrootcert=~/root.crt", "expired 2001-12-31T00:00:00Z"),
        ],
    );
    check_certificate(
        &authority,
        &authority.issue("db1.example", &["db1.example"]),
        &[
            ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt sslcrl=~/nobody.crl", "tls"),
            ("host=db1.example sslmode=verify-full sslrootcert=~/root.crt sslcrl=~/revoked.crl", "revoked"),
            ("host=db1.example sslmode=require sslcrl=~/revoked.crl", "tls"),
        ],
    );
}

#[test]
fn default_files_are_found_at_home() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".postgresql");
    fs::create_dir(&folder).unwrap();
    let target = |mode: &str| {
        format!(
            "host=db.example hostaddr=127.0.0.1 port={} user=postgres dbname=postgres sslmode={mode}",
            server().port()
        )
    };
    let authority = server().authority().unwrap();
    file(&folder, "root.crt", authority.pem());
    assert_eq!(outcome(&target("require"), home.path()), "tls");
    assert_eq!(outcome(&target("verify-full"), home.path()), "for localhost 127.0.0.1");
    file(&folder, "root.crt", Authority::new("Another authority").pem());
    assert_eq!(
        outcome(&target("require"), home.path()),
        "unknown issuer",
        "a root certificate that exists counts"
    );
    file(&folder, "root.crt", "nothing of the kind");
    assert_eq!(outcome(&target("require"), home.path()), "no file");
    assert_eq!(outcome(&target("disable"), home.path()), "plain", "no file matters without TLS");
}

#[test]
fn a_file_that_was_named_must_exist() {
    let home = tempfile::tempdir().unwrap();
    for parameter in ["sslrootcert", "sslcert", "sslcrl"] {
        let root = server().root_certificate();
        let target = format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres sslmode=require sslrootcert={} {parameter}=/nonexistent",
            server().port(),
            root.display()
        );
        assert_eq!(outcome(&target, home.path()), "no file", "{parameter}");
    }
}

#[test]
fn messages_name_the_certificate_and_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let wrong = file(home.path(), "wrong.crt", Authority::new("Another authority").pem());
    let port = server().port();
    let right = server().root_certificate();
    for (host, root, problem, remedy) in [
        (
            "localhost",
            &wrong,
            format!("is signed by none of the trusted certificates ({})", wrong.display()),
            "get the certificate of the server's authority and name its file with sslrootcert",
        ),
        (
            "db.example",
            &right,
            "is for localhost, 127.0.0.1, not for \"db.example\"".to_owned(),
            "name the server as localhost (add hostaddr for its address), or choose sslmode=verify-ca if any server \
             of that authority will do",
        ),
    ] {
        let target = format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=postgres sslmode=verify-full sslrootcert={}",
            root.display()
        );
        let info = resolve(&target, &[], home.path()).unwrap();
        let error = block_on(log_in(&info, None)).0.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{host} (127.0.0.1):{port}: the server's certificate (CN=localhost, signed by CN=Authority of a \
                 private server) {problem}"
            )
        );
        assert_eq!(error.remedy().unwrap(), remedy);
    }
}
