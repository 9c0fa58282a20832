//! What a cutover would do, said and not done: every step with its command lines.

use super::error::CutoverError;
use super::lines::{Back, Lines, typed};
use super::plan::{Goal, Resume, left_out, parts, steps};
use super::settings::{Command, GS_DUMP, PG_DUMP, Safety};
use super::state::Position;
use super::step::Step;
use pipeline::load::names::TargetNames;
use std::fmt::Write as _;
use std::path::Path;

/// What would be done, with the command lines; `files` answers the dumps that lie in a folder then.
///
/// # Errors
/// Something else comes first.
pub fn dry_run(
    goal: Goal,
    resume: Resume,
    lines: Lines<'_>,
    (names, back): (&TargetNames, Back),
    position: &Position,
    files: &dyn Fn(&Path) -> Vec<String>,
) -> Result<String, CutoverError> {
    let settings = lines.settings;
    let position = match resume.step(goal) {
        Some(step) => position.clone().from(step, ""),
        None => position.clone(),
    };
    let mut text = String::new();
    for part in parts(goal, settings, &position)? {
        for step in steps(part, settings, &position) {
            let _ = writeln!(text, "[{}] {step}: {}", part.name(), step.title());
            let mut command = |run: &str, places: Vec<Option<&str>>| {
                for place in places {
                    let _ = writeln!(text, "    {}: {run}", place.unwrap_or("here"));
                }
            };
            let each = |commands: &[Command], command: &mut dyn FnMut(&str, Vec<Option<&str>>)| {
                commands.iter().for_each(|one| command(&one.run, one.places().collect()));
            };
            match step {
                Step::Preflight | Step::Stopped => {
                    for check in &settings.stopped {
                        command(&check.command.run, check.command.places().collect());
                    }
                }
                Step::Safety => match &settings.safety {
                    Safety::None => {}
                    Safety::Command(one) => each(std::slice::from_ref(one), &mut command),
                    Safety::PgDump { program, options } => {
                        let path = lines.safety();
                        let named = program.as_deref().unwrap_or(PG_DUMP);
                        command(&typed(&lines.safety_dump(named, options, names, &path)), vec![None]);
                        // What the target is, is not known before it is asked.
                        if program.is_none() {
                            let _ =
                                writeln!(text, "    ({GS_DUMP} where the target is openGauss or GaussDB)");
                        }
                    }
                },
                Step::Dump | Step::DumpAgain | Step::DumpJobs => {
                    for file in files(&lines.dump_folder(step)) {
                        let _ = writeln!(text, "    dump {file}");
                    }
                }
                Step::Restart | Step::RestartAfter => each(&settings.restart, &mut command),
                Step::Jobs => each(&settings.jobs, &mut command),
                Step::Rollback => _ = writeln!(text, "    {}", typed(&lines.rollback(back))),
                _ => {
                    let mut dumps = files(&lines.dump_folder(step));
                    lines.choose(step, &mut dumps);
                    let line =
                        if step == Step::Columns { lines.columns(&dumps) } else { lines.etl(step, &dumps) };
                    let _ = writeln!(text, "    {}", typed(&line));
                }
            }
        }
        for step in part.steps() {
            if let Some(why) = left_out(step, settings, &position) {
                let _ = writeln!(text, "[{}] {step}: left out, {why}", part.name());
            }
        }
    }
    text.push_str("Nothing was done.\n");
    Ok(text)
}
