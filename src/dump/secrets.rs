//! The secrets that nodes ask for: each is found or asked for once, before any node is touched, and then only ever
//! goes where a prompt or a reader waits for it.
//!
//! From the first of: `--secrets-fd N` (lines `NAME=value`), the environment (`NAME`), the terminal. `NAME` is
//! `ETL_SSH_PASSWORD_VBS1` for the node vbs1, or without the node's name for all nodes.

use crate::dump::error::{NodeError, Result};
use crate::dump::node::{Login, Node, suffix};
use crate::ui::environment::Environment;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::io::Read as _;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Logging in.
    Login,
    /// Opening the private key.
    Key,
    /// Becoming the database user.
    Become,
    /// Opening the database.
    Database,
}

impl Purpose {
    fn variable(self) -> &'static str {
        match self {
            Self::Login => "ETL_SSH_PASSWORD",
            Self::Key => "ETL_KEY_PASSPHRASE",
            Self::Become => "ETL_SU_PASSWORD",
            Self::Database => "ETL_DATABASE_PASSWORD",
        }
    }
}

/// The secrets, by node and purpose.
#[derive(Clone, Debug, Default)]
pub struct Secrets(HashMap<(String, Purpose), SecretString>);

/// Where secrets come from.
pub struct Sources<'s> {
    /// Lines `NAME=value`, if a descriptor was named.
    pub file: Option<SecretLines>,
    /// The environment.
    pub environment: &'s Environment<'s>,
    /// Asks on the terminal; `None` where nobody answers.
    pub ask: &'s mut dyn FnMut(&str) -> Option<SecretString>,
}

/// What a descriptor held.
#[derive(Debug, Default)]
pub struct SecretLines(HashMap<String, SecretString>);

impl SecretLines {
    /// Reads a descriptor to its end.
    ///
    /// # Errors
    /// It is not open, cannot be read, or has a line that is none. No message repeats a line.
    pub fn read(descriptor: u32) -> Result<Self> {
        let fails = |problem: String| {
            NodeError::Usage {
            problem: format!("--secrets-fd {descriptor}: {problem}"),
            remedy: "give it lines such as ETL_SSH_PASSWORD_VBS1=…: etl dump cutover.toml --secrets-fd 3 3<secrets"
                .to_owned(),
        }
        };
        let mut text = String::new();
        let read = std::fs::File::open(format!("/dev/fd/{descriptor}"))
            .and_then(|file| file.take(1 << 20).read_to_string(&mut text));
        read.map_err(|error| fails(error.to_string()))?;
        Self::parse(&SecretString::from(text)).map_err(|line| fails(format!("line {line} is not NAME=value")))
    }

    /// Takes lines apart; an error is the number of the line.
    fn parse(text: &SecretString) -> std::result::Result<Self, usize> {
        let mut lines = HashMap::new();
        for (n, line) in text.expose_secret().lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) =
                line.split_once('=').filter(|(name, _)| name.starts_with("ETL_")).ok_or(n + 1)?;
            lines.insert(name.trim().to_owned(), SecretString::from(value));
        }
        Ok(Self(lines))
    }
}

impl Secrets {
    /// Finds what these nodes need; what is nowhere is asked for.
    ///
    /// # Errors
    /// Something that is needed in any case is nowhere, and nobody can be asked.
    pub fn gather(nodes: &[&Node], sources: Sources<'_>) -> Result<Self> {
        let mut secrets = Self::default();
        for node in nodes.iter().flat_map(|node| node.hops.iter().chain([*node])) {
            for (purpose, prompt, needed) in wanted(node) {
                // Several nodes may lie behind one host.
                if secrets.of(node, purpose).is_some() {
                    continue;
                }
                let secret = sources.find(node, purpose).or_else(|| (sources.ask)(&prompt));
                match secret {
                    // Whoever only presses Enter has none.
                    Some(secret) if secret.expose_secret().is_empty() && !needed => {}
                    Some(secret) => {
                        if secret.expose_secret().contains(['\n', '\r', '\0']) {
                            return Err(NodeError::Usage {
                                problem: format!("the {} holds a line end", named(&prompt)),
                                remedy: "give the password alone".to_owned(),
                            });
                        }
                        secrets.0.insert((node.name.clone(), purpose), secret);
                    }
                    None if needed => {
                        let variable = format!("{}_{}", purpose.variable(), suffix(&node.name));
                        return Err(NodeError::Usage {
                            problem: format!("no {} is known, and nobody can be asked", named(&prompt)),
                            remedy: format!(
                                "set {variable} in the environment, give it through --secrets-fd, or run etl on a terminal"
                            ),
                        });
                    }
                    None => {}
                }
            }
        }
        Ok(secrets)
    }

    /// A secret, if it is known.
    #[must_use]
    pub fn of(&self, node: &Node, purpose: Purpose) -> Option<&SecretString> {
        self.0.get(&(node.name.clone(), purpose))
    }

    /// `text` without any secret in it: programs on a node may repeat what they were given.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in self.0.values().map(|secret| secret.expose_secret()) {
            if !secret.is_empty() && shown.contains(secret) {
                shown = shown.replace(secret, "…");
            }
        }
        shown
    }
}

impl Sources<'_> {
    fn find(&self, node: &Node, purpose: Purpose) -> Option<SecretString> {
        let names = [format!("{}_{}", purpose.variable(), suffix(&node.name)), purpose.variable().to_owned()];
        let lines = self.file.as_ref().map(|file| &file.0);
        let in_file = || names.iter().find_map(|name| lines.and_then(|lines| lines.get(name)).cloned());
        let in_environment =
            || names.iter().find_map(|name| self.environment.value(name)).map(SecretString::from);
        in_file().or_else(in_environment)
    }
}

/// What a node needs: the purpose, the question, and whether nothing can be done without it.
fn wanted(node: &Node) -> Vec<(Purpose, String, bool)> {
    let Node { name, user, database_user, .. } = node;
    let mut wanted = Vec::new();
    if node.login.contains(&Login::Password) {
        let alone = node.login.iter().all(|login| *login == Login::Password);
        let question = if alone {
            format!("Password of {user} on {name}: ")
        } else {
            format!("Password of {user} on {name} (Enter where there is none): ")
        };
        wanted.push((Purpose::Login, question, alone));
    }
    if node.login.contains(&Login::Key) && node.keys.iter().any(|key| crate::dump::key_file::is_locked(key)) {
        let question = format!("Passphrase of the key for {user} on {name}: ");
        wanted.push((Purpose::Key, question, node.login.len() == 1));
    }
    if node.becomes() && node.become_password {
        let question = match node.becoming {
            crate::dump::settings::Become::Sudo => format!("Password of {user} for sudo on {name}: "),
            crate::dump::settings::Become::Command => {
                format!("Password that {:?} asks for on {name}: ", node.become_command)
            }
            _ => format!("Password of {database_user} on {name}: "),
        };
        wanted.push((Purpose::Become, question, true));
    }
    if node.dumps.iter().any(|dump| dump.database_password) {
        wanted.push((Purpose::Database, format!("Password of the database on {name}: "), true));
    }
    wanted
}

/// What a question asks for, inside a sentence.
fn named(prompt: &str) -> String {
    let text = prompt.split(" (Enter").next().unwrap_or(prompt).trim_end_matches([':', ' ']);
    format!("{}{}", text.get(..1).unwrap_or_default().to_lowercase(), text.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::CommandError as _;
    use crate::base::toml_document::Section;
    use crate::dump::settings::NodeSettings;
    use parsers::columns::ColumnMap;
    use std::path::Path;

    fn nodes(text: &str) -> Vec<Node> {
        let mut section = Section::parse(Path::new("cutover.toml"), text).unwrap();
        let map = ColumnMap::built_in().unwrap();
        let environment = Environment { variable: &|_| None, ..Environment::of_process() };
        NodeSettings::take(&mut section, &map, &environment).unwrap().nodes
    }

    const NODES: &str = "[[node]]\nname = \"vbs-1\"\nhost = \"h\"\nuser = \"cps\"\nbecome = \"su\"\ndatabase_user = \"gaussdba\"\n\
        [[node.dump]]\ndatabase = \"dps\"\ndatabase_password = \"ask\"\n\
        [[node]]\nname = \"db\"\nhost = \"h\"\nuser = \"root\"\nlogin = [\"password\"]\nbecome = \"su\"\ndatabase_user = \"gaussdba\"\n";

    #[test]
    fn each_secret_is_found_in_its_order_or_asked_for_once() {
        let nodes = nodes(NODES);
        let all: Vec<&Node> = nodes.iter().collect();
        let variable = |name: &str| match name {
            "ETL_SU_PASSWORD" => Some("of all".to_owned()),
            "ETL_DATABASE_PASSWORD_VBS_1" => Some("from the environment".to_owned()),
            _ => None,
        };
        let environment = Environment { variable: &variable, ..Environment::of_process() };
        let lines =
            SecretLines::parse(&SecretString::from("# note\n\nETL_DATABASE_PASSWORD_VBS_1=a=b\n")).unwrap();
        let mut asked = Vec::new();
        let mut ask = |prompt: &str| {
            asked.push(prompt.to_owned());
            Some(SecretString::from("typed"))
        };
        let sources = Sources { file: Some(lines), environment: &environment, ask: &mut ask };
        let secrets = Secrets::gather(&all, sources).unwrap();
        let found = |node: usize, purpose| {
            secrets.of(all[node], purpose).map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(found(0, Purpose::Login).as_deref(), Some("typed"));
        assert_eq!(found(0, Purpose::Become).as_deref(), Some("of all"));
        assert_eq!(found(0, Purpose::Database).as_deref(), Some("a=b"));
        assert_eq!(found(1, Purpose::Login).as_deref(), Some("typed"));
        // root becomes anybody unasked.
        assert_eq!(found(1, Purpose::Become), None);
        assert_eq!(
            asked,
            ["Password of cps on vbs-1 (Enter where there is none): ", "Password of root on db: "]
        );
        assert_eq!(secrets.hide("it said typed, a=b and of all"), "it said …, … and …");
        let shown = format!("{secrets:?}");
        assert!(!shown.contains("typed") && !shown.contains("a=b"), "{shown}");
    }

    #[test]
    fn only_what_is_needed_is_missed() {
        let nodes = nodes(NODES);
        let environment = Environment { variable: &|_| None, ..Environment::of_process() };
        let gather = |node: &Node, answer: Option<&str>| {
            let mut ask = |_: &str| answer.map(SecretString::from);
            Secrets::gather(&[node], Sources { file: None, environment: &environment, ask: &mut ask })
        };
        let missing = |node: &Node| gather(node, None).unwrap_err();
        assert_eq!(
            missing(&nodes[0]).to_string(),
            "no password of gaussdba on vbs-1 is known, and nobody can be asked"
        );
        assert!(missing(&nodes[0]).remedy().unwrap().contains("ETL_SU_PASSWORD_VBS_1"));
        assert_eq!(
            missing(&nodes[1]).to_string(),
            "no password of root on db is known, and nobody can be asked"
        );
        // A password with a line end would be two answers.
        let error = gather(&nodes[1], Some("one\ntwo")).unwrap_err().to_string();
        assert_eq!(error, "the password of root on db holds a line end");
        assert_eq!(SecretLines::parse(&SecretString::from("ETL_X=1\nhunter2")).unwrap_err(), 2);
    }
}
