//! Which source of a parameter wins, and what each parameter means. No server is needed for this.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use connect::{ConnInfo, PasswordSource, RootCertificates};
use secrecy::ExposeSecret;

use super::resolve;

/// All that a resolved target says, in one line; without what has its default.
fn shown(info: &ConnInfo) -> String {
    let mut shown = info.to_string();
    for host in &info.hosts {
        if let Some(password) = &host.password {
            shown += &format!(" password {:?} {}", password.secret.expose_secret(), password.source);
        }
    }
    if info.tls.mode.name() != "prefer" {
        shown += &format!(" sslmode={}", info.tls.mode.name());
    }
    if info.tls.root == RootCertificates::System {
        shown += " system";
    }
    for (name, value) in [("options", info.options.as_deref()), ("as", Some(info.application_name.as_str()))]
    {
        if let Some(value) = value.filter(|value| *value != "etl") {
            shown += &format!(" {name}={value}");
        }
    }
    for warning in &info.warnings {
        shown += &format!(" ({warning})");
    }
    shown
}

fn check_at(home: &Path, target: &str, env: &[(&str, &str)], expected: &str) {
    let outcome = match resolve(target, env, home) {
        Ok(info) => shown(&info),
        Err(error) => error.to_string(),
    };
    let outcome = outcome.replace(&home.display().to_string(), "~");
    assert_eq!(outcome, expected, "{target:?} {env:?}");
}

fn check(target: &str, env: &[(&str, &str)], expected: &str) {
    check_at(Path::new("/nonexistent/home"), target, env, expected);
}

#[test]
fn defaults() {
    let socket = "%2Fvar%2Frun%2Fpostgresql:5432";
    check("postgresql://", &[], &format!("postgresql://someone@{socket}/someone"));
    check("postgresql:///karbor", &[], &format!("postgresql://someone@{socket}/karbor"));
    check("user=karbor", &[], &format!("postgresql://karbor@{socket}/karbor"));
    check(
        "host='' port='' user=''",
        &[("PGHOST", "db"), ("PGPORT", "1")],
        &format!("postgresql://someone@{socket}/someone"),
    );
    let info = resolve("postgresql://h", &[], Path::new("/nonexistent/home")).unwrap();
    assert_eq!(info.connect_timeout, Some(Duration::from_secs(30)));
    let keepalive = info.keepalive.unwrap();
    let unanswered = keepalive.idle + keepalive.interval * keepalive.count;
    let minute = Duration::from_secs(60);
    assert_eq!((unanswered, info.tcp_user_timeout, info.answer_timeout), (minute, Some(minute), minute));
    let info =
        resolve("host=h tcp_user_timeout=0", &[("ETL_TARGET_TIMEOUT", "5")], Path::new("/nonexistent"))
            .unwrap();
    assert_eq!((info.tcp_user_timeout, info.answer_timeout), (None, Duration::from_secs(5)));
    for value in ["0", "-1", "86401", "1min"] {
        let error =
            resolve("host=h", &[("ETL_TARGET_TIMEOUT", value)], Path::new("/nonexistent")).unwrap_err();
        let expected = format!(
            "ETL_TARGET_TIMEOUT={value} in the environment variable ETL_TARGET_TIMEOUT: expected a whole number of seconds from \
             1 to 86400"
        );
        assert_eq!(error.to_string(), expected);
    }
    let info = resolve("host=h connect_timeout=0 keepalives=0", &[], Path::new("/nonexistent/home")).unwrap();
    assert_eq!((info.connect_timeout, info.keepalive), (None, None));
}

#[test]
fn the_target_comes_before_the_environment() {
    let env = [
        ("PGHOST", "env"),
        ("PGPORT", "6000"),
        ("PGUSER", "env_user"),
        ("PGDATABASE", "env_db"),
        ("PGPASSWORD", "env_pw"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", "-c a=b"),
        ("PGAPPNAME", "env_app"),
        ("PGCLIENTENCODING", "GBK"),
    ];
    let rest = "password \"env_pw\" in the environment variable PGPASSWORD sslmode=require options=-c a=b as=env_app";
    check("postgresql://", &env, &format!("postgresql://env_user@env:6000/env_db {rest}"));
    check("postgresql://u@h:1/d", &env, &format!("postgresql://u@h:1/d {rest}"));
    check(
        "host=h port=1 user=u dbname=d password=pw sslmode=disable options='' application_name=app",
        &env,
        "postgresql://u@h:1/d password \"pw\" in the target sslmode=disable as=app",
    );
    check(
        "host=h fallback_application_name=fallback",
        &env[7..8],
        "postgresql://someone@h:5432/someone as=env_app",
    );
    check(
        "host=h fallback_application_name=fallback",
        &[],
        "postgresql://someone@h:5432/someone as=fallback",
    );
    check("host=a host=b", &[], "postgresql://someone@b:5432/someone");
}

#[test]
fn a_service_comes_between() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join(".pg_service.conf"),
        "[karbor]\nhost=db1\nport=5433\nuser=svc\npassword=svc_pw\nsslmode=verify-full\nhost=second\n",
    )
    .unwrap();
    let service =
        "postgresql://svc@db1:5433/svc password \"svc_pw\" in ~/.pg_service.conf:5 sslmode=verify-full";
    let env = [("PGHOST", "env"), ("PGPORT", "6000"), ("PGUSER", "env_user"), ("PGPASSWORD", "env_pw")];
    check_at(home.path(), "service=karbor", &env, service);
    check_at(home.path(), "postgresql://?service=karbor", &env, service);
    check_at(home.path(), "postgresql://", &[("PGSERVICE", "karbor"), ("PGHOST", "env")], service);
    check_at(
        home.path(),
        "service=karbor host=h sslmode=disable password=''",
        &env,
        "postgresql://svc@h:5433/svc sslmode=disable",
    );
    let missing = "no service \"other\" in ~/.pg_service.conf or /etc/nonexistent/pg_service.conf";
    let etc = ("PGSYSCONFDIR", "/etc/nonexistent");
    check_at(home.path(), "service=other", &[etc], missing);
    // What the target names counts, not the environment.
    check_at(home.path(), "service=other", &[("PGSERVICE", "karbor"), etc], missing);
    let other = home.path().join("other.conf");
    fs::write(&other, "[other]\nhost=db2\n").unwrap();
    let chosen = ("PGSERVICEFILE", other.to_str().unwrap());
    check_at(home.path(), "service=other", &[chosen], "postgresql://someone@db2:5432/someone");
}

#[test]
fn a_password_file_comes_last() {
    let home = tempfile::tempdir().unwrap();
    let pgpass = home.path().join(".pgpass");
    fs::write(
        &pgpass,
        "db1:5432:karbor:etl:first\nlocalhost:*:*:etl:socket\n::1:*:*:*:no\n\\:\\:1:*:*:*:six\n",
    )
    .unwrap();
    fs::set_permissions(&pgpass, fs::Permissions::from_mode(0o600)).unwrap();
    let check = |target, env: &[(&str, &str)], expected| check_at(home.path(), target, env, expected);
    check(
        "postgresql://etl@db1/karbor",
        &[],
        "postgresql://etl@db1:5432/karbor password \"first\" in ~/.pgpass",
    );
    check("postgresql://etl@db1/other", &[], "postgresql://etl@db1:5432/other");
    check("postgresql://etl@DB1/karbor", &[], "postgresql://etl@DB1:5432/karbor");
    check(
        "postgresql://etl@db1/karbor",
        &[("PGPASSWORD", "env_pw")],
        "postgresql://etl@db1:5432/karbor password \"env_pw\" in the environment variable PGPASSWORD",
    );
    check(
        "postgresql://etl@/karbor",
        &[],
        "postgresql://etl@%2Fvar%2Frun%2Fpostgresql:5432/karbor password \"socket\" in ~/.pgpass",
    );
    check("postgresql://etl@[::1]/k", &[], "postgresql://etl@[::1]:5432/k password \"six\" in ~/.pgpass");
    check("host=db1 hostaddr=::1 user=etl", &[], "postgresql://etl@db1:5432/etl");
    check("hostaddr=::1 user=etl", &[], "postgresql://etl@[::1]:5432/etl password \"six\" in ~/.pgpass");
    check(
        "postgresql://etl@db1/karbor",
        &[("PGPASSFILE", "/nonexistent")],
        "postgresql://etl@db1:5432/karbor",
    );
    // Each of several hosts has its own.
    check(
        "postgresql://etl@db0,db1/karbor",
        &[],
        "postgresql://etl@db0:5432,db1:5432/karbor password \"first\" in ~/.pgpass",
    );
    fs::set_permissions(&pgpass, fs::Permissions::from_mode(0o644)).unwrap();
    check(
        "postgresql://etl@db1,localhost/karbor",
        &[],
        "postgresql://etl@db1:5432,localhost:5432/karbor (the password file ~/.pgpass is not used: it has \
         permissions 0644, which let others at it (chmod 600 ~/.pgpass))",
    );
}

#[test]
fn several_hosts() {
    check("postgresql://a,b:2,[::1]:3/d", &[], "postgresql://someone@a:5432,b:2,[::1]:3/d");
    check("host=a,b port=7", &[], "postgresql://someone@a:7,b:7/someone");
    check("host=a,b hostaddr=10.0.0.1,10.0.0.2", &[], "postgresql://someone@a:5432,b:5432/someone");
    check(
        "host=a,b port=1,2,3",
        &[],
        "port=1,2,3 in the target: expected as many values as there are hosts (2)",
    );
    check(
        "host=a,b",
        &[("PGHOSTADDR", "10.0.0.1")],
        "hostaddr=10.0.0.1 in the environment variable PGHOSTADDR: expected as many values as there are hosts (2)",
    );
    check(
        "host=a hostaddr=10.0.0.1,10.0.0.2",
        &[],
        "host=a in the target: expected as many values as there are hosts (2)",
    );
}

#[test]
fn wrong_values_are_named_with_their_place() {
    check("host=h port=99999", &[], "port=99999 in the target: expected a number from 1 to 65535");
    check("host=h port=0", &[], "port=0 in the target: expected a number from 1 to 65535");
    check(
        "host=h",
        &[("PGSSLMODE", "yes")],
        "sslmode=yes in the environment variable PGSSLMODE: expected disable, allow, prefer, require, verify-ca, \
         verify-full",
    );
    check("hostaddr=db1", &[], "hostaddr=db1 in the target: expected an IP address");
    check("host=h connect_timeout=soon", &[], "connect_timeout=soon in the target: expected a whole number");
    check("host=h frobnicate=1", &[], "unknown connection parameter \"frobnicate\" in the target");
    check("postgresql://h?sslmod=require", &[], "unknown connection parameter \"sslmod\" in the target");
    check("password=a geheim=1", &[], "unknown connection parameter \"…\" in the target");
    check(
        "host=h target_session_attrs=standby",
        &[],
        "target_session_attrs=standby in the target: expected any, read-write, primary",
    );
    for refused in [
        "sslcrldir=/x",
        "require_auth=md5",
        "requirepeer=postgres",
        "sslnegotiation=direct",
        "sslpassword=geheim",
    ] {
        let name = refused.split('=').next().unwrap();
        check(
            &format!("host=h {refused}"),
            &[],
            &format!(
                "the connection parameter {name} in the target has a value that this program does not support"
            ),
        );
    }
    check(
        "host=h ssl_max_protocol_version=TLSv1.1",
        &[],
        "ssl_max_protocol_version=TLSv1.1 in the target: expected TLSv1.2 or TLSv1.3, and not less than \
         ssl_min_protocol_version",
    );
}

#[test]
fn the_systems_certificates_demand_the_name() {
    let all = "postgresql://someone@h:5432/someone sslmode=verify-full system";
    check("host=h sslrootcert=system", &[], all);
    check("host=h sslrootcert=system sslmode=verify-full", &[], all);
    check(
        "host=h sslrootcert=system sslmode=require",
        &[],
        "sslmode=require in the target: expected verify-full, for sslrootcert=system makes require worthless",
    );
}

#[test]
fn what_is_shown_can_be_read_back() {
    let target = "postgresql://a%20b%40c@%2Ftmp%2Fx:5432/d%2Fe";
    check(target, &[], target);
    let info = resolve("postgresql://u:geheim@h/d", &[], Path::new("/nonexistent/home")).unwrap();
    assert_eq!(info.to_string(), "postgresql://u@h:5432/d");
    assert!(matches!(info.hosts[0].password.as_ref().unwrap().source, PasswordSource::Parameter(_)));
}
