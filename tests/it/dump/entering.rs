//! Nobody gets in: passwords, host keys, addresses.

use super::stage::{by_key, by_password, check_after, dump, has_accounts, scene, shared, start};
use crate::scene::Answer;
use fixtures::ssh::{Asks, PASSWORD};

#[track_caller]
fn check(answer: &Answer, problem: &str, remedy: &str) {
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains(problem), "{}", answer.shown());
    assert!(answer.stdout.contains(remedy), "{}", answer.shown());
    assert!(answer.stderr.contains("of 1 dumps failed; nothing was kept"), "{}", answer.shown());
}

#[test]
fn a_wrong_password_is_tried_once_and_said() {
    for asks in [Asks::Plainly, Asks::InItsWords] {
        let node = start(asks);
        if !has_accounts(&node) {
            return;
        }
        let scene = scene(&[(&node, by_password("cinder1", &node, node.port()))])
            .with("ETL_SSH_PASSWORD_CINDER1", "Wrong-Secret-4");
        let answer = dump(&scene, &node, &[]);
        check(&answer, "cps cannot log in on 127.0.0.1 (password: refused)", "check user, login and key");
        // sshd's own words: what locks an account is counted there.
        let refused =
            node.log().matches("Failed password").count() + node.log().matches("error: PAM").count();
        assert!(refused <= 1, "{}", node.log());
    }
}

#[test]
fn a_wrong_password_of_the_database_user_is_said_in_su_s_words() {
    let node = shared();
    if !has_accounts(node) {
        return;
    }
    let scene = scene(&[(node, by_password("cinder1", node, node.port()))])
        .with("ETL_SU_PASSWORD_CINDER1", "Wrong-Secret-4");
    let answer = dump(&scene, node, &[]);
    check(&answer, "su to gaussdba fails: su: Authentication failure", "check database_user and become");
}

#[test]
fn sudo_takes_the_password_of_the_one_who_logged_in() {
    let node = shared();
    if !has_accounts(node) {
        return;
    }
    let mut entry = by_password("cinder1", node, node.port());
    entry.more = entry.more.replace("become = \"su\"", "become = \"sudo\"\nbecome_password = \"ask\"");
    let scene = scene(&[(node, entry)]);
    // The database user's own password, which `su` would take.
    let answer = dump(&scene, node, &[]);
    check(&answer, "sudo to gaussdba fails: ", "check database_user and become");
    let scene = scene.with("ETL_SU_PASSWORD_CINDER1", PASSWORD);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn secrets_come_from_a_descriptor_before_the_environment() {
    let node = shared();
    if !has_accounts(node) {
        return;
    }
    let scene = scene(&[(node, by_password("cinder1", node, node.port()))])
        .with("ETL_SU_PASSWORD_CINDER1", "Wrong-Secret-4");
    let secrets =
        format!("# for tonight\nETL_SU_PASSWORD_CINDER1={}\n", fixtures::ssh::DATABASE_USER_PASSWORD);
    let answer = scene.etl_fed(&["dump", "cutover.toml", "--secrets-fd", "0"], secrets);
    check_after(&scene, node, &answer);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn an_unknown_host_key_is_refused_where_nobody_can_be_asked_or_recorded_where_that_is_said() {
    let node = shared();
    let scene = scene(&[(node, by_key("cinder1", node, node.port()))]);
    scene.write("known_hosts", "");
    let answer = dump(&scene, node, &[]);
    check(&answer, "is not known: ssh-ed25519 SHA256:", "--accept-new-host-keys");
    assert_eq!(scene.read("known_hosts"), "");
    let answer = dump(&scene, node, &["--accept-new-host-keys"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(
        scene.read("known_hosts").contains(node.known_hosts_line(node.port()).trim()),
        "{}",
        scene.read("known_hosts")
    );
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn a_changed_host_key_is_refused_whatever_is_said() {
    let (node, other) = (shared(), start(Asks::Plainly));
    let scene = scene(&[(node, by_key("cinder1", node, node.port()))]);
    let recorded = format!("# of last year\n{}", other.known_hosts_line(node.port()));
    scene.write("known_hosts", &recorded);
    for arguments in [&[][..], &["--accept-new-host-keys"]] {
        let answer = dump(&scene, node, arguments);
        check(&answer, "shows the host key SHA256:", "take line 2 out of");
        assert_eq!(answer.stdout.matches("SHA256:").count(), 2, "{}", answer.shown());
        assert!(answer.stdout.contains("known_hosts:2 has SHA256:"), "{}", answer.shown());
        assert_eq!(scene.read("known_hosts"), recorded);
    }
}

#[test]
fn an_unreachable_node_is_said_with_its_address() {
    let node = shared();
    // Nothing listens on port 1.
    let scene = scene(&[(node, by_key("cinder1", node, 1))]);
    let answer = dump(&scene, node, &[]);
    check(&answer, "[127.0.0.1]:1 cannot be reached: Connection refused", "check host and port");
}

#[test]
fn a_node_that_says_nothing_is_given_up() {
    let node = shared();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = scene(&[(node, by_key("cinder1", node, silent.local_addr().unwrap().port()))]);
    let text = scene.read("cutover.toml").replace("connect_timeout = \"20s\"", "connect_timeout = \"1s\"");
    scene.write("cutover.toml", text);
    let answer = dump(&scene, node, &[]);
    check(&answer, "no answer within 1s", "check host and port");
}
