//! Old servers, and such that have no algorithm in common with etl: refused with both lists, and taken where the settings
//! say so.

use super::server::serve;
use super::stage::{by_key, dump, replace, scene, shared, start_with};
use fixtures::ssh::Asks;
use russh::keys::Algorithm;
use russh::server::{self, Auth, VerifiedPublicKey};
use std::process::Command;

/// What a node offers, and a name of etl's list of that kind.
const LISTS: [(&str, &str, &str); 3] = [
    ("KexAlgorithms diffie-hellman-group14-sha1", "key exchange", "curve25519-sha256"),
    ("Ciphers aes128-cbc,3des-cbc", "cipher", "chacha20-poly1305@openssh.com"),
    ("MACs hmac-sha1\nCiphers aes128-ctr", "MAC", "hmac-sha2-512"),
];

#[test]
fn a_node_of_old_algorithms_is_named_with_both_lists_and_taken_where_that_is_set() {
    for (lines, kind, ours) in LISTS {
        let node = start_with(Asks::Plainly, lines, &[]);
        let theirs = lines.lines().next().unwrap().split_once(' ').unwrap().1.replace(',', ", ");
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        for words in [
            format!("no {kind} is known on both sides: etl offers "),
            format!("{ours}, "),
            format!("; the node offers {theirs}\n"),
            "legacy_algorithms = true in [[node]]".to_owned(),
        ] {
            assert!(answer.stdout.contains(&words), "{words}: {}", answer.shown());
        }
        for words in ["check host and port", "kex-strict", "ext-info"] {
            assert!(!answer.stdout.contains(words), "{}", answer.shown());
        }
        replace(&scene, "login = ", "legacy_algorithms = true\nlogin = ");
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{}", answer.shown());
        let used = theirs.split(", ").next().unwrap();
        let said = format!("etl: cinder1: old and weak algorithms are in use: {used}\n");
        assert_eq!(answer.stderr.matches(&said).count(), 1, "{said}: {}", answer.shown());
        let answer = dump(&scene, &node, &["--dry-run"]);
        assert!(answer.stdout.contains("old and weak algorithms are allowed"), "{}", answer.shown());
    }
}

#[test]
fn an_algorithm_that_etl_has_not_at_all_is_not_promised() {
    let node = start_with(Asks::Plainly, "Ciphers 3des-cbc", &[]);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    for (set, ours) in [(false, "aes128-ctr; the node"), (true, "aes128-cbc; the node")] {
        if set {
            replace(&scene, "login = ", "legacy_algorithms = true\nlogin = ");
        }
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        for words in [
            "no cipher is known on both sides",
            ours,
            "the node offers 3des-cbc\n",
            "(Ciphers in its sshd_config)",
        ] {
            assert!(answer.stdout.contains(words), "{words}: {}", answer.shown());
        }
    }
}

/// A server that says of no kind of RSA signature that it takes it, and takes those of SHA-1.
#[derive(Clone)]
struct OldServer;

impl server::Handler for OldServer {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let sha1 = *key.algorithm == Algorithm::Rsa { hash: None };
        Ok(if sha1 { Auth::Accept } else { Auth::reject() })
    }
}

#[test]
fn an_rsa_key_signs_with_sha_1_only_where_that_is_set() {
    let mut config = server::Config::default();
    config.preferred.key = vec![Algorithm::Ed25519].into();
    let port = serve(&OldServer, config);
    let node = shared();
    let scene = scene(&[(node, by_key("cinder1", node, port))]);
    let key = scene.path("rsa").display().to_string();
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", &key]).status();
    assert!(made.unwrap().success());
    replace(&scene, &node.user_key().display().to_string(), &key);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said = "refused; an old sshd takes RSA keys with SHA-1 alone (legacy_algorithms = true)";
    assert!(answer.stdout.contains(said), "{}", answer.shown());
    replace(&scene, "login = ", "legacy_algorithms = true\nlogin = ");
    let answer = dump(&scene, node, &[]);
    // It is in: the server has nothing beyond.
    assert!(answer.stdout.contains("Failed to open channel"), "{}", answer.shown());
}
