//! Nodes that want more than one proof, and what they say and ask meanwhile.

use super::asked::{CTRL_C, TERMINATE, on_terminal};
use super::server::serve;
use super::stage::{by_key, dump, has_accounts, scene, scene_without_secrets, shared, start_with};
use crate::scene::Answer;
use fixtures::ssh::Asks;
use russh::server::{self, Auth, Response, VerifiedPublicKey};
use russh::{MethodKind, MethodSet};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const METHODS: [(&str, Asks); 5] = [
    ("publickey,password", Asks::Plainly),
    ("password,publickey", Asks::Plainly),
    ("publickey,keyboard-interactive", Asks::InItsWords),
    ("keyboard-interactive,publickey", Asks::InItsWords),
    ("publickey,keyboard-interactive publickey,password", Asks::Plainly),
];

#[test]
fn a_node_may_want_a_key_and_a_password_in_either_order() {
    for (methods, asks) in METHODS {
        let node = start_with(asks, &format!("AuthenticationMethods {methods}"), &[]);
        if !has_accounts(&node) {
            return;
        }
        let mut entry = by_key("cinder1", &node, node.port());
        entry.more = entry.more.replace("[\"key\"]", "[\"agent\", \"key\", \"password\"]");
        let ready = scene(&[(&node, entry)]);
        let answer = dump(&ready, &node, &[]);
        assert_eq!(answer.code, 0, "{methods}: {}", answer.shown());
        // The second proof is wrong: it is given once.
        let wrong = ready.with("ETL_SSH_PASSWORD_CINDER1", "Wrong-Secret-4");
        let answer = dump(&wrong, &node, &[]);
        assert_eq!(answer.code, 1, "{methods}: {}", answer.shown());
        assert!(answer.stdout.contains("password: refused"), "{methods}: {}", answer.shown());
        let log = node.log();
        let refused = log.matches("Failed password").count() + log.matches("error: PAM").count();
        assert!(refused <= 1, "{log}");
    }
}

#[test]
fn what_is_missing_beside_an_accepted_key_is_said() {
    let node = start_with(Asks::Plainly, "AuthenticationMethods publickey,password", &[]);
    if !has_accounts(&node) {
        return;
    }
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("(key: accepted, and the node wants password too)"), "{}", answer.shown());
}

#[test]
fn a_banner_is_shown_once_and_not_without_end() {
    let banner = format!("Authorized use only.\n\x1b[31mred\n{}", "and so on \n".repeat(1_000));
    let node = start_with(Asks::Plainly, "Banner @FOLDER@/bin/banner", &[("banner", &banner)]);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(
        answer.stderr.matches("etl: cinder1: Authorized use only.\n").count(),
        1,
        "{}",
        answer.shown()
    );
    assert!(answer.stderr.contains("red\n") && !answer.stderr.contains('\x1b'), "{}", answer.shown());
    assert!(answer.stderr.matches("and so on").count() < 20, "{}", answer.shown());
    let answer = dump(&scene, &node, &["--quiet"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
}

const CODE: &str = "429 183";

/// A server that lets in whoever has a key and the code, and then does nothing.
#[derive(Clone)]
struct Door {
    prompts: Vec<(Cow<'static, str>, bool)>,
    given: Arc<Mutex<Vec<String>>>,
}

impl server::Handler for Door {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let more = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        Ok(Auth::Reject { proceed_with_methods: Some(more), partial_success: true })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            let prompts = self.prompts.clone().into();
            return Ok(Auth::Partial { name: "".into(), instructions: "Take your token.".into(), prompts });
        };
        let given: Vec<String> = response.map(|text| String::from_utf8(text.to_vec()).unwrap()).collect();
        let right = given.last().is_some_and(|last| last == CODE);
        self.given.lock().unwrap().extend(given);
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }
}

/// The door, and the port at which it is.
fn door(prompts: &[(&'static str, bool)]) -> (Door, u16) {
    let prompts = prompts.iter().map(|(text, echo)| (Cow::from(*text), *echo)).collect();
    let door = Door { prompts, given: Arc::default() };
    let methods = MethodSet::from(&[MethodKind::PublicKey][..]);
    let port = serve(&door, server::Config { methods, ..server::Config::default() });
    (door, port)
}

#[track_caller]
fn check_unkept(answer: &Answer, scene: &crate::scene::Scene) {
    for text in [&answer.stdout, &answer.stderr, &scene.read("etl.log")] {
        assert!(!text.contains(CODE), "{text}");
    }
}

#[test]
fn a_one_time_code_is_asked_for_at_each_login_and_kept_nowhere() {
    let node = shared();
    for echo in [false, true] {
        let (door, port) = door(&[("Verification code: ", echo)]);
        let (first, mut second) = (by_key("cinder1", node, port), by_key("cinder2", node, port));
        second.dump.push_str("file = \"second.sql\"\n");
        let scene = scene_without_secrets(&[(node, first), (node, second)]);
        let typed = format!("{CODE}\n");
        let dialogue = [("Verification code: ", typed.as_str()), ("Verification code: ", typed.as_str())];
        let answer = on_terminal(&scene, node, &dialogue);
        // They are in: beyond its door the server has nothing.
        assert_eq!(answer.stdout.matches("Failed to open channel").count(), 2, "{}", answer.shown());
        assert!(answer.stderr.contains("cinder1: Verification code: "), "{}", answer.shown());
        assert!(answer.stderr.contains("etl: cinder1: Take your token."), "{}", answer.shown());
        assert_eq!(*door.given.lock().unwrap(), [CODE, CODE]);
        check_unkept(&answer, &scene);
    }
}

#[test]
fn the_password_goes_to_its_own_question_and_a_wrong_code_is_not_tried_again() {
    let node = shared();
    let (door, port) = door(&[("Password: ", false), ("One-time password (OATH) for `cps': ", false)]);
    let mut entry = by_key("cinder1", node, port);
    entry.more = entry.more.replace("[\"key\"]", "[\"key\", \"password\"]");
    let scene = scene_without_secrets(&[(node, entry)]);
    let dialogue = [("Password of ", "Login-Word-9\n"), ("One-time password (OATH) for ", "000 000\n")];
    let answer = on_terminal(&scene, node, &dialogue);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert_eq!(*door.given.lock().unwrap(), ["Login-Word-9", "000 000"]);
    assert!(
        answer.stdout.contains("keyboard-interactive too; password: it or what was typed is refused"),
        "{}",
        answer.shown()
    );
    for text in [&answer.stdout, &answer.stderr, &scene.read("etl.log")] {
        assert!(!text.contains("Login-Word-9") && !text.contains("000 000"), "{text}");
    }
}

#[test]
fn a_signal_at_the_question_for_a_code_ends_the_command_at_once() {
    let node = shared();
    for (end, signal) in [(CTRL_C, "SIGINT"), (TERMINATE, "SIGTERM")] {
        let (door, port) = door(&[("Verification code: ", false)]);
        let scene = scene_without_secrets(&[(node, by_key("cinder1", node, port))]);
        let since = Instant::now();
        let answer = on_terminal(&scene, node, &[("Verification code: ", end)]);
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}: {}", since.elapsed(), answer.shown());
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stdout.contains(&format!("stopped by {signal}")), "{}", answer.shown());
        assert!(!answer.stdout.contains("nobody answers"), "{}", answer.shown());
        assert!(door.given.lock().unwrap().is_empty());
    }
}

#[test]
fn a_code_that_nobody_can_be_asked_for_is_said() {
    let node = shared();
    let (door, port) = door(&[("Verification code: ", false)]);
    let scene = scene(&[(node, by_key("cinder1", node, port))]);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said =
        "the node asks \"Verification code:\", and nobody answers; a one-time code is typed on a terminal";
    assert!(answer.stdout.contains(said), "{}", answer.shown());
    assert!(door.given.lock().unwrap().is_empty());
}
