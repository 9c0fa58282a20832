//! What is done of a cutover, as a file of lines: each step is written down before it is begun and after it ended.
//!
//! It is a memory, not the truth: a step that it does not know is done again, and every step bears that.

use super::step::{Part, Step};
use crate::base::clock::utc_now;
use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::json_lines::{JournalKind, Line, Lines};
use pipeline::files::place::Foreign;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of a line's form.
const VERSION: u32 = 1;

/// The name of the file, in the cutover's folder.
pub const FILE: &str = "state.jsonl";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the line's form.
    cutover: u32,
    /// The version of etl.
    pub etl: String,
    /// When it was written, UTC.
    pub at: String,
    /// SHA-256 of the settings file as it was then.
    pub settings: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step was begun.
    Began {
        /// Which one.
        step: Step,
    },
    /// A step came to its end.
    Finished {
        /// Which one.
        step: Step,
        /// Its exit code: 0, or 3 where something waits.
        exit: u8,
        /// What it came to, in a few words.
        said: String,
        /// The dumps that it made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dumps: Vec<Dump>,
        /// Operations that it left with the placeholder as trust.
        #[serde(default, skip_serializing_if = "is_zero")]
        placeholders: u64,
    },
    /// A step failed.
    Failed {
        /// Which one.
        step: Step,
        /// Its exit code.
        exit: u8,
        /// Why.
        error: String,
    },
    /// The operator said that the traffic is switched.
    Switched,
    /// The operator said which step is next.
    From {
        /// That step.
        step: Step,
    },
    /// The import was taken back.
    RolledBack,
}

/// A dump as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Its path.
    pub path: String,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Line for Entry {
    const KIND: JournalKind = JournalKind::Cutover;
    const VERSION: u32 = VERSION;

    fn version(&self) -> u32 {
        self.cutover
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// When, UTC.
    pub at: String,
    /// 0, or 3 where something waits.
    pub exit: u8,
    /// What it came to.
    pub said: String,
    /// The dumps that it made.
    pub dumps: Vec<Dump>,
    /// Operations that it left with the placeholder as trust.
    pub placeholders: u64,
}

/// Where a cutover stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The steps that are done.
    pub done: BTreeMap<Step, Done>,
    /// The step that was begun and did not end: its process was killed, or it is running.
    pub interrupted: Option<Step>,
    /// The step that failed last, and why.
    pub failed: Option<(Step, String)>,
    /// Whether the operator said that the traffic is switched.
    pub switched: bool,
    /// Whether a step that loads was begun, so that imported rows may be in the target.
    pub loaded: bool,
    /// Whether a rollback was begun.
    pub going_back: bool,
    /// When the last import was taken back, where nothing was begun since.
    pub rolled_back: Option<String>,
    /// SHA-256 of the settings file at the last line.
    pub settings: Option<String>,
}

impl Position {
    /// Where these lines lead.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        entries.iter().fold(Self::default(), Self::after)
    }

    fn after(mut self, entry: &Entry) -> Self {
        self.settings = Some(entry.settings.clone());
        match &entry.event {
            Event::Began { step } => {
                self.rolled_back = None;
                self.interrupted = Some(*step);
                self.failed = None;
                self.loaded |= step.loads();
                self.going_back |= step.part() == Part::Rollback;
            }
            Event::Finished { step, exit, said, dumps, placeholders } => {
                self.interrupted = None;
                let (at, said, dumps) = (entry.at.clone(), said.clone(), dumps.clone());
                let done = Done { at, exit: *exit, said, dumps, placeholders: *placeholders };
                self.done.insert(*step, done);
            }
            Event::Failed { step, error, exit } => {
                self.interrupted = None;
                self.failed = Some((*step, error.clone()));
                if *step == Step::Rollback && *exit != Exit::Unknown.code() {
                    // Nothing was deleted.
                    self.going_back = false;
                }
                if *step == Step::Stopped {
                    // VBS or DPS was running: what was dumped before may lack what it did.
                    self.done.retain(|done, _| done.part() != Part::Incremental);
                }
            }
            Event::Switched => self.switched = true,
            Event::From { step } => self = self.from(*step, &entry.at),
            Event::RolledBack => {
                let at = Some(entry.at.clone());
                self = Self { rolled_back: at, settings: self.settings, ..Self::default() };
            }
        }
        self
    }

    /// The position from which it goes on with `step`, because the operator says so: what comes before counts as done.
    #[must_use]
    pub fn from(mut self, step: Step, at: &str) -> Self {
        self.failed = None;
        self.done.retain(|done, _| *done < step);
        for before in Step::ALL.into_iter().filter(|before| *before < step) {
            let said = "passed over by the operator".to_owned();
            let done = Done { at: at.to_owned(), exit: 0, said, dumps: Vec::new(), placeholders: 0 };
            self.done.entry(before).or_insert(done);
        }
        self
    }

    /// Operations that have no usable trust, as far as the last run knows.
    #[must_use]
    pub fn placeholders(&self) -> u64 {
        let last = self.done.get(&Step::RunAgain).or_else(|| self.done.get(&Step::Run));
        last.map_or(0, |done| done.placeholders)
    }

    /// Whether copies wait for the outcomes of their jobs, as far as the last sync knows.
    #[must_use]
    pub fn waits(&self) -> bool {
        let last = self.done.get(&Step::SyncJobs).or_else(|| self.done.get(&Step::Sync));
        last.is_some_and(|done| done.exit == Exit::Incomplete.code())
    }
}

/// The state file, which nobody else writes meanwhile.
#[derive(Debug)]
pub struct State {
    lines: Lines<Entry>,
    settings: String,
}

impl State {
    /// Opens the state file, or makes it; `settings` is the digest of the settings file.
    ///
    /// # Errors
    /// Another cutover is running with it, it cannot be read or written, or a line in it is damaged.
    pub fn open(path: &Path, settings: &str, foreign: Foreign) -> Result<Self> {
        Ok(Self { lines: Lines::open(path, foreign)?, settings: settings.to_owned() })
    }

    /// Looks at a state file; answers the position, and whether somebody is running.
    ///
    /// # Errors
    /// It cannot be read, or a line in it is damaged.
    pub fn peek(path: &Path, foreign: Foreign) -> Result<(Position, bool)> {
        let peek = Lines::<Entry>::peek(path, foreign)?;
        Ok((Position::of(&peek.lines), peek.in_use))
    }

    /// Where the cutover stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::of(self.lines.lines())
    }

    /// Whether the last line was cut off by a crash, and was left out.
    #[must_use]
    pub fn was_torn(&self) -> bool {
        self.lines.was_torn()
    }

    /// Adds what happened; it is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written. The file is as it was.
    pub fn add(&mut self, event: Event) -> Result<()> {
        let entry = Entry {
            cutover: VERSION,
            etl: env!("CARGO_PKG_VERSION").to_owned(),
            at: utc_now(),
            settings: self.settings.clone(),
            event,
        };
        let path = self.lines.path().display().to_string();
        self.lines.add(entry).map_err(|source| Error::file(JournalKind::Cutover.file(), path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(step: Step, exit: u8) -> Event {
        Event::Finished { step, exit, said: "so".into(), dumps: Vec::new(), placeholders: 0 }
    }

    fn failed(step: Step) -> Event {
        Event::Failed { step, exit: 1, error: "why".into() }
    }

    /// The position after events, read back from a file.
    fn after(events: Vec<Event>) -> Position {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut state = State::open(&path, "digest", Foreign::Refuse).unwrap();
        for event in events {
            state.add(event).unwrap();
        }
        let position = state.position();
        assert_eq!(State::peek(&path, Foreign::Refuse).unwrap(), (position.clone(), true));
        drop(state);
        assert_eq!(State::peek(&path, Foreign::Refuse).unwrap(), (position.clone(), false));
        position
    }

    fn done(position: &Position) -> Vec<Step> {
        position.done.keys().copied().collect()
    }

    #[test]
    fn what_was_begun_and_did_not_end_is_known() {
        let position = after(vec![finished(Step::Dump, 0), Event::Began { step: Step::Run }]);
        assert_eq!((done(&position), position.interrupted), (vec![Step::Dump], Some(Step::Run)));
        assert!(position.loaded && !position.switched);
        let position = after(vec![Event::Began { step: Step::Check }, failed(Step::Check)]);
        assert_eq!((position.interrupted, position.failed), (None, Some((Step::Check, "why".into()))));
        assert!(!position.loaded);
    }

    #[test]
    fn vbs_at_work_makes_later_dumps_worthless() {
        let steps = [Step::Verify, Step::Stopped, Step::DumpAgain, Step::RunAgain];
        let events = steps.map(|step| finished(step, 0)).into_iter().chain([failed(Step::Stopped)]);
        assert_eq!(done(&after(events.collect())), [Step::Verify]);
    }

    #[test]
    fn the_operators_word_stands_for_what_came_before() {
        let from = Event::From { step: Step::Check };
        let position = after(vec![finished(Step::Preflight, 0), finished(Step::Run, 0), from]);
        assert_eq!(done(&position), [Step::Preflight, Step::Safety, Step::Dump, Step::Columns]);
        assert_eq!(position.done[&Step::Dump].said, "passed over by the operator");
        assert_eq!(position.done[&Step::Preflight].said, "so");
    }

    #[test]
    fn after_a_rollback_everything_begins_anew() {
        let back = [Event::Began { step: Step::Rollback }, finished(Step::Rollback, 0)];
        let mut events = vec![finished(Step::Run, 0), Event::Switched];
        events.extend(back);
        let position = after(events.clone());
        assert!(position.going_back && position.rolled_back.is_none());
        events.push(Event::RolledBack);
        let position = after(events.clone());
        assert!(position.done.is_empty() && !position.switched && !position.going_back);
        assert!(position.rolled_back.is_some());
        events.push(Event::Began { step: Step::Preflight });
        assert_eq!(after(events).rolled_back, None);
    }

    #[test]
    fn copies_wait_for_as_long_as_the_last_sync_says_so() {
        assert!(!after(vec![finished(Step::RunAgain, 3)]).waits());
        assert!(after(vec![finished(Step::Sync, 3)]).waits());
        assert!(!after(vec![finished(Step::Sync, 3), finished(Step::SyncJobs, 0)]).waits());
    }

    #[test]
    fn one_cutover_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let state = State::open(&path, "digest", Foreign::Refuse).unwrap();
        let error = State::open(&path, "digest", Foreign::Refuse).unwrap_err();
        assert!(
            error.to_string().ends_with("another etl cutover is running with this state file"),
            "{error}"
        );
        drop(state);
        State::open(&path, "digest", Foreign::Refuse).unwrap();
        assert_eq!(
            State::peek(&folder.path().join("absent"), Foreign::Refuse).unwrap(),
            (Position::default(), false)
        );
    }
}
