//! What a cutover tells: each step as it goes, what comes next, what to type, and after a failure how to go on and how to go
//! back. Everything that is to be typed is whole, so that it can be copied.

use crate::base::exit::Exit;
use crate::base::number::counted;
use crate::base::shell::quote;
use crate::cutover::lines::{Lines, own};
use crate::cutover::plan::{Next, left_out, next, steps};
use crate::cutover::settings::Settings;
use crate::cutover::state::Position;
use crate::cutover::step::{Part, Step};
use pipeline::engine::{Obstacle, TRUST_GUIDE, TRUST_SOURCES, without_trust};
use serde::Serialize;
use std::fmt::Write as _;

/// What comes next, and what to type for it; before it, what waits.
#[must_use]
pub fn then(settings: &Settings, position: &Position) -> String {
    let deferred =
        position.done.get(&Step::RunAgain).is_some_and(|done| done.exit == Exit::Incomplete.code());
    let mut text = String::new();
    if deferred {
        let line = own(Some(Part::Incremental.name()), &settings.path);
        let _ = writeln!(
            text,
            "Rows of the dumps were deferred: they were not steady. Once they are, this brings them:\n  {line} --again"
        );
    }
    // Last, where it is still on the screen.
    text + &coming(settings, position) + &trusts(settings, position)
}

/// What is to be done for operations that have no usable trust, if there are any.
fn trusts(settings: &Settings, position: &Position) -> String {
    let placeholders = position.placeholders();
    let Some(what) = without_trust(placeholders) else { return String::new() };
    let restarted = position.done.contains_key(&Step::Restart);
    let source = match restarted {
        false => format!("{TRUST_SOURCES} (in the settings file of the run, config)"),
        // What an engine has read it gives to new operations of the same user.
        true => format!(
            "set trust_id in the settings file of the run (config), where one trust serves all; else take the import back \
             ({}), have each of these users make one operation in Karbor, and begin anew: operationengine was restarted, and \
             gives the placeholder to new operations of these users too",
            own(Some(Part::Rollback.name()), &settings.path)
        ),
    };
    let run = if position.done.contains_key(&Step::RunAgain) { Step::RunAgain } else { Step::Run };
    let line = own(Some(run.part().name()), &settings.path);
    format!(
        "\n! {what}\n  1. {source};\n  2. type: {line} --from {run}\n  3. {}.\n  Until then the exit code is 3. {TRUST_GUIDE}, says \
         more.\n",
        check_trusts(settings)
    )
}

/// How it is checked that operations have a usable trust.
#[must_use]
pub fn check_trusts(settings: &Settings) -> String {
    let none = Obstacle::NoTrust.words();
    format!("check: `etl status --target {}` no longer says \"do not fire: {none}\"", quote(&settings.target))
}

fn coming(settings: &Settings, position: &Position) -> String {
    let typed = |part: &str| format!("\n  {}\n", own(Some(part), &settings.path));
    let back = format!("To go back instead:\n{}", typed("rollback").trim_start_matches('\n'));
    match next(settings, position) {
        Next::Part(Part::Rollback) => format!("Next: end the rollback that was begun:{}", typed("rollback")),
        Next::Part(part) if position.rolled_back.is_some() => {
            format!("The import was taken back. A new cutover begins with:{}", typed(part.name()))
        }
        Next::Part(part) => format!("Next:{}", typed(part.name())),
        Next::Switch => {
            let names: Vec<&str> = settings.stopped.iter().map(|check| check.name.as_str()).collect();
            format!(
                "What the dumps hold is in Karbor, and verified. Nothing else happens until you say so.\n\
                 Next, in this order:\n  \
                 1. switch the traffic from VBS and DPS to Karbor;\n  \
                 2. stop them: {} must be stopped, or the next part refuses;\n  \
                 3. type:{}{back}",
                names.join(", "),
                typed("incremental").replace("\n  ", "\n       "),
            )
        }
        Next::Wait => format!(
            "Copies still wait for their jobs. Once these are over, type it again:{}",
            typed("continue")
        ),
        Next::Over => {
            let mut text = "The cutover is done.\n".to_owned();
            if settings.restart.is_empty() {
                let after = match position.placeholders() {
                    0 => "",
                    _ => "once the operations below have trusts, ",
                };
                let _ = writeln!(
                    text,
                    "Next: {after}restart operationengine on every Karbor node; it reads triggers only when it starts."
                );
            }
            text + &back
        }
    }
}

/// After a failure in `failed`: what was done of the part, what was not, how to go on and how to go back.
#[must_use]
pub fn after_failure(failed: Step, settings: &Settings, position: &Position) -> String {
    let part = failed.part();
    let names = |steps: Vec<Step>| match steps.is_empty() {
        true => "nothing".to_owned(),
        false => steps.into_iter().map(Step::name).collect::<Vec<_>>().join(", "),
    };
    let in_plan = |step: &Step| left_out(*step, settings, position).is_none();
    let done: Vec<Step> =
        part.steps().filter(in_plan).filter(|step| position.done.contains_key(step)).collect();
    let to_do = steps(part, settings, position);
    let to_do = to_do.into_iter().filter(|step| !position.done.contains_key(step)).collect();
    let mut text = format!("  of the {} part is done: {}\n", part.name(), names(done));
    let _ = writeln!(text, "  is not done: {}", names(to_do));
    if failed == Step::Columns {
        let proposal = Lines { settings, quiet: true }.text(failed);
        let proposal = quote(&proposal.display().to_string());
        let _ = writeln!(
            text,
            "  → the map completed by what was found is in {proposal}: copy it, confirm or mend its lines, and name the copy with columns = \"FILE\" in [run]"
        );
    }
    let _ = writeln!(text, "  → to go on, mend it and type: {}", own(Some(part.name()), &settings.path));
    text.push_str(&match (part, position.loaded) {
        (Part::Rollback, _) => String::new(),
        (_, true) => format!("  → to go back, type: {}\n", own(Some("rollback"), &settings.path)),
        (_, false) => "  → nothing was written to the target: there is nothing to take back\n".to_owned(),
    });
    text
}

/// What a step is to be told by, and what became of it.
#[derive(Debug, Serialize)]
struct Line {
    step: &'static str,
    part: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
}

/// How a cutover stands, as a program reads it.
#[derive(Debug, Serialize)]
pub struct CutoverStatus {
    settings: String,
    target: String,
    /// Whether a process is running on it.
    at_work: bool,
    /// Operations that have no usable trust, as far as the last run knows.
    operations_without_trust: u64,
    /// Whether the settings file is what it was at the last step.
    settings_changed: bool,
    switched: bool,
    rolled_back_at: Option<String>,
    /// What comes next: a part, `switch`, `wait` or `over`.
    next: &'static str,
    steps: Vec<Line>,
}

impl CutoverStatus {
    /// The status at this position; `digest` is that of the settings file as it is now.
    #[must_use]
    pub fn new(settings: &Settings, digest: &str, position: &Position, at_work: bool) -> Self {
        let line = |step: Step| {
            let done = position.done.get(&step);
            let (state, said) = match (done, &position.failed) {
                (Some(done), _) => ("done", Some(done.said.clone())),
                (None, Some((failed, why))) if *failed == step => ("failed", Some(why.clone())),
                _ if position.interrupted == Some(step) && at_work => ("running", None),
                _ if position.interrupted == Some(step) => ("interrupted", None),
                _ => match left_out(step, settings, position) {
                    Some(why) => ("left out", Some(why.to_owned())),
                    None => ("to do", None),
                },
            };
            let (at, exit_code) = (done.map(|done| done.at.clone()), done.map(|done| done.exit));
            Line { step: step.name(), part: step.part().name(), state, at, exit_code, said }
        };
        let wanted = |step: &Step| step.part() != Part::Rollback || position.going_back;
        Self {
            settings: settings.path.display().to_string(),
            target: settings.target.clone(),
            at_work,
            operations_without_trust: position.placeholders(),
            settings_changed: position.settings.as_ref().is_some_and(|known| known != digest),
            switched: position.switched,
            rolled_back_at: position.rolled_back.clone(),
            next: match next(settings, position) {
                Next::Part(part) => part.name(),
                Next::Switch => "switch",
                Next::Wait => "wait",
                Next::Over => "over",
            },
            steps: Step::ALL.into_iter().filter(wanted).map(line).collect(),
        }
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self, settings: &Settings, position: &Position) -> String {
        let done = self.steps.iter().filter(|line| line.state == "done").count();
        let done = counted(u64::try_from(done).unwrap_or(0), "step is done", "steps are done");
        let mut text = format!("{}: {done}\n", self.settings);
        let mut part = "";
        for line in &self.steps {
            if line.part != part {
                part = line.part;
                let _ = writeln!(text, "\n{part}");
            }
            let said = line.said.as_deref().unwrap_or_default();
            let at = line.at.as_deref().map(|at| format!("{at} UTC  ")).unwrap_or_default();
            let shown = format!("  {:<13} {:<11} {at}{said}", line.step, line.state);
            let _ = writeln!(text, "{}", shown.trim_end());
        }
        text.push('\n');
        if self.settings_changed {
            let _ = writeln!(text, "! {} changed since the last step", self.settings);
        }
        if self.at_work {
            text.push_str("A cutover is running.\n");
        } else {
            text.push_str(&then(settings, position));
        }
        text
    }
}
