//! Every way to log in, on a real server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use connect::{ConnectError, LoginMethod, PasswordSource};
use fixtures::server::Authority;

use super::{SECRET, block_on, log_in, resolve, server, value};

/// Logs in and tells the role, or the error's first line; with `typed` as the operator's answer.
fn outcome(target: &str, typed: Option<&str>) -> String {
    let home = tempfile::tempdir().unwrap();
    outcome_at(home.path(), target, typed)
}

fn outcome_at(home: &Path, target: &str, typed: Option<&str>) -> String {
    let place = format!("hostaddr=127.0.0.1 port={} dbname=postgres {target}", server().port());
    let info = resolve(&place, &[], home).unwrap();
    block_on(async {
        let (outcome, asked) = log_in(&info, typed).await;
        let outcome = match outcome {
            Ok(session) => value(&session, "SELECT current_user::text").await,
            Err(error) => error.to_string().replace(&server().port().to_string(), "PORT"),
        };
        if asked == 0 { outcome } else { format!("asked {asked}: {outcome}") }
    })
}

#[test]
fn passwords() {
    for (user, password) in [
        ("by_md5", format!("{SECRET}-md5")),
        ("by_scram", format!("{SECRET} scram @/:%")),
        ("by_clear", format!("{SECRET}-clear")),
    ] {
        for mode in ["disable", "prefer", "require"] {
            let target = format!("user={user} sslmode={mode}");
            assert_eq!(outcome(&format!("{target} password='{password}'"), None), user, "{target}");
            assert_eq!(outcome(&target, Some(&password)), format!("asked 1: {user}"), "{target}");
        }
        assert_eq!(
            outcome(&format!("user={user} sslmode=disable"), None),
            format!(
                "asked 1: 127.0.0.1:PORT: the server asks for the password of user {user:?}, and none is known"
            )
        );
        assert_eq!(
            outcome(&format!("user={user} sslmode=disable password={SECRET}-wrong"), Some("not asked")),
            format!(
                "127.0.0.1:PORT: login of user {user:?} with the password in the target failed: password \
                 authentication failed for user {user:?}"
            )
        );
    }
    assert_eq!(
        outcome("user=by_scram sslmode=require", Some(&format!("{SECRET}-wrong"))),
        "asked 1: 127.0.0.1:PORT: login of user \"by_scram\" with the password that was typed failed: password \
         authentication failed for user \"by_scram\""
    );
    let wrong = format!("{SECRET}-wrong");
    let both = outcome("user=by_scram sslmode=prefer", Some(&wrong));
    assert!(both.starts_with("asked 1: "), "one question for both ways: {both}");
    assert_eq!(both.matches("the password that was typed failed").count(), 2, "{both}");
    assert_eq!(outcome("user=postgres", None), "postgres", "nobody is asked where the server trusts");
}

#[test]
fn a_password_file_is_used_and_named() {
    let home = tempfile::tempdir().unwrap();
    let pgpass = home.path().join(".pgpass");
    let write = |password: &str| {
        fs::write(&pgpass, format!("127.0.0.1:{}:*:by_md5:{password}\n", server().port())).unwrap();
        fs::set_permissions(&pgpass, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&format!("{SECRET}-md5"));
    assert_eq!(outcome_at(home.path(), "user=by_md5", None), "by_md5");
    write(&format!("{SECRET}-old"));
    let message = outcome_at(home.path(), "user=by_md5 sslmode=disable", None);
    assert!(message.contains(&format!("with the password in {} failed", pgpass.display())), "{message}");
}

#[test]
fn unix_sockets() {
    let folder = server().folder().display();
    let on_socket =
        |user: &str| outcome(&format!("hostaddr='' host={folder} user={user} sslmode=verify-full"), None);
    assert_eq!(on_socket("by_peer"), "by_peer");
    assert_eq!(on_socket("by_trust"), "by_trust");
    let missing = outcome("hostaddr='' host=/nonexistent", None);
    assert_eq!(missing, "/nonexistent/.s.PGSQL.PORT: No such file or directory (os error 2)");
}

#[test]
fn certificates_of_clients() {
    let home = tempfile::tempdir().unwrap();
    let (certificate, key) = (home.path().join("client.crt"), home.path().join("client.key"));
    let log_in_with = |authority: &Authority, name: &str, mode: u32| {
        let issued = authority.issue(name, &[]);
        fs::write(&certificate, &issued.certificate).unwrap();
        fs::write(&key, &issued.key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let target = format!(
            "user=by_cert sslmode=require sslcert={} sslkey={}",
            certificate.display(),
            key.display()
        );
        outcome_at(home.path(), &target, None).replace(&home.path().display().to_string(), "~")
    };
    let ours = server().authority().unwrap();
    assert_eq!(log_in_with(ours, "by_cert", 0o600), "by_cert");
    assert_eq!(
        log_in_with(ours, "somebody", 0o600),
        "127.0.0.1:PORT: login of user \"by_cert\" was refused: certificate authentication failed for user \
         \"by_cert\""
    );
    assert_eq!(
        log_in_with(ours, "by_cert", 0o644),
        "the client's key ~/client.key: it has permissions 0644, which let others at it (chmod 600 ~/client.key)"
    );
    let message = log_in_with(&Authority::new("Another authority"), "by_cert", 0o600);
    assert!(message.starts_with("127.0.0.1:PORT: TLS failed: "), "{message}");
    assert_eq!(
        outcome("user=by_cert sslmode=require", None),
        "127.0.0.1:PORT: login of user \"by_cert\" was refused: connection requires a valid client certificate"
    );
    fs::write(&key, ours.issue("x", &[]).key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let target = format!(
        "user=by_cert sslmode=require sslcert={0}/client.crt sslkey={0}/client.key",
        home.path().display()
    );
    assert!(outcome(&target, None).contains("it is not the key of"), "a key of another certificate");
}

#[test]
fn channel_binding() {
    let check = |target: &str, expected: &str| {
        let scram = format!("user=by_scram password='{SECRET} scram @/:%'");
        let outcome = outcome(&format!("{scram} {target}"), None);
        assert!(outcome.starts_with(expected), "{target}: {outcome}");
    };
    check("sslmode=require channel_binding=require", "by_scram");
    check("sslmode=require channel_binding=require ssl_max_protocol_version=TLSv1.2", "by_scram");
    check("sslmode=require channel_binding=disable", "by_scram");
    let broken = "127.0.0.1:PORT: login of user \"by_scram\" was broken off: authentication error: server did not use channel binding";
    check("sslmode=disable channel_binding=require", broken);
    let md5 =
        outcome(&format!("user=by_md5 password={SECRET}-md5 sslmode=require channel_binding=require"), None);
    assert!(md5.contains("server did not use channel binding"), "{md5}");
}

#[test]
fn refusals() {
    for (target, expected) in [
        (
            "user=by_nothing sslmode=disable",
            "127.0.0.1:PORT: login of user \"by_nothing\" was refused: pg_hba.conf rejects connection for host \
             \"127.0.0.1\", user \"by_nothing\", database \"postgres\", no encryption",
        ),
        (
            "user=nobody_known",
            "127.0.0.1:PORT: login of user \"nobody_known\" was refused: role \"nobody_known\" does not exist",
        ),
        (
            "dbname=nowhere user=postgres",
            "127.0.0.1:PORT: there is no database \"nowhere\": database \"nowhere\" does not exist",
        ),
        (
            "user=by_gss sslmode=disable",
            "127.0.0.1:PORT: the server asks user \"by_gss\" to log in by Kerberos (GSSAPI or SSPI), which is not \
             supported",
        ),
        ("user=reader target_session_attrs=read-write", "127.0.0.1:PORT: this server only allows reading"),
        ("user=reader target_session_attrs=any", "reader"),
        ("user=postgres target_session_attrs=primary", "postgres"),
    ] {
        assert_eq!(outcome(target, None), expected, "{target}");
    }
}

#[test]
fn too_many_connections() {
    let home = tempfile::tempdir().unwrap();
    let place = format!("hostaddr=127.0.0.1 port={} user=only_one dbname=postgres", server().port());
    let info = resolve(&place, &[], home.path()).unwrap();
    block_on(async {
        let first = log_in(&info, None).await.0.unwrap();
        let error = log_in(&info, None).await.0.unwrap_err();
        assert!(matches!(error, ConnectError::TooManyConnections { .. }), "{error}");
        // Once the first has said goodbye, its place is free again; the server takes a moment to notice.
        drop(first.client);
        first.connection.await.unwrap().unwrap();
        for _ in 0..100 {
            if log_in(&info, None).await.0.is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the first session's place was never given back");
    });
}

#[test]
fn options_reach_the_server() {
    let home = tempfile::tempdir().unwrap();
    let target = format!(
        "postgresql://postgres@127.0.0.1:{}/postgres?options=-c%20work_mem%3D7MB&application_name=of%20mine",
        server().port()
    );
    let info = resolve(&target, &[], home.path()).unwrap();
    block_on(async {
        let session = log_in(&info, None).await.0.unwrap();
        assert_eq!(value(&session, "SELECT current_setting('work_mem')").await, "7MB");
        assert_eq!(value(&session, "SELECT current_setting('application_name')").await, "of mine");
        assert_eq!(value(&session, "SELECT current_setting('client_encoding')").await, "UTF8");
    });
}

#[test]
fn what_is_said_of_methods_and_passwords() {
    for (shown, expected) in [
        (
            LoginMethod::Gauss(14).to_string(),
            "GaussDB's and openGauss' own IAM token (authentication request 14)",
        ),
        (LoginMethod::Sasl(vec!["A".into(), "B".into()]).to_string(), "SASL with A, B"),
        (PasswordSource::Absent.to_string(), "(none was given)"),
    ] {
        assert_eq!(shown, expected);
    }
}
