//! The files of cases: names, and below each the steps that lead to it, one a line.
//!
//! ```text
//! # A comment.
//! == the name of the case
//! step and what it is about
//! file etl.toml
//! | a line of the file
//! etl check dump.sql
//! > exit code 1
//! > a line that the command prints
//! ```
//! In what a step is about, `⏎` is a line break, `⇥` a tab, and `⟨d5 5c⟩` these bytes.

/// The step that runs the command, and is followed by what it prints.
pub(super) const COMMAND: &str = "etl";

/// A case.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

/// One step of a case.
pub(super) struct Step {
    /// The line as it stands in the file.
    pub(super) text: String,
    pub(super) word: String,
    /// What is behind the word.
    pub(super) rest: String,
    /// The lines below it that begin with a bar, with their line ends.
    pub(super) lines: Vec<String>,
    /// The lines below it that begin with `>`: what a command prints.
    pub(super) expected: Vec<String>,
    /// Which line of the file it is, from 0.
    pub(super) line: usize,
}

/// Reads a file of cases.
pub(super) fn read(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let fault = |what: &str| format!("line {}: {what}: {line}", n + 1);
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), steps: Vec::new() });
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| fault("a step before the first case"))?;
        if let Some(content) = line.strip_prefix('|') {
            let step = case.steps.last_mut().ok_or_else(|| fault("a line of no file"))?;
            step.lines.push(format!("{}\n", content.strip_prefix(' ').unwrap_or(content)));
            continue;
        }
        if let Some(printed) = line.strip_prefix('>') {
            let step = case.steps.last_mut().filter(|step| step.word == COMMAND);
            let step = step.ok_or_else(|| fault("only a command prints something"))?;
            step.expected.push(printed.strip_prefix(' ').unwrap_or(printed).to_owned());
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        case.steps.push(Step {
            text: line.to_owned(),
            word: word.to_owned(),
            rest: rest.to_owned(),
            lines: Vec::new(),
            expected: Vec::new(),
            line: n,
        });
    }
    let idle = cases.iter().find(|case| case.steps.iter().all(|step| step.word != COMMAND));
    idle.map_or(Ok(()), |case| Err(format!("{}: no step runs etl", case.name)))?;
    Ok(cases)
}

/// The text of a file with other lines below its commands, which are given by their lines.
pub(super) fn with_expected(text: &str, printed: &[(usize, Vec<String>)]) -> String {
    let mut out = String::new();
    let mut printed = printed.iter();
    let mut next = printed.next();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('>')) {
        out.push_str(line);
        out.push('\n');
        if let Some((_, lines)) = next.take_if(|(line, _)| *line == n) {
            for line in lines {
                out.push_str(format!("> {line}").trim_end());
                out.push('\n');
            }
            next = printed.next();
        }
    }
    out
}

/// The bytes that a text of a case stands for.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, mark)) = rest.split_once('⟨') {
        out.extend(plain(before));
        let (hex, behind) = mark.split_once('⟩').ok_or("a ⟨ without its ⟩")?;
        for byte in hex.split(' ') {
            out.push(u8::from_str_radix(byte, 16).map_err(|error| format!("{byte:?}: {error}"))?);
        }
        rest = behind;
    }
    out.extend(plain(rest));
    Ok(out)
}

fn plain(text: &str) -> Vec<u8> {
    text.replace('⏎', "\n").replace('⇥', "\t").into_bytes()
}
