//! su and sudo as sites have them: prompts in other words, one command alone, shells of other kinds, a private /tmp, passwords
//! that have expired, profiles that print or ask.

use super::stage::{by_key, by_password, dump, has_accounts, scene, shared, start_with};
use crate::scene::{Answer, Scene};
use fixtures::ssh::{Asks, DATABASE_USER, Node, PASSWORD};

/// A node that a script sets up, where there can be accounts.
fn node(setup: &str) -> Option<Node> {
    if !has_accounts(shared()) {
        return None;
    }
    Some(start_with(Asks::Plainly, "", &[("setup", &format!("#!/bin/sh\nset -e\n{setup}\n"))]))
}

/// A dump with a login by password and another way than `su` to become the database user.
fn becoming(node: &Node, how: &str) -> Scene {
    let mut entry = by_password("cinder1", node, node.port());
    assert!(entry.more.contains("become = \"su\""), "{}", entry.more);
    entry.more = entry.more.replace("become = \"su\"", how);
    scene(&[(node, entry)])
}

const SU: &str = "become = \"su\"";
const SUDO: &str = "become = \"sudo\"";

#[track_caller]
fn arrives(node: &Node, how: &str) -> Answer {
    let answer = dump(&becoming(node, how), node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    answer
}

#[track_caller]
fn fails(node: &Node, how: &str, said: &[&str]) {
    let answer = dump(&becoming(node, how), node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for words in said {
        assert!(answer.stdout.contains(words), "{words}: {}", answer.shown());
    }
}

#[test]
fn su_may_ask_without_a_colon_in_chinese_and_in_gbk() {
    // As long as the words that they stand for in the library: `Password: `.
    for (words, wrong) in [
        ("Password> ", false),
        ("密码： ", false),
        ("口令： ", false),
        // 密码： and 口令 in GBK.
        (r"\303\334\302\353\243\272    ", false),
        (r"\277\332\301\356      ", false),
        // Of another kind: it gets no password.
        ("Pin code: ", true),
    ] {
        let setup = format!(
            "lib=$(readlink -f /lib/*/libpam.so.0)\nwords=$(printf '{words}_')\nwords=${{words%_}}\n\
             LC_ALL=C sed \"s/Password: /$words/\" \"$lib\" >@FOLDER@/bin/libpam\n\
             [ $(wc -c <\"$lib\") = $(wc -c <@FOLDER@/bin/libpam) ]\n! cmp -s \"$lib\" @FOLDER@/bin/libpam\n\
             mount --bind @FOLDER@/bin/libpam \"$lib\""
        );
        let Some(node) = node(&setup) else { return };
        match wrong {
            false => drop(arrives(&node, SU)),
            true => fails(&node, SU, &["su to gaussdba fails: it waits for an answer: Pin code:"]),
        }
    }
}

#[test]
fn a_profile_that_asks_something_ends_the_wait_early_with_what_it_said() {
    let Some(node) = node(
        "printf '%s\\n' 'printf \"Accept the terms (y/n)? \"; read -r answer' >>@FOLDER@/home/gaussdba/.profile",
    ) else {
        return;
    };
    let since = std::time::Instant::now();
    fails(&node, SU, &["su to gaussdba fails: it waits for an answer: Accept the terms (y/n)?"]);
    assert!(since.elapsed() < std::time::Duration::from_secs(25), "{:?}", since.elapsed());
}

#[test]
fn where_sudoers_allow_one_command_that_is_named() {
    let line = "cps ALL=(root) NOPASSWD: /usr/bin/su - gaussdba";
    let Some(node) = node(&format!("printf '%s\\n' 'Defaults requiretty' '{line}' >/etc/sudoers")) else {
        return;
    };
    fails(&node, SUDO, &["sudo to gaussdba fails: ", "it asks for a password, and none is known"]);
    let asked = format!("{SUDO}\nbecome_password = \"ask\"");
    let with_password = becoming(&node, &asked).with("ETL_SU_PASSWORD", PASSWORD);
    let answer = dump(&with_password, &node, &[]);
    assert!(answer.stdout.contains("user cps is not allowed to execute"), "{}", answer.shown());
    assert!(answer.stdout.contains("become_command"), "{}", answer.shown());
    let named = "become_command = \"sudo su - gaussdba\"";
    let answer = dump(&becoming(&node, named), &node, &["--dry-run"]);
    assert!(answer.stdout.contains("  become gaussdba with sudo su - gaussdba\n"), "{}", answer.shown());
    arrives(&node, named);
    // As it comes with a password, and where `su -` is all that there is.
    arrives(&node, "become_command = \"su - gaussdba\"\nbecome_password = \"ask\"");
    let both = becoming(&node, &format!("{SU}\n{named}"));
    let answer = dump(&both, &node, &[]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(
        answer.stderr.contains("become_command is not one line, or stands beside become"),
        "{}",
        answer.shown()
    );
}

#[test]
fn one_command_and_a_terminal_are_enough_for_sudo() {
    for lines in [
        "'Defaults requiretty' 'cps ALL=(gaussdba) NOPASSWD: /bin/sh'",
        "'Defaults use_pty' 'cps ALL=(gaussdba) NOPASSWD: ALL'",
    ] {
        let Some(node) = node(&format!("printf '%s\\n' {lines} >/etc/sudoers")) else { return };
        arrives(&node, SUDO);
    }
}

/// The shell of both users is a program.
fn shells(program: &str) -> String {
    format!("sed -i 's|:/bin/sh$|:{program}|' /etc/passwd\ngrep -q '^gaussdba:.*:{program}$' /etc/passwd")
}

#[test]
fn shells_of_other_kinds_run_what_is_to_run() {
    // csh takes no line end inside quotes, and ! is another command to it.
    let csh = "cat >@FOLDER@/bin/csh <<'END'\n#!/bin/sh\nfor one in \"$@\"; do case $one in *!*|*'\n'*) echo \"Unmatched '''.\"; exit 1;; esac; done\n\
               case $1 in -l) echo 'csh: -l takes no other'; exit 1;; esac\nexec /bin/sh \"$@\"\nEND\nchmod 755 @FOLDER@/bin/csh\n";
    let own = format!("{csh}{}", shells("@FOLDER@/bin/csh"));
    for setup in [own, shells("/bin/rbash"), shells("/bin/bash")] {
        let Some(node) = node(&setup) else { return };
        arrives(&node, SU);
        let sudo =
            becoming(&node, &format!("{SUDO}\nbecome_password = \"ask\"")).with("ETL_SU_PASSWORD", PASSWORD);
        let answer = dump(&sudo, &node, &[]);
        assert_eq!(answer.code, 0, "{setup}: {}", answer.shown());
        let answer = dump(&scene(&[(&node, by_key("cinder1", &node, node.port()))]), &node, &[]);
        assert_eq!(answer.code, 0, "{setup}: {}", answer.shown());
    }
    let Some(node) = node(&shells("/usr/sbin/nologin")) else { return };
    fails(&node, SU, &["This account is currently not available."]);
}

#[test]
fn what_profiles_print_is_passed_over() {
    let noise = "printf \"noise without an end\"; echo @FOLDER@ more noise >&2; printf \"no line end\"";
    let setup = format!(
        "{}\nfor user in cps gaussdba; do echo '{noise}' >@FOLDER@/home/$user/.bashrc; \
         cp @FOLDER@/home/$user/.bashrc @FOLDER@/home/$user/.bash_profile; done",
        shells("/bin/bash")
    );
    let Some(node) = node(&setup) else { return };
    arrives(&node, SU);
    arrives(&node, "become_command = \"su - gaussdba\"\nbecome_password = \"ask\"");
}

#[test]
fn a_file_in_a_private_tmp_comes_through_the_user_who_sees_it() {
    let Some(node) = node(
        "mkdir -m 000 @FOLDER@/instances\n\
         echo '@FOLDER@/tmp @FOLDER@/instances/ user root,cps' >/etc/security/namespace.conf\n\
         echo 'session required pam_namespace.so' >>/etc/pam.d/su-l",
    ) else {
        return;
    };
    let answer = arrives(&node, SU);
    let said = "cps does not see the file (No such file): No such file";
    assert!(answer.stderr.contains("cps does not see the file ("), "{said}: {}", answer.shown());
    assert!(answer.stderr.contains("it comes as the output of a program of gaussdba"), "{}", answer.shown());
    let instances = node.remote_folder().with_file_name("instances");
    let mut found = std::fs::read_dir(instances).unwrap();
    let instance = found.next().unwrap().unwrap().path();
    assert!(instance.ends_with(DATABASE_USER), "{}", instance.display());
    assert_eq!(std::fs::read_dir(instance).unwrap().count(), 0);
}

#[test]
fn a_password_that_has_expired_is_said_as_that() {
    let Some(node) = node("chage -d 0 gaussdba") else { return };
    fails(
        &node,
        SU,
        &[
            "su to gaussdba fails: a password has expired, and is to be changed first",
            "log in on the node by hand",
        ],
    );
    for asks in [Asks::Plainly, Asks::InItsWords] {
        let node = start_with(asks, "", &[("setup", "#!/bin/sh\nchage -d 0 cps\n")]);
        fails(&node, SU, &["expired", "by hand"]);
    }
}
