//! openGauss' own login, against an imitation of its server.

use super::{SECRET, block_on, log_in, resolve, value};
use connect::{ConnectError, Session};
use fixtures::gauss::{Gauss, Role, Ways};
use fixtures::server::{Authority, shared};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PASSWORD: &str = "geheim_密码_1";

fn role() -> Role {
    Role::new(PASSWORD, 10_000)
}

/// A role that protocol 3.0 asks by md5, which the driver answers.
fn combined() -> Role {
    Role::combined("postgres", PASSWORD, 10_000)
}

/// Logs in at a port with a password, if any, and more parameters.
fn attempt(port: u16, password: &str, more: &str) -> Result<Session, ConnectError> {
    let target =
        format!("host=127.0.0.1 port={port} user=postgres dbname=postgres password='{password}' {more}");
    let info = resolve(&target, &[], Path::new("/nonexistent")).unwrap();
    block_on(async { log_in(&info, None).await.0 })
}

#[track_caller]
fn refused(port: u16, password: &str, more: &str, expected: &str) {
    let error = attempt(port, password, more).unwrap_err();
    let text = format!("{error}\n{}", error.remedy().unwrap_or_default());
    assert!(text.contains(expected), "{expected:?} is not in: {text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn a_password_lets_in_and_the_session_is_the_drivers() {
    for (role, method) in [
        (role(), "sha256 of openGauss"),
        (Role::sm3(PASSWORD, 10_000), "sm3 of openGauss"),
        (combined(), "md5"),
    ] {
        let gauss = Gauss::before(shared().port(), Ways::all(role));
        let target = format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres password='{PASSWORD}'",
            gauss.port()
        );
        let info = resolve(&target, &[], Path::new("/nonexistent")).unwrap();
        block_on(async {
            let session = log_in(&info, None).await.0.unwrap();
            assert_eq!(session.method, method);
            assert_eq!(value(&session, "SELECT CAST(current_user AS text)").await, "postgres");
            let long = "SELECT repeat('x', 300000)";
            assert_eq!(value(&session, long).await.len(), 300_000);
            session.canceller.cancel().await.unwrap();
        });
        assert_eq!((gauss.proofs(), gauss.failed_logins()), (1, 0), "{method}");
    }
}

#[test]
fn a_login_inside_tls_is_made_with_the_server_that_is_meant() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("another one"));
    let certificate = authority.issue("localhost", &["localhost"]);
    let gauss = Gauss::in_tls(shared().port(), Ways::all(role()), &certificate);
    let folder = tempfile::tempdir().unwrap();
    let target = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        format!("hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={}", path.display())
    };
    let more = |trusted: &str| trusted.replace("hostaddr", "host=localhost hostaddr");
    let trusted = more(&target("authority.pem", authority.pem()));
    let line = format!("port={} user=postgres dbname=postgres password='{PASSWORD}' {trusted}", gauss.port());
    let info = resolve(&line, &[], Path::new("/nonexistent")).unwrap();
    block_on(async {
        let session = log_in(&info, None).await.0.unwrap();
        assert!(session.encrypted);
        assert_eq!(session.method, "sha256 of openGauss");
        assert_eq!(value(&session, "SELECT repeat('x', 300000)").await.len(), 300_000);
    });
    assert_eq!(gauss.proofs(), 1);
    let untrusted = more(&target("other.pem", other.pem()));
    refused(gauss.port(), PASSWORD, &untrusted, "is signed by none of the trusted certificates");
    assert_eq!(gauss.proofs(), 1);
}

#[test]
fn the_number_of_iterations_is_the_servers() {
    for iterations in [2_048, 20_000] {
        let gauss = Gauss::before(shared().port(), Ways::all(Role::new(PASSWORD, iterations)));
        attempt(gauss.port(), PASSWORD, "").unwrap();
    }
    let gauss = Gauss::before(shared().port(), Ways::all(Role::new(PASSWORD, 1_024)));
    refused(
        gauss.port(),
        PASSWORD,
        "",
        "asks for 1024 iterations over the password; 2048 to 10000000 are accepted",
    );
    let gauss = Gauss::before(shared().port(), Ways::all(role().telling(20_000_000)));
    refused(gauss.port(), PASSWORD, "", "asks for 20000000 iterations");
    assert_eq!(gauss.proofs(), 0);
}

#[test]
fn a_wrong_password_is_found_out_before_anything_is_sent() {
    let expected = "with the password in the target failed: the server's signature was made with another password, so nothing was sent";
    for role in [role(), Role::sm3(PASSWORD, 10_000)] {
        let gauss = Gauss::before(shared().port(), Ways::all(role.clone()));
        for wrong in ["geheim_1", "geheim_密码_1 "] {
            refused(gauss.port(), wrong, "", expected);
        }
        assert_eq!((gauss.proofs(), gauss.failed_logins()), (0, 0));
        refused(gauss.port(), "", "", "asks for the password of user \"postgres\", and none is known");
        // An impostor does not know the password, so it gets no proof of it.
        let impostor = Gauss::before(shared().port(), Ways::all(role.unknown()));
        refused(impostor.port(), PASSWORD, "", expected);
        assert_eq!(impostor.proofs(), 0);
    }
    // By md5 the server has to be asked.
    let gauss = Gauss::before(shared().port(), Ways::all(combined()));
    refused(gauss.port(), "geheim_1", "", "Invalid username/password,login denied.");
    assert_eq!((gauss.proofs(), gauss.failed_logins()), (1, 1));
}

#[test]
fn what_cannot_be_had_is_refused_clearly() {
    let gauss = Gauss::before(shared().port(), Ways::all(role()));
    refused(
        gauss.port(),
        PASSWORD,
        "channel_binding=require",
        "channel_binding=require, and GaussDB's own login has none",
    );
    let gauss = Gauss::before(shared().port(), Ways::all(role().asked_by_md5()));
    refused(gauss.port(), PASSWORD, "", "ask this user by sha256 in place of md5");
}

/// What a message of the server is made into.
type Tamper = fn(Vec<u8>) -> Vec<u8>;

/// Passes connections on to `server`; in place of the `nth` message of the server on the `connection`th comes what `other`
/// makes of it.
fn tampered(server: u16, connection: usize, nth: usize, other: Tamper) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || {
                for index in 0.. {
                    let mut message = vec![0; 5];
                    if from.read_exact(&mut message).is_err() {
                        break;
                    }
                    let length = u32::from_be_bytes(*message[1..].first_chunk().unwrap());
                    message.resize(length as usize + 1, 0);
                    from.read_exact(&mut message[5..]).unwrap();
                    if (number, index) == (connection, nth) {
                        message = other(message);
                    }
                    if to.write_all(&message).is_err() {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    });
    port
}

/// A message of the server.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A message with other bytes from `at` on.
fn with(mut message: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    message[at..at + bytes.len()].copy_from_slice(bytes);
    message
}

/// A request without its last bytes.
fn without_end(message_: &[u8], bytes: usize) -> Vec<u8> {
    message(b'R', &message_[5..message_.len() - bytes])
}

#[test]
fn a_server_that_says_something_else_is_refused_clearly() {
    let locked = |_| message(b'E', b"SFATAL\0C28000\0MThe account has been locked.\0\0");
    let gauss = Gauss::before(shared().port(), Ways::all(role()));
    let before_the_proof: [(usize, Tamper, &str); 12] = [
        (0, locked, "login of user \"postgres\" was refused: The account has been locked."),
        (
            0,
            |m| with(m, 5, &14_i32.to_be_bytes()),
            "own IAM token (authentication request 14), which is not supported",
        ),
        (
            0,
            |m| with(m, 9, &1_i32.to_be_bytes()),
            "own SHA-256 method (authentication request 10), which is not",
        ),
        (0, |m| without_end(&m, 64), "the server did not show that it knows the password"),
        (
            0,
            |m| with(m, 85, b"00"),
            "the server's signature was made with another password, so nothing was sent",
        ),
        (1, locked, "login of user \"postgres\" was refused: The account has been locked."),
        (1, |m| with(m, 5, &13_i32.to_be_bytes()), "it asked by request 10 first, and then by 13"),
        (1, |m| with(m, 9, &1_i32.to_be_bytes()), "its request is not understood"),
        (1, |m| without_end(&m, 4), "does not say how many iterations over the password it asks for"),
        (1, |m| with(m, 13, b"ff"), "the server's two requests differ in their salt"),
        (1, |m| with(m, 85, &4_096_u32.to_be_bytes()), "was made with another password, so nothing was sent"),
        (1, |_| message(b'Z', b"I"), "message 'Z' in place of a request"),
    ];
    for (connection, other, expected) in before_the_proof {
        let port = tampered(gauss.port(), connection, 0, other);
        refused(port, PASSWORD, "sslmode=disable", expected);
    }
    assert_eq!(gauss.proofs(), 0);
    let after_it: [(Tamper, &str); 3] = [
        (locked, "login of user \"postgres\" was refused: The account has been locked."),
        (|_| message(b'R', &5_i32.to_be_bytes()), "another request (5) after the proof"),
        (|_| message(b'Z', b"I"), "message 'Z' after the proof"),
    ];
    for (other, expected) in after_it {
        let port = tampered(gauss.port(), 1, 1, other);
        refused(port, PASSWORD, "sslmode=disable", expected);
    }
    assert_eq!((gauss.proofs(), gauss.failed_logins()), (3, 0));
    // A notice in front is nobody's concern.
    let port = tampered(gauss.port(), 1, 0, |m| [message(b'N', b"SNOTICE\0\0"), m].concat());
    attempt(port, PASSWORD, "sslmode=disable").unwrap();
}

/// Passes connections on to `server`, and ends the `connection`th when the server has sent `bytes` bytes on it.
fn cut(server: u16, connection: usize, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || {
                let mut left = if number == connection { bytes } else { usize::MAX };
                let mut buffer = [0; 4096];
                while left > 0
                    && let Ok(read @ 1..) = from.read(&mut buffer)
                {
                    let now = read.min(left);
                    left -= now;
                    if to.write_all(&buffer[..now]).is_err() {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    });
    port
}

#[test]
fn a_connection_that_is_cut_during_the_login_is_told_as_that() {
    let gauss = Gauss::before(shared().port(), Ways::all(role()));
    // The first connection's request has 145 bytes, the second's 85, then come 9 of its acceptance.
    for (connection, bytes) in
        [(0, 0), (0, 7), (0, 144), (1, 0), (1, 5), (1, 84), (1, 85), (1, 90), (1, 94), (1, 100)]
    {
        let port = cut(gauss.port(), connection, bytes);
        refused(port, PASSWORD, "sslmode=disable", "the connection broke during the login");
    }
    let port = cut(gauss.port(), 5, 0);
    attempt(port, PASSWORD, "sslmode=disable").unwrap();
}
