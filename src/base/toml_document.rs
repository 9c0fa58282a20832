//! A settings file with sections, each value with the line it stands in: whoever knows a section takes its keys, and what
//! nobody took is refused.
//!
//! Passwords do not belong into such a file. What looks like one is refused, and never repeated.

use super::error::CommandError;
use super::exit::Exit;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What keys of secrets are called; none of them may have a value of its own.
const SECRETS: [&str; 6] = ["passw", "passphrase", "secret", "token", "pwd", "credential"];

/// The values that such a key may have: they say where the secret comes from.
const HARMLESS: [&str; 2] = ["ask", "none"];

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// The line, from 1.
    pub line: usize,
}

/// The result of reading a settings file.
pub type Result<T> = std::result::Result<T, DocumentError>;

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It says something that cannot be.
    #[error("{}:{line}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// It cannot be read.
    #[error("{}: the settings file cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Others can write it.
    #[error("{problem}")]
    Unsafe {
        /// Who can.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
}

impl CommandError for DocumentError {
    fn kind(&self) -> &'static str {
        "settings"
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Wrong { remedy, .. } => remedy.clone(),
            Self::Unreadable { .. } => None,
            Self::Unsafe { remedy, .. } => Some(remedy.clone()),
        }
    }
}

/// The line, from 1, that byte `at` of `text` is in.
#[must_use]
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// Reads a settings file, whose commands are run: nobody but its owner may write it, and that is this user or root.
///
/// # Errors
/// It cannot be read, or others can say in it what is run.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |source| DocumentError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    let user = nix::unistd::geteuid().as_raw();
    let problem = match found.mode() & 0o022 {
        _ if found.uid() != user && found.uid() != 0 => "it belongs to another user",
        0 => "",
        _ => "others may write it",
    };
    if found.is_file() && !problem.is_empty() {
        let shown = path.display();
        return Err(DocumentError::Unsafe {
            problem: format!("{shown}: {problem}, and etl runs the commands in it"),
            remedy: format!("see what is in it, make it yours, then: chmod go-w {shown}"),
        });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// A section of a file: a table of TOML whose keys are taken one by one.
#[derive(Debug)]
pub struct Section {
    path: Rc<Path>,
    /// As the file names it; empty for the file itself.
    name: String,
    /// The line in which it begins.
    line: usize,
    entries: BTreeMap<String, (usize, Value)>,
    /// What it may hold, as far as that was asked for.
    known: Vec<&'static str>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Placed<Value>>),
    Table(BTreeMap<String, (usize, Value)>),
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a section",
            Self::Other(kind) => kind,
        }
    }
}

impl Section {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or holds what looks like a password.
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = |source| DocumentError::Unreadable { path: path.to_owned(), source };
        let text = String::from_utf8(bytes(path)?);
        Self::parse(
            path,
            &text.map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?,
        )
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Section::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let table = DeTable::parse(text).map_err(|error| DocumentError::Wrong {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            problem: error.message().to_owned(),
            remedy: Some("`etl dump --help` shows a file of the form".to_owned()),
        })?;
        let reader = Reader { path, text };
        let entries = reader.table(table.into_inner())?;
        Ok(Self { path: path.into(), name: String::new(), line: 1, entries, known: Vec::new() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line in which the section begins, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// An error of the value in `line`.
    pub fn wrong(&self, line: usize, problem: impl Display, remedy: Option<&str>) -> DocumentError {
        DocumentError::Wrong {
            path: self.path.to_path_buf(),
            line,
            problem: problem.to_string(),
            remedy: remedy.map(str::to_owned),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// The value is no text, or an empty one.
    pub fn text(&mut self, key: &'static str) -> Result<Option<Placed<String>>> {
        match self.take(key) {
            None => Ok(None),
            Some((line, Value::Text(text))) => self.plain(key, text, line).map(Some),
            Some((line, other)) => Err(self.unfit(key, line, "a text in quotes", &other)),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// It is not, or the value is no text.
    pub fn needed(&mut self, key: &'static str, example: &str) -> Result<Placed<String>> {
        let found = self.text(key)?;
        found.ok_or_else(|| {
            let name = if self.name.is_empty() { "this file" } else { &self.name };
            self.wrong(
                self.line,
                format!("{name} has no {key}"),
                Some(&format!("add a line such as: {key} = {example}")),
            )
        })
    }

    /// Texts: a list of them.
    ///
    /// # Errors
    /// The value is no list of texts.
    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<Placed<String>>>> {
        const FORM: &str = "a list of texts: [\"…\", \"…\"]";
        match self.take(key) {
            None => Ok(None),
            Some((_, Value::List(list))) => {
                let text = |item: Placed<Value>| match item.value {
                    Value::Text(text) => self.plain(key, text, item.line),
                    other => Err(self.unfit(key, item.line, FORM, &other)),
                };
                list.into_iter().map(text).collect::<Result<_>>().map(Some)
            }
            Some((line, other)) => Err(self.unfit(key, line, FORM, &other)),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// The value is none, or out of range.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Result<Option<Placed<i64>>> {
        let form = format!("a number from {} to {}", range.start(), range.end());
        match self.take(key) {
            None => Ok(None),
            Some((line, Value::Number(number))) if range.contains(&number) => {
                Ok(Some(Placed { value: number, line }))
            }
            Some((line, Value::Number(number))) => {
                Err(self.wrong(line, format!("{key} = {number}: expected {form}"), None))
            }
            Some((line, other)) => Err(self.unfit(key, line, &form, &other)),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// The value is neither.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<Placed<bool>>> {
        match self.take(key) {
            None => Ok(None),
            Some((line, Value::Flag(value))) => Ok(Some(Placed { value, line })),
            Some((line, other)) => Err(self.unfit(key, line, "true or false", &other)),
        }
    }

    /// A time such as `10s` or `5min`.
    ///
    /// # Errors
    /// The value is none, or nothing at all.
    pub fn duration(&mut self, key: &'static str) -> Result<Option<Placed<Duration>>> {
        let Some(Placed { value, line }) = self.text(key)? else { return Ok(None) };
        match humantime::parse_duration(&value) {
            Ok(time) if !time.is_zero() => Ok(Some(Placed { value: time, line })),
            _ => {
                let value = parsers::row::shortened(&value);
                Err(self.wrong(line, format!("{key} = {value:?}: expected a time such as \"10s\""), None))
            }
        }
    }

    /// The only section of a name.
    ///
    /// # Errors
    /// The value is no section.
    pub fn section(&mut self, key: &'static str) -> Result<Option<Section>> {
        match self.take(key) {
            None => Ok(None),
            Some((line, Value::Table(entries))) => Ok(Some(self.below(format!("[{key}]"), line, entries))),
            Some((line, other)) => Err(self.unfit(key, line, &format!("a section: [{key}]"), &other)),
        }
    }

    /// All sections of a name, as written one after the other.
    ///
    /// # Errors
    /// The value is no list of sections.
    pub fn sections(&mut self, key: &'static str) -> Result<Vec<Section>> {
        let form = format!("sections: [[{key}]]");
        match self.take(key) {
            None => Ok(Vec::new()),
            Some((_, Value::List(list))) => {
                let section = |item: Placed<Value>| match item.value {
                    Value::Table(entries) => Ok(self.below(format!("[[{key}]]"), item.line, entries)),
                    other => Err(self.unfit(key, item.line, &form, &other)),
                };
                list.into_iter().map(section).collect()
            }
            Some((line, other)) => Err(self.unfit(key, line, &form, &other)),
        }
    }

    /// Passes over what is there for others.
    pub fn skip(&mut self, keys: &[&'static str]) {
        for key in keys {
            drop(self.take(key));
        }
    }

    /// Checks that nothing is left that nobody asked for.
    ///
    /// # Errors
    /// Something is.
    pub fn finish(self) -> Result<()> {
        let left = self.entries.iter().min_by_key(|(_, (line, _))| *line);
        left.map_or(Ok(()), |(key, (line, _))| {
            let inside = if self.name.is_empty() { "the file" } else { &self.name };
            let key = parsers::row::shortened(key);
            Err(self.wrong(
                *line,
                format!("there is no setting {key:?} in {inside}"),
                Some(&format!("the settings are {}", self.known.join(", "))),
            ))
        })
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, Value)> {
        self.known.push(key);
        self.entries.remove(key)
    }

    fn below(&self, name: String, line: usize, entries: BTreeMap<String, (usize, Value)>) -> Section {
        Section { path: Rc::clone(&self.path), name, line, entries, known: Vec::new() }
    }

    fn plain(&self, key: &str, value: String, line: usize) -> Result<Placed<String>> {
        if value.is_empty() || value.contains(char::is_control) {
            let problem = format!("{key} is empty, or holds characters that do not print");
            return Err(self.wrong(line, problem, Some("leave the key out if it has nothing to say")));
        }
        Ok(Placed { value, line })
    }

    fn unfit(&self, key: &str, line: usize, expected: &str, found: &Value) -> DocumentError {
        self.wrong(line, format!("{key}: expected {expected}, found {}", found.kind()), None)
    }
}

/// Turns what the TOML parser answers into values with lines.
struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        line_of(self.text, span.start)
    }

    fn table(&self, table: DeTable<'_>) -> Result<BTreeMap<String, (usize, Value)>> {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let line = self.line(&key.span());
            let key = key.into_inner().into_owned();
            let lower = key.to_ascii_lowercase();
            let value = self.value(value)?.value;
            let secret = SECRETS.iter().any(|name| lower.contains(name));
            let harmless = match &value {
                Value::Text(text) => HARMLESS.contains(&text.as_str()),
                _ => false,
            };
            if secret && !harmless {
                return Err(self.password(line));
            }
            entries.insert(key, (line, value));
        }
        Ok(entries)
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Result<Placed<Value>> {
        let line = self.line(&value.span());
        let value = match value.into_inner() {
            DeValue::String(text) if looks_secret(&text) => return Err(self.password(line)),
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Other("a number that is too large"),
            },
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Array(list) => {
                Value::List(list.into_iter().map(|item| self.value(item)).collect::<Result<_>>()?)
            }
            DeValue::Table(table) => Value::Table(self.table(table)?),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        Ok(Placed { value, line })
    }

    fn password(&self, line: usize) -> DocumentError {
        DocumentError::Wrong {
            path: PathBuf::from(self.path),
            line,
            problem: "this looks like a password, which does not belong into a file".to_owned(),
            remedy: Some(
                "change it, then leave it out: etl asks for it, or takes it from --secrets-fd or the environment".to_owned(),
            ),
        }
    }
}

/// Whether a text looks as if it held a password: in a URL, as an assignment, or as an option of gs_dump.
fn looks_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let assigned = |name: &str| lower.split(name).skip(1).any(|rest| rest.trim_start().starts_with('='));
    let in_url = lower.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    let option = ["-W", "--password", "--rolepassword", "--with-key"].contains(&text)
        || text.starts_with("--with-key=")
        || (text.starts_with("-W") && !text.contains(' '))
        || text.contains(" -W");
    in_url || option || assigned("password") || assigned("passwd") || assigned("passphrase")
}
