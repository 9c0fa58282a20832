//! Asks for what a cutover needs to know, and writes the settings file, with its comments.
//!
//! No secret is asked for, and none comes to stand in the file: passwords are asked for when they are needed.

use super::error::CutoverError;
use crate::base::error::{Error, Result};
use crate::base::text::printable;
use pipeline::files;
use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::path::Path;

/// The source databases, and on what node the asking begins.
const DATABASES: [&str; 4] = ["cinder", "autobackup", "taskmgr", "dps"];

/// Who is asked.
struct Wizard<'d> {
    input: &'d mut dyn BufRead,
    output: &'d mut dyn Write,
    path: &'d Path,
}

/// Asks on `output`, reads the answers from `input`, and writes the file, if `sound` finds nothing wrong with it. A file that is
/// there is replaced only where the operator says so.
///
/// # Errors
/// The answers end, they come to no sound file, or it cannot be written.
pub fn init(
    path: &Path,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    sound: &dyn Fn(&str) -> Result<()>,
) -> Result<()> {
    let mut wizard = Wizard { input, output, path };
    if path.exists() {
        let question = format!("{} is there already. Type \"yes\" to replace it", path.display());
        if !wizard.ask(&question, "no")?.eq_ignore_ascii_case("yes") {
            let what = format!("{} was left as it is", path.display());
            return Err(CutoverError::Failed { what, remedy: Some("name another file".to_owned()) }.into());
        }
    }
    wizard.say(
        "Enter takes what stands in brackets. Passwords are not asked for here, and belong into no answer.\n",
    )?;
    let text = wizard.settings()?;
    sound(&text)?;
    files::replace(path, text.as_bytes())
        .map_err(|source| Error::file("the settings file", path.display(), source))?;
    let file = super::lines::own(None, path);
    wizard.say(&format!(
        "\n{} is written. Look through it, then:\n  {file} --dry-run\n  {file}\n",
        path.display()
    ))
}

impl Wizard<'_> {
    /// The whole file.
    fn settings(&mut self) -> Result<String> {
        let mut text = String::from(
            "# A cutover from VBS and DPS to Karbor. No password stands here: etl asks for them, or takes them from the\n\
             # environment or --secrets-fd (see RUNBOOK.md).\n\n",
        );
        text.push_str("# Everything is kept here: dumps, reports, the log, and the state file.\n");
        self.put(&mut text, "folder", "Folder for dumps and reports", "cutover")?;
        text.push_str("\n# Karbor's database.\n");
        self.put(&mut text, "target", "Karbor's database", "postgresql://karbor@localhost/karbor")?;
        text.push_str("\n[karbor]\n");
        let version = self.ask("Version of its schema that is expected (migrate_version; empty: any)", "")?;
        text.push_str(
            "# The version that the schema must say it has (migrate_version or alembic_version).\n",
        );
        match version.is_empty() {
            true => text.push_str("# version = \"3\"\n"),
            false => _ = writeln!(text, "version = {}", quoted(&version)),
        }
        text.push_str(
            "# Karbor's own tables are dumped before anything is written, by pg_dump on this machine (gs_dump where that\n\
             # database is openGauss or GaussDB). Another program, or none:\n\
             # pg_dump = \"/usr/bin/pg_dump\"\n# dump = false\n",
        );
        text.push_str("\n[run]\n");
        text.push_str(
            "# What becomes of copies that are still being made at the last run: defer or carry.\n",
        );
        self.put(&mut text, "unsteady", "Unfinished copies at the last run: defer or carry", "carry")?;
        text.push_str(
            "# Settings of the conversion, and names of tables and columns, in files of their own:\n\
             # config = \"etl.toml\"\n# columns = \"columns.toml\"\n\
             # The last run also removes imported rows that the dumps no longer have:\n# prune = true\n\
             # Policies are imported although no trust is known by which Karbor could run them:\n# without_trusts = true\n",
        );
        let nodes = self.nodes(&mut text)?;
        self.commands(&mut text, &nodes)?;
        Ok(text)
    }

    /// The nodes; answers their names.
    fn nodes(&mut self, text: &mut String) -> Result<Vec<String>> {
        self.say("\nNow the machines: those of the databases, and those on which commands run.\n")?;
        text.push_str("\n# The machines, by SSH.\n");
        let mut names: Vec<String> = Vec::new();
        let mut left = DATABASES.to_vec();
        loop {
            let name = self.ask("Name of a machine (empty: no more)", "")?;
            if name.is_empty() && !names.is_empty() {
                return Ok(names);
            }
            if name.is_empty() || names.contains(&name) {
                self.say("  a name that is new, such as vbs1\n")?;
                continue;
            }
            let _ = writeln!(text, "\n[[node]]\nname = {}", quoted(&name));
            self.put(text, "host", "  its name or address", &name)?;
            self.put(text, "user", "  user who logs in", "root")?;
            match self.ask("  user who dumps, where it is another (empty: the same)", "")? {
                user if user.is_empty() => {}
                user => {
                    let becoming = self.one_of("  how that user is become, su or sudo", &["su", "sudo"])?;
                    let _ =
                        writeln!(text, "become = {}\ndatabase_user = {}", quoted(&becoming), quoted(&user));
                }
            }
            let databases = loop {
                if left.is_empty() {
                    break Vec::new();
                }
                let question =
                    format!("  databases that are dumped there, of {} (empty: none)", left.join(" "));
                let answer = self.ask(&question, "")?;
                let named: Vec<String> =
                    answer.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
                match named.iter().find(|name| !left.contains(&name.as_str())) {
                    None => break named,
                    Some(unknown) => self.say(&format!("  {unknown} is none of them\n"))?,
                }
            };
            for database in databases {
                let _ = writeln!(text, "[[node.dump]]\ndatabase = {}", quoted(&database));
                left.retain(|known| **known != *database);
            }
            names.push(name);
        }
    }

    /// The commands.
    fn commands(&mut self, text: &mut String, nodes: &[String]) -> Result<()> {
        self.say(
            "\nNow the commands. Each must be idempotent (it may be run twice); it is well when it ends with exit code 0.\n",
        )?;
        text.push_str(
            "\n# Each ends with exit code 0 only if it finds that this is stopped: systemd knows the unit, and it is inactive. They\n\
             # are asked before the incremental part; before = \"full\" asks for it from the beginning.\n",
        );
        for (name, question, default) in [
            ("vbs", "Is VBS stopped?", is_stopped("vbs-api")),
            ("dps", "Is DPS stopped?", is_stopped("dps-api")),
        ] {
            let command = self.ask(question, &default)?;
            let _ = writeln!(text, "\n[[stopped]]\nname = {}\nrun = {}", quoted(name), quoted(&command));
            self.places(text, nodes)?;
        }
        text.push_str("\n# operationengine reads triggers only when it starts.\n");
        let command =
            self.ask("Restart operationengine", "systemctl restart openstack-karbor-operationengine")?;
        let _ = writeln!(text, "[[restart]]\nrun = {}", quoted(&command));
        self.places(text, nodes)?;
        text.push_str("\n# Lets VBS go on with the jobs that were unfinished.\n");
        match self.ask("Let the unfinished jobs go on (empty: nothing needs to)", "")? {
            command if command.is_empty() => {
                text.push_str("# [[continue]]\n# run = \"…\"\n# on = [\"vbs1\"]\n")
            }
            command => {
                let _ = writeln!(text, "[[continue]]\nrun = {}", quoted(&command));
                self.places(text, nodes)?;
            }
        }
        Ok(())
    }

    /// Where a command runs.
    fn places(&mut self, text: &mut String, nodes: &[String]) -> Result<()> {
        loop {
            let question = format!("  on which machines, of {} (empty: on this one)", nodes.join(" "));
            let answer = self.ask(&question, "")?;
            let named: Vec<&str> = answer.split([' ', ',']).filter(|name| !name.is_empty()).collect();
            if let Some(unknown) = named.iter().find(|name| !nodes.iter().any(|node| node == *name)) {
                self.say(&format!("  {unknown} is none of them\n"))?;
                continue;
            }
            if !named.is_empty() {
                let names: Vec<String> = named.into_iter().map(quoted).collect();
                let _ = writeln!(text, "on = [{}]", names.join(", "));
            }
            return Ok(());
        }
    }

    /// Asks for a value, and puts it into the file.
    fn put(&mut self, text: &mut String, key: &str, question: &str, default: &str) -> Result<()> {
        let answer = self.ask(question, default)?;
        let _ = writeln!(text, "{key} = {}", quoted(&answer));
        Ok(())
    }

    fn one_of(&mut self, question: &str, answers: &[&str]) -> Result<String> {
        loop {
            let answer = self.ask(question, answers.first().copied().unwrap_or_default())?;
            if answers.contains(&answer.as_str()) {
                return Ok(answer);
            }
            self.say(&format!("  {}\n", answers.join(" or ")))?;
        }
    }

    /// Asks once; an answer that holds a password is asked for again.
    fn ask(&mut self, question: &str, default: &str) -> Result<String> {
        loop {
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            self.say(&format!("{question}{shown}: "))?;
            let mut answer = String::new();
            let read = self.input.read_line(&mut answer);
            if read.map_err(|source| Error::system("the answer cannot be read", source))? == 0 {
                return Err(CutoverError::Unanswered { path: self.path.to_owned() }.into());
            }
            let answer = answer.trim();
            if crate::settings::password_text::may_hold_password(answer) {
                self.say("  that holds a password, which stands in no file: leave it out\n")?;
            } else if answer.contains(char::is_control) {
                self.say("  that holds characters that do not print\n")?;
            } else {
                return Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() });
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<()> {
        let said = self.output.write_all(printable(text).as_bytes()).and_then(|()| self.output.flush());
        said.map_err(|source| Error::system("the question cannot be asked", source))
    }
}

/// A line for /bin/sh that ends with exit code 0 only if systemd says that it knows `unit`, and that the unit is inactive. A unit
/// that is unknown or failed, and a systemctl that is missing or fails, end it otherwise, with words.
fn is_stopped(unit: &str) -> String {
    format!(
        "l=$(systemctl show -p LoadState {unit}) && a=$(systemctl show -p ActiveState {unit}) && echo {unit}: $l $a && \
         test $l+$a = LoadState=loaded+ActiveState=inactive"
    )
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::toml_document::Section;
    use crate::cutover::settings::Settings;
    use crate::dump::settings::NodeSettings;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;
    use std::os::unix::fs::PermissionsExt as _;

    /// Answers to every question, of a site with two machines.
    const ANSWERS: &str = "\
site
postgresql://karbor@db1/karbor
3

vbs1
192.0.2.5
cps
gaussdba
su
cinder, autobackup taskmgr dps
karbor1
192.0.2.6




vbs1
true


karbor1
vbs-jobs \"go on\"
vbs1
";

    /// What was asked, and what became of it.
    fn asked(path: &Path, answers: &str) -> (String, Result<()>) {
        let mut said = Vec::new();
        let sound = |text: &str| {
            let mut section = Section::parse(path, text)?;
            let map = ColumnMap::built_in().unwrap();
            let nodes = NodeSettings::take(&mut section, &map, &Environment::of_process())?;
            Settings::take(&mut section, &nodes)?;
            Ok(section.finish()?)
        };
        let done = init(path, &mut answers.as_bytes(), &mut said, &sound);
        (String::from_utf8(said).unwrap(), done)
    }

    #[test]
    fn answers_become_a_sound_file_that_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.toml");
        let (said, done) = asked(&path, ANSWERS);
        done.unwrap_or_else(|error| panic!("{error}: {said}"));
        let text = std::fs::read_to_string(&path).unwrap();
        insta::assert_snapshot!("written", text);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        insta::assert_snapshot!("asked", said.replace(folder.path().to_str().unwrap(), "/site"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_where_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.toml");
        std::fs::write(&path, "mine").unwrap();
        for answers in ["\n", "y\n", "no\n"] {
            let (said, done) = asked(&path, answers);
            assert!(done.unwrap_err().to_string().ends_with("was left as it is"), "{said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        }
        let (said, done) = asked(&path, &format!("yes\n{ANSWERS}"));
        done.unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_ne!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn answers_that_end_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.toml");
        let lines: Vec<&str> = ANSWERS.lines().collect();
        for n in 0..lines.len() {
            let (_, done) = asked(&path, &lines[..n].join("\n"));
            assert!(done.unwrap_err().to_string().ends_with("was not written: the answers ended"), "{n}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_cannot_be_is_asked_for_again_and_a_password_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.toml");
        let answers = ANSWERS
            .replace(
                "postgresql://karbor@db1",
                "postgresql://karbor:hunter2@db1/karbor\npostgresql://karbor@db1",
            )
            .replace("\nsu\n", "\nnobody\nsu\n")
            .replace("\ncinder,", "\nnova\ncinder,")
            .replace("\nkarbor1\nvbs-jobs", "\nkarbor7\nkarbor1\nvbs-jobs");
        let (said, done) = asked(&path, &answers);
        done.unwrap_or_else(|error| panic!("{error}: {said}"));
        let again =
            ["that holds a password", "su or sudo\n", "nova is none of them", "karbor7 is none of them"];
        assert!(again.iter().all(|text| said.contains(text)), "{said}");
        assert!(!said.contains("hunter2") && !std::fs::read_to_string(&path).unwrap().contains("hunter2"));
    }

    /// Has /bin/sh ask whether vbs-api is stopped, with a systemctl that is this script; answers the exit code and what was said.
    fn stopped(systemctl: Option<&str>) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        if let Some(script) = systemctl {
            let path = folder.path().join("systemctl");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        let mut shell = std::process::Command::new("/bin/sh");
        let output = shell.args(["-c", &is_stopped("vbs-api")]).env("PATH", folder.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// A systemctl that knows these two properties of vbs-api, and fails where it is asked otherwise.
    fn systemd(load: &str, active: &str) -> String {
        format!(
            "case \"$*\" in\n'show -p LoadState vbs-api') echo LoadState={load} ;;\n\
             'show -p ActiveState vbs-api') echo ActiveState={active} ;;\n*) exit 9 ;;\nesac"
        )
    }

    #[test]
    fn only_a_unit_that_systemd_knows_and_that_is_inactive_is_stopped() {
        for (load, active, code) in [
            ("loaded", "inactive", 0),
            ("loaded", "active", 1),
            ("loaded", "activating", 1),
            ("loaded", "deactivating", 1),
            // What its processes are is not known.
            ("loaded", "failed", 1),
            // The name is misspelt.
            ("not-found", "inactive", 1),
            ("masked", "inactive", 1),
            ("error", "inactive", 1),
        ] {
            let (ended, said) = stopped(Some(&systemd(load, active)));
            assert_eq!(ended, Some(code), "{load} {active}: {said}");
            assert_eq!(said, format!("vbs-api: LoadState={load} ActiveState={active}\n"));
        }
    }

    #[test]
    fn where_systemd_says_nothing_nothing_is_stopped() {
        let (ended, said) = stopped(None);
        assert!(ended == Some(127) && said.contains("systemctl"), "{ended:?} {said}");
        let (ended, said) = stopped(Some("echo Failed to connect to bus >&2; exit 1"));
        assert_eq!((ended, said.as_str()), (Some(1), "Failed to connect to bus\n"));
        // It fails after it has said something, or says nothing.
        let half = format!("{}\nexit 1", systemd("loaded", "inactive"));
        assert_eq!(stopped(Some(&half)).0, Some(1));
        assert_eq!(stopped(Some("exit 0")), (Some(1), "vbs-api:\n".to_owned()));
    }

    #[test]
    fn the_runbook_has_the_check_that_is_proposed() {
        let runbook = include_str!("../../RUNBOOK.md");
        let line = format!("run = {}\n", quoted(&is_stopped("vbs-api")));
        assert!(runbook.contains(&line), "{line}");
    }
}
