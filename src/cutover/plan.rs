//! What is to be done next: from where a cutover stands, what is asked for, and what its settings hold.

use super::error::CutoverError;
use super::lines::own;
use super::settings::{Safety, Settings};
use super::state::Position;
use super::step::{Part, Step};
use crate::base::exit::Exit;
use pipeline::load::spec::Spec;

type Result<T> = std::result::Result<T, CutoverError>;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Everything that can be done; `switched` where the operator says that the traffic is.
    Everything {
        /// Whether it is.
        switched: bool,
    },
    /// One part.
    Part(Part),
}

/// Where the operator says that it goes on, whatever the state file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// After the last step that is done.
    AsItStands,
    /// With this step.
    From(Step),
    /// With the first step.
    Again,
}

impl Resume {
    /// The step to begin with, where one is said.
    #[must_use]
    pub fn step(self, goal: Goal) -> Option<Step> {
        match (self, goal) {
            (Self::AsItStands, _) => None,
            (Self::From(step), _) => Some(step),
            (Self::Again, Goal::Everything { .. }) => Some(Step::Preflight),
            (Self::Again, Goal::Part(part)) => part.steps().next(),
        }
    }

    /// Checks that the step belongs to what is asked for.
    ///
    /// # Errors
    /// It does not.
    pub fn check(self, goal: Goal, settings: &Settings) -> Result<()> {
        let Self::From(step) = self else { return Ok(()) };
        let fits = match goal {
            Goal::Everything { .. } => step.part() != Part::Rollback,
            Goal::Part(part) => step.part() == part,
        };
        if fits {
            return Ok(());
        }
        let part = step.part().name();
        let what = format!("--from {step}: this step belongs to the {part} part");
        let remedy = format!("type: {} --from {step}", own(Some(part), &settings.path));
        Err(CutoverError::Order { what, remedy })
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Steps of this part.
    Part(Part),
    /// The operator switches the traffic, and says so.
    Switch,
    /// Copies wait for their jobs: once these are over, their outcomes are asked for again.
    Wait,
    /// Nothing.
    Over,
}

/// Why a step is not done in this cutover; nothing where it is.
#[must_use]
pub fn left_out(step: Step, settings: &Settings, position: &Position) -> Option<&'static str> {
    let embedded = matches!(Spec::parse(&settings.target), Ok(Spec::Sqlite(_)));
    match step {
        Step::Safety => match settings.safety {
            Safety::None => Some("dump = false in [karbor]"),
            Safety::PgDump { .. } if embedded => Some("the target is an embedded database, for rehearsals"),
            Safety::PgDump { .. } | Safety::Command(_) => None,
        },
        Step::Restart | Step::RestartAfter if settings.restart.is_empty() => {
            Some("no [[restart]]: restart operationengine on every Karbor node by hand")
        }
        Step::Jobs if settings.jobs.is_empty() => Some("no [[continue]]"),
        Step::Sync | Step::DumpJobs | Step::SyncJobs if settings.job_files.is_empty() => {
            Some("no node's task manager is dumped")
        }
        Step::DumpJobs | Step::SyncJobs if !position.waits() => Some("no copy waits for its job"),
        _ => None,
    }
}

/// The steps of a part that are to be done.
#[must_use]
pub fn steps(part: Part, settings: &Settings, position: &Position) -> Vec<Step> {
    // The outcomes of jobs are asked for again as long as copies wait.
    let again = |step: Step| matches!(step, Step::DumpJobs | Step::SyncJobs) && position.waits();
    let wanted: Vec<Step> =
        part.steps().filter(|step| left_out(*step, settings, position).is_none()).collect();
    let Some(first) = wanted.iter().copied().find(|step| !position.done.contains_key(step) || again(*step))
    else {
        return Vec::new();
    };
    wanted.into_iter().filter(|step| *step >= first || step.only_looks()).collect()
}

/// What comes next where a cutover stands.
#[must_use]
pub fn next(settings: &Settings, position: &Position) -> Next {
    let to_do = |part| !steps(part, settings, position).is_empty();
    if position.going_back {
        return Next::Part(Part::Rollback);
    }
    if to_do(Part::Full) {
        return Next::Part(Part::Full);
    }
    if to_do(Part::Incremental) {
        return if position.switched { Next::Part(Part::Incremental) } else { Next::Switch };
    }
    match to_do(Part::Continue) {
        true if position.done.contains_key(&Step::SyncJobs) => Next::Wait,
        true => Next::Part(Part::Continue),
        false => Next::Over,
    }
}

/// Checks that what is asked for is what comes next; answers the parts that are done in one go.
///
/// # Errors
/// Something else comes first.
pub fn parts(goal: Goal, settings: &Settings, position: &Position) -> Result<Vec<Part>> {
    let first = |what: String, part: Part| CutoverError::Order {
        what,
        remedy: format!("first type: {}", own(Some(part.name()), &settings.path)),
    };
    if position.going_back && goal != Goal::Part(Part::Rollback) {
        return Err(first("a rollback was begun, and did not come to its end".to_owned(), Part::Rollback));
    }
    match goal {
        Goal::Everything { switched } if switched || position.switched => {
            Ok(vec![Part::Full, Part::Incremental, Part::Continue])
        }
        Goal::Everything { .. } => Ok(vec![Part::Full]),
        Goal::Part(Part::Rollback) => Ok(vec![Part::Rollback]),
        Goal::Part(part) => {
            for before in [Part::Full, Part::Incremental].into_iter().filter(|before| *before < part) {
                let to_do = steps(before, settings, position);
                if let Some(step) = to_do.into_iter().find(|step| !step.only_looks()) {
                    let what = format!("the {} part is not done: {step} is still to come", before.name());
                    return Err(first(what, before));
                }
            }
            Ok(vec![part])
        }
    }
}

/// A settings file that is not what it was at the last step may say something else of the steps that are done.
///
/// # Errors
/// It changed, and the operator says nothing of it.
pub fn refuse_changes(
    goal: Goal,
    resume: Resume,
    digest: &str,
    position: &Position,
    settings: &Settings,
) -> Result<()> {
    let begun = !position.done.is_empty() || position.loaded || position.going_back;
    let same = position.settings.as_deref().is_none_or(|known| known == digest);
    if same || !begun || resume != Resume::AsItStands {
        return Ok(());
    }
    let part = match goal {
        Goal::Everything { .. } => None,
        Goal::Part(part) => Some(part),
    };
    let to_do = match part {
        Some(part) => steps(part, settings, position),
        None => Step::ALL.into_iter().filter(|step| !position.done.contains_key(step)).collect(),
    };
    let step = to_do.into_iter().find(|step| !step.only_looks()).or_else(|| part?.steps().next());
    let step = step.unwrap_or(Step::Preflight);
    let line = own(part.map(Part::name), &settings.path);
    let remedy = format!(
        "if what is done still holds under it, go on with: {line} --from {step}; else do it again: {line} --again"
    );
    let what = format!("{} changed since the last step was done", settings.path.display());
    Err(CutoverError::Order { what, remedy })
}

/// What a part's end is worth to whoever drives it by exit codes, after a step that ended so. Rows that the full part defers are
/// what the incremental part is for.
#[must_use]
pub fn effective_exit(step: Step, exit: Exit) -> Exit {
    if step.part() == Part::Full { Exit::Done } else { exit }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::super::state::Done;
    use super::*;
    use crate::base::error::CommandError as _;
    use Step::{
        Check, Columns, Dump, DumpAgain, DumpJobs, Jobs, Preflight, Restart, RestartAfter, Rollback, Run,
    };
    use Step::{RunAgain, Safety as Safe, Stopped, Sync, SyncJobs, Verify, VerifyAgain};

    fn done(exit: u8) -> Done {
        Done { at: String::new(), exit, said: String::new(), dumps: Vec::new(), placeholders: 0 }
    }

    fn position(steps: &[Step]) -> Position {
        Position { done: steps.iter().map(|step| (*step, done(0))).collect(), ..Position::default() }
    }

    const FULL: [Step; 7] = [Preflight, Safe, Dump, Columns, Check, Run, Verify];
    const INCREMENTAL: [Step; 6] = [Stopped, DumpAgain, RunAgain, VerifyAgain, Sync, Restart];

    #[track_caller]
    fn check(goal: Goal, position: &Position, expected: &[Step], then: Next) {
        let settings = settings();
        let parts = parts(goal, &settings, position).unwrap();
        let found: Vec<Step> = parts.into_iter().flat_map(|part| steps(part, &settings, position)).collect();
        assert_eq!((found.as_slice(), next(&settings, position)), (expected, then));
    }

    #[test]
    fn it_goes_on_after_the_last_step_that_is_done_and_looks_again() {
        let everything = Goal::Everything { switched: false };
        let full = Next::Part(Part::Full);
        check(everything, &position(&[]), &FULL, full);
        check(
            everything,
            &position(&[Preflight, Safe, Dump, Columns]),
            &[Preflight, Check, Run, Verify],
            full,
        );
        check(everything, &position(&FULL), &[], Next::Switch);
        check(Goal::Part(Part::Full), &position(&FULL), &[], Next::Switch);
        let all: Vec<Step> = FULL.into_iter().chain(INCREMENTAL).chain([Jobs]).collect();
        check(Goal::Everything { switched: true }, &position(&[]), &all, full);
        let switched = Position { switched: true, ..position(&[&FULL[..], &INCREMENTAL[..4]].concat()) };
        check(everything, &switched, &[Stopped, Sync, Restart, Jobs], Next::Part(Part::Incremental));
        let done = Position { switched: true, ..position(&all) };
        check(everything, &done, &[], Next::Over);
    }

    #[test]
    fn parts_come_in_their_order() {
        let full = position(&FULL);
        check(Goal::Part(Part::Incremental), &full, &INCREMENTAL, Next::Switch);
        for (goal, position, said) in [
            (Part::Incremental, position(&FULL[..6]), "the full part is not done: verify is still to come"),
            (Part::Continue, full, "the incremental part is not done: dump-again is still to come"),
        ] {
            let error = parts(Goal::Part(goal), &settings(), &position).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit()), (said, Exit::Usage));
            assert!(error.remedy().unwrap().starts_with("first type: etl cutover "), "{error}");
        }
        let back = Position { going_back: true, ..position(&FULL) };
        assert!(parts(Goal::Everything { switched: true }, &settings(), &back).is_err());
        let rollback = Goal::Part(Part::Rollback);
        check(rollback, &back, &[Rollback, RestartAfter], Next::Part(Part::Rollback));
    }

    #[test]
    fn outcomes_are_asked_for_as_long_as_copies_wait() {
        let mut waiting = position(&[&FULL[..], &INCREMENTAL].concat());
        waiting.done.get_mut(&Sync).unwrap().exit = 3;
        let goal = Goal::Part(Part::Continue);
        check(goal, &waiting, &[Jobs, DumpJobs, SyncJobs], Next::Part(Part::Continue));
        waiting.done.extend([(Jobs, done(0)), (DumpJobs, done(0)), (SyncJobs, done(3))]);
        check(goal, &waiting, &[DumpJobs, SyncJobs], Next::Wait);
        waiting.done.extend([(SyncJobs, done(0))]);
        check(goal, &waiting, &[], Next::Over);
    }

    #[test]
    fn what_the_settings_do_not_hold_is_left_out() {
        let mut settings = settings();
        settings.target = "karbor.db".to_owned();
        (settings.restart, settings.job_files) = (Vec::new(), Vec::new());
        let out: Vec<Step> = Step::ALL
            .into_iter()
            .filter(|step| left_out(*step, &settings, &position(&[])).is_some())
            .collect();
        assert_eq!(out, [Safe, Sync, Restart, DumpJobs, SyncJobs, RestartAfter]);
        settings.safety = Safety::None;
        assert_eq!(left_out(Safe, &settings, &position(&[])), Some("dump = false in [karbor]"));
    }

    #[test]
    fn the_operator_says_where_it_goes_on() {
        let (everything, part) = (Goal::Everything { switched: false }, Goal::Part(Part::Incremental));
        assert_eq!(Resume::AsItStands.step(part), None);
        assert_eq!(Resume::Again.step(everything), Some(Preflight));
        assert_eq!(Resume::Again.step(part), Some(Stopped));
        assert_eq!(Resume::From(RunAgain).step(everything), Some(RunAgain));
    }
}
