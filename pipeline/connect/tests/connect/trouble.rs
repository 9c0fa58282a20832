//! Servers that are not there, not ready, not PostgreSQL, or GaussDB: each played by a thread on a local port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::{SECRET, block_on, log_in, resolve, server};

/// Plays a server that has no TLS and answers every login with `answer`, then closes. Returns its port.
fn play(answer: Vec<u8>) -> u16 {
    serve(move |stream| {
        let mut startup = read_message(stream);
        if startup == [0x04, 0xd2, 0x16, 0x2f] {
            stream.write_all(b"N").unwrap();
            startup = read_message(stream);
        }
        assert_eq!(startup.get(..4), Some(&[0, 3, 0, 0][..]), "a startup message of protocol 3.0");
        stream.write_all(&answer).unwrap();
    })
}

/// Does the same with every connection to a new port, as long as the test runs.
fn serve(play: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            play(&mut stream);
            // Closing with unread bytes would reset the connection and could eat the answer.
            stream.shutdown(std::net::Shutdown::Write).ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    port
}

/// A message of a client that has no type yet: a length, which counts itself, and the rest.
fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut rest = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
    stream.read_exact(&mut rest).unwrap();
    rest
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn authentication(number: i32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&number.to_be_bytes()[..], body].concat())
}

fn error(code: &str, text: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0C{code}\0M{text}\0\0").as_bytes())
}

/// A port where nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The error of a target, and its remedy, with the ports taken out.
fn trouble(target: &str, ports: &[u16]) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let info = resolve(target, &[], home.path()).unwrap();
    let (outcome, asked) = block_on(log_in(&info, None));
    assert_eq!(asked, 0, "{target}");
    let error = outcome.expect_err(target);
    let mut texts = [error.to_string(), error.remedy().unwrap_or_default()];
    for (index, port) in ports.iter().enumerate() {
        texts = texts.map(|text| text.replace(&port.to_string(), &format!("PORT{index}")));
    }
    texts.into()
}

fn check(target: &str, port: u16, expected: &str) {
    let (message, _) = trouble(&target.replace("PORT", &port.to_string()), &[port]);
    assert_eq!(message, expected.replace("PORT", "PORT0"), "{target}");
}

/// openGauss' request for its SHA-256 login: how the password is kept (2), 64 digits of salt, 8 of a token, and,
/// depending on the client's version, 64 digits of the server's signature or a number of iterations.
fn gauss_sha256(last: &[u8]) -> Vec<u8> {
    [&2_i32.to_be_bytes()[..], &[b'a'; 64], &[b'0'; 8], last].concat()
}

#[test]
fn gaussdbs_logins_that_nobody_can_answer_are_told_apart() {
    let by_sha256 = "let the server's pg_hba.conf ask this user by sha256 in place of md5: its password is kept as SHA-256, and no client's \
                     md5 fits that";
    let anew = "on the server set password_encryption_type to 2, give \"omm\" a password anew, so that it is kept as SHA-256, and let \
                pg_hba.conf ask this user by sha256; or write an SQL script as the target and load it with gsql";
    for (number, body, method, expected) in [
        (10, vec![b'a'; 140], "SHA-256 method (authentication request 10)", anew),
        (11, vec![b'a'; 68], "MD5 over SHA-256 (authentication request 11)", by_sha256),
        (13, gauss_sha256(&10_000_i32.to_be_bytes()), "SM3 method (authentication request 13)", anew),
        (14, vec![b'a'; 4], "IAM token (authentication request 14)", anew),
    ] {
        let port = play(authentication(number, &body));
        for password in [String::new(), format!("password={SECRET}")] {
            let target = format!("host=127.0.0.1 port={port} user=omm {password}");
            let (message, remedy) = trouble(&target, &[port]);
            assert_eq!(
                message,
                format!(
                    "127.0.0.1:PORT0: the server asks user \"omm\" to log in by GaussDB's and openGauss' own \
                     {method}, which is not supported"
                )
            );
            assert_eq!(remedy, expected);
        }
    }
}

#[test]
fn other_logins_are_named() {
    let port = play(authentication(10, b"OAUTHBEARER\0\0"));
    check(
        "host=127.0.0.1 port=PORT user=u",
        port,
        "127.0.0.1:PORT: the server asks user \"u\" to log in by SASL with OAUTHBEARER, which is not supported",
    );
    let port = play(authentication(99, b""));
    check(
        "host=127.0.0.1 port=PORT user=u",
        port,
        "127.0.0.1:PORT: the server asks user \"u\" to log in by authentication request 99, which is not supported",
    );
}

#[test]
fn servers_that_say_no() {
    for (code, text, expected) in [
        (
            "57P03",
            "the database system is starting up",
            "the server is not ready: the database system is starting up",
        ),
        (
            "53300",
            "sorry, too many clients already",
            "the server takes no more connections: sorry, too many clients already",
        ),
        ("08004", "no", "the server refused the connection: no (SQLSTATE 08004)"),
        (
            "28000",
            "The account has been locked.",
            "login of user \"u\" was refused: The account has been locked.",
        ),
    ] {
        let port = play(error(code, text));
        check("host=127.0.0.1 port=PORT user=u", port, &format!("127.0.0.1:PORT: {expected}"));
    }
}

#[test]
fn what_is_not_postgresql() {
    let http = serve(|stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    check(
        "host=127.0.0.1 port=PORT",
        http,
        "127.0.0.1:PORT: what answers there does not speak PostgreSQL's protocol: it answered the request for TLS \
         with 'H'",
    );
    let noise = play(b"\x00\x00\x00\x00\x01".to_vec());
    check(
        "host=127.0.0.1 port=PORT sslmode=disable",
        noise,
        "127.0.0.1:PORT: what answers there does not speak PostgreSQL's protocol: error communicating with the \
         server: invalid message length: header length < 4",
    );
    let closing = serve(|_| {});
    check(
        "host=127.0.0.1 port=PORT",
        closing,
        "127.0.0.1:PORT: the connection broke during the login: the server closed it when asked for TLS",
    );
    check(
        "host=127.0.0.1 port=PORT sslmode=disable",
        closing,
        "127.0.0.1:PORT: the connection broke during the login: the server closed it",
    );
    let failing = serve(|stream| {
        read_message(stream);
        stream.write_all(b"E").unwrap();
    });
    check(
        "host=127.0.0.1 port=PORT",
        failing,
        "127.0.0.1:PORT: the server is not ready: it answered the request for TLS with an error",
    );
    let no_tls_after_all = serve(|stream| {
        read_message(stream);
        stream.write_all(b"Splain words").unwrap();
    });
    let (message, _) = trouble(&format!("host=127.0.0.1 port={no_tls_after_all} sslmode=require"), &[]);
    assert!(message.contains(": TLS failed: "), "{message}");
}

#[test]
fn where_nobody_answers() {
    let port = closed_port();
    check("host=127.0.0.1 port=PORT", port, "127.0.0.1:PORT: Connection refused (os error 111)");
    let (message, remedy) = trouble("host=no-such-host.invalid", &[]);
    assert!(message.starts_with("no-such-host.invalid: the name cannot be resolved: "), "{message}");
    assert_eq!(remedy, "check the host's name, or name its IP address");
    let silent = serve(|stream| {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    check("host=127.0.0.1 port=PORT connect_timeout=1", silent, "127.0.0.1:PORT: no answer within 1 s");
}

#[test]
fn the_next_host_is_tried_when_one_gives_no_answer() {
    let home = tempfile::tempdir().unwrap();
    let closed = closed_port();
    let starting = play(error("57P03", "the database system is starting up"));
    let refusing = play(error("28000", "not you"));
    let good = server().port();
    let target = |ports: &[u16]| {
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("postgresql://postgres@{}/postgres?sslmode=disable", hosts.join(","))
    };
    let info = resolve(&target(&[closed, starting, good]), &[], home.path()).unwrap();
    let session = block_on(log_in(&info, None)).0.unwrap();
    assert_eq!(session.at, format!("127.0.0.1:{good}"));

    let (message, _) = trouble(&target(&[closed, refusing, good]), &[closed, refusing]);
    assert_eq!(
        message,
        "127.0.0.1:PORT0: Connection refused (os error 111); 127.0.0.1:PORT1: login of user \"postgres\" was \
         refused: not you",
        "a server that says no ends the search"
    );
    let (message, _) = trouble(&target(&[closed, starting]), &[closed, starting]);
    assert!(message.ends_with("the server is not ready: the database system is starting up"), "{message}");
    let reader = format!(
        "postgresql://reader@127.0.0.1:{good},127.0.0.1:{closed}/postgres?target_session_attrs=read-write"
    );
    let (message, _) = trouble(&reader, &[good, closed]);
    assert_eq!(
        message,
        "127.0.0.1:PORT0: this server only allows reading; 127.0.0.1:PORT1: Connection refused (os error 111)"
    );
}

#[test]
fn what_a_server_sends_before_the_login_is_over_is_bounded() {
    let notices = || {
        serve(|stream| {
            let mut startup = read_message(stream);
            if startup == [0x04, 0xd2, 0x16, 0x2f] {
                stream.write_all(b"N").unwrap();
                startup = read_message(stream);
            }
            assert_eq!(startup.get(..2), Some(&[0, 3][..]));
            let notice = message(b'N', &[&b"SNOTICE\0C00000\0M"[..], &[b'x'; 4000], b"\0\0"].concat());
            stream.write_all(&authentication(0, b"")).unwrap();
            // It never ends by itself.
            while stream.write_all(&notice).is_ok() {}
        })
    };
    let port = notices();
    check(
        "host=127.0.0.1 port=PORT user=u sslmode=disable",
        port,
        "127.0.0.1:PORT: the connection broke during the login: error communicating with the server: the server sent more \
         than 1048576 bytes before the login was over",
    );
    for (tag, length) in [(b'R', i32::MAX), (b'N', i32::MAX), (b'E', 2 << 20)] {
        let port = play([&[tag][..], &length.to_be_bytes(), &[0; 64]].concat());
        check(
            "host=127.0.0.1 port=PORT user=u sslmode=disable",
            port,
            &format!(
                "127.0.0.1:PORT: the connection broke during the login: error communicating with the server: the server \
                 announced a message of {length} bytes; at most 1048576 are accepted"
            ),
        );
    }
}

#[test]
fn a_message_that_is_too_long_ends_the_session() {
    let port = serve(|stream| {
        let startup = read_message(stream);
        assert_eq!(startup.get(..2), Some(&[0, 3][..]));
        let key = message(b'K', &[0; 8]);
        let ready = message(b'Z', b"I");
        stream.write_all(&[authentication(0, b""), key, ready].concat()).unwrap();
        let mut question = [0; 5];
        stream.read_exact(&mut question).unwrap();
        let row = [&b"D"[..], &i32::MAX.to_be_bytes(), &[0, 1]].concat();
        stream.write_all(&row).unwrap();
    });
    let home = tempfile::tempdir().unwrap();
    let target = format!("host=127.0.0.1 port={port} user=u sslmode=disable");
    let info = resolve(&target, &[], home.path()).unwrap();
    let problem = block_on(async {
        let session = log_in(&info, None).await.0.unwrap();
        assert!(session.client.simple_query("SELECT 1").await.is_err());
        session.connection.await.unwrap().unwrap_err()
    });
    let cause = std::error::Error::source(&problem).unwrap().to_string();
    assert_eq!(cause, "the server announced a message of 2147483647 bytes; at most 268435456 are accepted");
}
