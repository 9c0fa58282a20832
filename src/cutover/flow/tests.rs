//! The flow in a world of pretence: what is done in which order, and what a failure, a kill or Ctrl-C makes of it.

use super::super::dry_run::dry_run;
use super::super::host::Facts;
use super::super::settings::tests::settings;
use super::super::state::FILE;
use super::super::state::Position;
use super::*;
use crate::cutover::state::State;
use pipeline::engine::Engine;
use pipeline::files::place::Foreign;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What is done to a world, in a few words each.
type Deeds = Rc<RefCell<Vec<String>>>;

/// A world in which everything goes well, but for what was arranged.
#[derive(Default)]
struct Pretence {
    deeds: Deeds,
    /// What goes wrong, by the deed.
    wrong: BTreeMap<String, Wrong>,
    stopping: Option<&'static str>,
    /// States with the placeholder as trust.
    placeholders: u64,
    no_trusts: bool,
    gauss: bool,
    /// A table that the dump of Karbor's tables lacks.
    left_out: Option<&'static str>,
}

#[derive(Clone)]
enum Wrong {
    /// It ends with this exit code.
    Exit(Exit),
    /// A command ends with this code.
    Code(i32),
    /// It fails.
    Fails,
    /// Its process is killed before anything is done, or after all of it.
    Killed,
    /// It is done, and Ctrl-C was typed meanwhile.
    Interrupted,
}

impl Pretence {
    fn deed(&mut self, deed: &str) -> Result<(Exit, i32)> {
        self.deeds.borrow_mut().push(deed.to_owned());
        match self.wrong.remove(deed) {
            None => Ok((Exit::Done, 0)),
            Some(Wrong::Exit(exit)) => Ok((exit, 0)),
            Some(Wrong::Code(code)) => Ok((Exit::Done, code)),
            Some(Wrong::Fails) => {
                let what = format!("{deed} went wrong");
                Err(CutoverError::Failed { what, remedy: Some("mend it".to_owned()) }.into())
            }
            Some(Wrong::Killed) => std::panic::resume_unwind(Box::new("killed")),
            Some(Wrong::Interrupted) => {
                self.stopping = Some("SIGINT");
                Ok((Exit::Done, 0))
            }
        }
    }
}

impl Host for Pretence {
    fn look(&mut self) -> Result<Facts> {
        self.deed("look")?;
        let trusts = !self.no_trusts;
        Ok(Facts { target: "the target".into(), version: Some("3".into()), trusts, ..Facts::default() })
    }

    fn outlook(&mut self) -> Result<Engine> {
        Ok(Engine { placeholders: self.placeholders, ..Engine::default() })
    }

    fn is_gauss(&mut self) -> Result<bool> {
        Ok(self.gauss)
    }

    fn free_space(&mut self, _: &Path) -> Option<u64> {
        Some(1 << 40)
    }

    fn run_local(&mut self, line: &[String], _: Option<Duration>, login: bool) -> Result<Ran> {
        let (_, code) = self.deed(&line[0])?;
        if login {
            let file = line.iter().find_map(|word| word.strip_prefix("--file=")).unwrap();
            let titles: String = line
                .iter()
                .filter_map(|word| word.strip_prefix("--table="))
                .filter(|table| self.left_out != Some(*table))
                .map(|table| format!("-- Name: {table}; Type: TABLE; Schema: public; Owner: -\n"))
                .collect();
            std::fs::write(file, format!("{titles}--\n-- PostgreSQL database dump complete\n--\n\n"))
                .unwrap();
        }
        Ok(Ran { code: Some(code), text: "said".into() })
    }

    fn run_remote(&mut self, node: &str, command: &str, _: bool, _: Duration) -> Result<Ran> {
        let (_, code) = self.deed(&format!("{node}: {command}"))?;
        Ok(Ran { code: Some(code), text: "said".into() })
    }

    fn dump(&mut self, folder: &Path) -> Result<Vec<PathBuf>> {
        let name = folder.file_name().unwrap().to_str().unwrap();
        self.deed(&format!("dump {name}"))?;
        let file = |name| {
            let path = folder.join(name);
            std::fs::write(&path, "a dump").unwrap();
            path
        };
        Ok(vec![file("cinder.sql"), file("taskmgr.sql")])
    }

    fn etl(&mut self, line: &[String], out: &mut dyn Write) -> Result<Exit> {
        let dumps = line.iter().filter_map(|word| word.strip_suffix(".sql"));
        let dumps: Vec<&str> = dumps.map(|dump| dump.rsplit_once("/cutover/").unwrap().1).collect();
        let deed = format!("{} {}", line[1], dumps.join(" "));
        let (exit, _) = self.deed(deed.trim_end())?;
        out.write_all(b"It is done\nand more\n").unwrap();
        Ok(exit)
    }

    fn stopping(&self) -> Option<&'static str> {
        self.stopping
    }
}

/// A cutover in a folder of its own.
struct Stage {
    folder: tempfile::TempDir,
    settings: Settings,
    deeds: Deeds,
    out: String,
    placeholders: u64,
    no_trusts: bool,
    gauss: bool,
    left_out: Option<&'static str>,
}

const FULL: [&str; 11] = [
    "look",
    "vbs1: true",
    "karbor1: true",
    "vbs1: vbs-stopped",
    "pg_dump",
    "dump full",
    "columns full/cinder full/taskmgr",
    "check full/cinder full/taskmgr",
    "run full/cinder full/taskmgr",
    "verify full/cinder full/taskmgr",
    "",
];

const INCREMENTAL: [&str; 6] = [
    "vbs1: vbs-stopped",
    "dump incremental",
    "run incremental/cinder incremental/taskmgr",
    "verify incremental/cinder incremental/taskmgr",
    "sync incremental/taskmgr",
    "karbor1: restart",
];

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings();
        settings.folder = folder.path().join("cutover");
        settings.path = "cutover.toml".into();
        Self {
            folder,
            settings,
            deeds: Deeds::default(),
            out: String::new(),
            placeholders: 0,
            no_trusts: false,
            gauss: false,
            left_out: None,
        }
    }

    fn state(&self) -> State {
        private_folder(&self.settings.folder).unwrap();
        State::open(&self.settings.file(FILE), "digest", Foreign::Refuse).unwrap()
    }

    /// Does what is asked for, in a world in which one thing goes wrong.
    fn go(&mut self, goal: Goal, resume: Resume, wrong: &[(&str, Wrong)]) -> Result<Exit> {
        self.deeds.borrow_mut().clear();
        let wrong = wrong.iter().map(|(deed, wrong)| ((*deed).to_owned(), wrong.clone())).collect();
        let mut real_host = Pretence {
            deeds: Rc::clone(&self.deeds),
            wrong,
            stopping: None,
            placeholders: self.placeholders,
            no_trusts: self.no_trusts,
            gauss: self.gauss,
            left_out: self.left_out,
        };
        let (mut state, mut out) = (self.state(), Vec::new());
        let mut flow = Flow {
            lines: Lines { settings: &self.settings, quiet: true },
            names: &TargetNames::default(),
            state: &mut state,
            host: &mut real_host,
            out: &mut out,
            back: Back::default(),
        };
        let done = flow.run(goal, resume, "digest");
        self.out = String::from_utf8(out).unwrap();
        done
    }

    fn deeds(&self) -> Vec<String> {
        self.deeds.borrow().clone()
    }

    fn position(&self) -> Position {
        State::peek(&self.settings.file(FILE), Foreign::Refuse).unwrap().0
    }
}

const EVERYTHING: Goal = Goal::Everything { switched: false };

fn part(part: Part) -> Goal {
    Goal::Part(part)
}

#[test]
fn it_stops_where_the_traffic_is_switched_and_goes_on_when_it_is_told() {
    let mut stage = Stage::new();
    assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Done);
    assert_eq!(stage.deeds(), FULL[..10]);
    assert!(stage.out.contains("\n       etl cutover incremental cutover.toml\n"), "{}", stage.out);
    assert!(stage.out.contains("\n  etl cutover rollback cutover.toml\n"), "{}", stage.out);
    // Typed again, nothing happens but that it is said again.
    assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Done);
    assert!(stage.deeds().is_empty() && stage.out.contains("switch the traffic"), "{}", stage.out);

    assert_eq!(stage.go(part(Part::Incremental), Resume::AsItStands, &[]).unwrap(), Exit::Done);
    assert_eq!(stage.deeds(), INCREMENTAL);
    assert!(stage.out.contains("etl cutover continue cutover.toml"), "{}", stage.out);
    assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Done);
    assert_eq!(stage.deeds(), ["vbs1: go-on"]);
    assert!(stage.out.contains("The cutover is done."), "{}", stage.out);
    for file in ["01-preflight.txt", "02-safety.sql", "06-run.txt", "12-sync.txt"] {
        assert!(stage.settings.file(file).exists(), "{file}");
    }
    assert!(stage.folder.path().exists());
}

#[test]
fn one_command_does_all_of_it_where_the_traffic_is_switched() {
    let mut stage = Stage::new();
    stage.go(Goal::Everything { switched: true }, Resume::AsItStands, &[]).unwrap();
    let all: Vec<&str> = FULL[..10].iter().chain(&INCREMENTAL).copied().chain(["vbs1: go-on"]).collect();
    assert_eq!(stage.deeds(), all);
}

#[test]
fn a_step_that_fails_is_the_one_that_it_goes_on_with() {
    let looks = &FULL[..4];
    for (n, deed) in FULL[..10].iter().enumerate().skip(4) {
        let mut stage = Stage::new();
        let error = stage.go(EVERYTHING, Resume::AsItStands, &[(deed, Wrong::Fails)]).unwrap_err();
        let text = error.text();
        assert!(text.starts_with(&format!("etl: {deed} went wrong\n  → mend it\n")), "{text}");
        assert!(text.contains("→ to go on, mend it and type: etl cutover full cutover.toml"), "{text}");
        let loaded = deed.starts_with("run") || deed.starts_with("verify");
        assert_eq!(text.contains("→ to go back, type: etl cutover rollback"), loaded, "{text}");
        assert_eq!(text.contains("there is nothing to take back"), !loaded, "{text}");
        assert_eq!(stage.deeds(), FULL[..=n]);
        stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
        let rest: Vec<&str> = looks.iter().chain(&FULL[n..10]).copied().collect();
        assert_eq!(stage.deeds(), rest, "{deed}");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_what_the_same_command_brings_to_its_end() {
    let all: Vec<&str> = FULL[..10].iter().chain(&INCREMENTAL).copied().chain(["vbs1: go-on"]).collect();
    for deed in &all {
        let mut stage = Stage::new();
        let goal = Goal::Everything { switched: true };
        let wrong = [(*deed, Wrong::Killed)];
        let killed = catch_unwind(AssertUnwindSafe(|| stage.go(goal, Resume::AsItStands, &wrong)));
        assert!(killed.is_err(), "{deed} is not done");
        let before = stage.deeds();
        assert!(stage.position().interrupted.is_some());
        assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Done);
        let after = stage.deeds();
        // All that was not finished is done, in its order; what was finished is not done again unless it only looks.
        assert_eq!(
            &after[after.len() - (all.len() - before.len() + 1)..],
            &all[before.len() - 1..],
            "{deed}"
        );
        let again = &after[..after.len() - (all.len() - before.len() + 1)];
        assert!(again.iter().all(|deed| FULL[..4].contains(&deed.as_str())), "{deed}: {again:?}");
        assert_eq!(next(&stage.settings, &stage.position()), Next::Over);
    }
}

#[test]
fn it_stops_after_the_step_in_which_ctrl_c_was_typed() {
    for (n, deed) in FULL[..9].iter().enumerate().skip(4) {
        let mut stage = Stage::new();
        let error = stage.go(EVERYTHING, Resume::AsItStands, &[(deed, Wrong::Interrupted)]).unwrap_err();
        assert!(error.to_string().starts_with("stopped by SIGINT after the step "), "{error}");
        assert_eq!(error.remedy().unwrap(), "to go on, type: etl cutover full cutover.toml");
        assert_eq!(
            (error.exit(), stage.deeds()),
            (Exit::Failed, FULL[..=n].iter().map(|d| (*d).to_owned()).collect())
        );
        stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
        assert_eq!(stage.deeds()[4..], FULL[n + 1..10]);
    }
}

#[test]
fn karbors_tables_are_dumped_before_rows_are_loaded_and_never_after() {
    let mut stage = Stage::new();
    stage.go(EVERYTHING, Resume::AsItStands, &[("dump full", Wrong::Fails)]).unwrap_err();
    let file = stage.settings.file("02-safety.sql");
    std::fs::write(&file, "older").unwrap();
    stage.go(EVERYTHING, Resume::Again, &[(FULL[8], Wrong::Fails)]).unwrap_err();
    let before = std::fs::read_to_string(&file).unwrap();
    assert_ne!(before, "older");
    stage.go(EVERYTHING, Resume::Again, &[]).unwrap();
    assert!(!stage.deeds().contains(&"pg_dump".to_owned()), "{:?}", stage.deeds());
    assert!(stage.out.contains("kept, from before rows were loaded"), "{}", stage.out);
    // Once the import is taken back another cutover begins, and what Karbor holds then is what counts.
    stage.go(part(Part::Rollback), Resume::AsItStands, &[]).unwrap();
    stage.go(EVERYTHING, Resume::AsItStands, &[("pg_dump", Wrong::Code(1))]).unwrap_err();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "a dump that fails replaces nothing");
}

#[test]
fn karbors_tables_are_dumped_by_gs_dump_where_the_target_is_opengauss_and_all_of_them() {
    let mut stage = Stage::new();
    (stage.gauss, stage.left_out) = (true, Some("plans"));
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap_err();
    assert!(
        error.text().starts_with("etl: gs_dump: not in the dump: plans\n  → gs_dump leaves out"),
        "{}",
        error.text()
    );
    assert!(!stage.settings.file("02-safety.sql").exists());
    stage.left_out = None;
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[("gs_dump", Wrong::Code(1))]).unwrap_err();
    let expected = "etl: gs_dump: it ended with exit code 1\n    said\n  → the target is openGauss or GaussDB: name its gs_dump";
    assert!(error.text().starts_with(expected), "{}", error.text());
    let named = "/opt/gauss/bin/gs_dump";
    stage.settings.safety = Safety::PgDump { program: Some(named.to_owned()), options: Vec::new() };
    stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
    assert!(stage.deeds().contains(&named.to_owned()), "{:?}", stage.deeds());
}

#[test]
fn what_is_not_stopped_is_told_before_the_full_part_and_refused_before_the_incremental() {
    let mut stage = Stage::new();
    let running = [("vbs1: vbs-stopped", Wrong::Code(1))];
    stage.go(EVERYTHING, Resume::AsItStands, &running).unwrap();
    assert!(stage.out.contains("all is there; 1 remark to read"), "{}", stage.out);
    let notes = std::fs::read_to_string(stage.settings.file("01-preflight.txt")).unwrap();
    assert!(
        notes.contains("! vbs is not stopped on vbs1: `vbs-stopped`: it ended with exit code 1"),
        "{notes}"
    );
    let error = stage.go(part(Part::Incremental), Resume::AsItStands, &running).unwrap_err();
    assert!(error.text().starts_with("etl: vbs is not stopped on vbs1: "), "{}", error.text());
    assert_eq!((error.exit(), stage.deeds().len()), (Exit::Failed, 1));
    // Where it was running after the last dump, that dump is worth nothing.
    stage
        .go(part(Part::Incremental), Resume::AsItStands, &[("sync incremental/taskmgr", Wrong::Fails)])
        .unwrap_err();
    stage.go(part(Part::Incremental), Resume::AsItStands, &running).unwrap_err();
    stage.go(part(Part::Incremental), Resume::AsItStands, &[]).unwrap();
    assert_eq!(stage.deeds(), INCREMENTAL);

    let mut stage = Stage::new();
    stage.settings.stopped[0].before_full = true;
    let error = stage.go(EVERYTHING, Resume::AsItStands, &running).unwrap_err();
    assert!(error.text().starts_with("etl: vbs is not stopped on vbs1: "), "{}", error.text());
    assert_eq!(stage.deeds(), FULL[..4]);
}

#[test]
fn all_that_is_wrong_beforehand_is_told_at_once() {
    let mut stage = Stage::new();
    stage.settings.version.as_mut().unwrap().value = "7".to_owned();
    stage.settings.free_space = u64::MAX;
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[("karbor1: true", Wrong::Fails)]).unwrap_err();
    let text = error.text();
    for said in [
        "etl: cutover.toml:3: version \"7\" is expected, and the target's schema is of \"3\"\n",
        "are wanted (free_space)\n",
        "etl: karbor1: true went wrong (mend it)\n",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.contains("nothing was written to the target"), "{text}");
}

#[test]
fn without_a_trust_nothing_is_begun_unless_the_settings_allow_it() {
    let mut stage = Stage::new();
    stage.no_trusts = true;
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap_err();
    let text = error.text();
    assert!(text.contains("no trust is known for the operations: trust_id is not set"), "{text}");
    assert_eq!(error.exit(), Exit::Failed);
    assert_eq!(stage.deeds(), FULL[..4]);
    // Some users have trusts, and others do not: that is known once the policies are there.
    (stage.no_trusts, stage.placeholders) = (false, 2);
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap_err();
    let text = error.text();
    assert!(text.contains("2 operations have the placeholder trust") && text.contains("trust_id"), "{text}");
    assert_eq!(error.exit(), Exit::Incomplete, "rows are loaded");
    assert_eq!(stage.deeds().last().unwrap(), FULL[8]);
}

#[test]
fn operations_without_a_trust_are_the_last_words_and_the_exit_code_until_a_run_gives_them_one() {
    let mut stage = Stage::new();
    (stage.placeholders, stage.settings.run.without_trusts) = (2, true);
    let told = |stage: &Stage, said: &str, line: &str| {
        let (_, last) = stage.out.rsplit_once("\n\n").unwrap();
        assert!(last.starts_with("! 2 operations have the placeholder trust"), "{}", stage.out);
        for said in [said, line, "etl status --target postgresql://karbor@db1/karbor", "RUNBOOK.md"] {
            assert!(stage.out.contains(said), "{said}: {}", stage.out);
        }
    };
    assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Incomplete);
    told(&stage, "make one operation in Karbor", "type: etl cutover full cutover.toml --from run\n");
    let exit = stage.go(part(Part::Incremental), Resume::AsItStands, &[]).unwrap();
    assert_eq!((exit, stage.deeds()), (Exit::Incomplete, INCREMENTAL.map(str::to_owned).to_vec()));
    let line = "type: etl cutover incremental cutover.toml --from run-again\n";
    told(&stage, "take the import back (etl cutover rollback cutover.toml)", line);
    // As long as it is so, whatever else is done.
    for _ in 0..2 {
        assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Incomplete);
        told(&stage, "The cutover is done.", line);
    }
    stage.placeholders = 0;
    let again = Resume::From(Step::RunAgain);
    assert_eq!(stage.go(part(Part::Incremental), again, &[]).unwrap(), Exit::Done);
    assert_eq!(stage.deeds()[1..], INCREMENTAL[2..]);
    assert!(!stage.out.contains("placeholder"), "{}", stage.out);
    assert_eq!(stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap(), Exit::Done);
}

#[test]
fn differences_and_what_is_not_known_stop_it_and_what_waits_does_not() {
    let mut stage = Stage::new();
    let verify = "verify full/cinder full/taskmgr";
    let error =
        stage.go(EVERYTHING, Resume::AsItStands, &[(verify, Wrong::Exit(Exit::Different))]).unwrap_err();
    assert_eq!(error.exit(), Exit::Different);
    assert!(error.text().contains("07-verify.html lists them"), "{}", error.text());
    assert!(stage.out.contains("and more"), "what differs is shown: {}", stage.out);
    let run = "run incremental/cinder incremental/taskmgr";
    let waits = [(FULL[8], Wrong::Exit(Exit::Incomplete))];
    assert_eq!(stage.go(EVERYTHING, Resume::From(Step::Run), &waits).unwrap(), Exit::Done);
    let waits = [(run, Wrong::Exit(Exit::Incomplete))];
    assert_eq!(stage.go(part(Part::Incremental), Resume::AsItStands, &waits).unwrap(), Exit::Incomplete);
    assert_eq!(stage.deeds(), INCREMENTAL);
    assert!(stage.out.contains("\n  etl cutover incremental cutover.toml --again\n"), "{}", stage.out);
}

#[test]
fn outcomes_of_jobs_are_brought_until_none_waits() {
    let mut stage = Stage::new();
    let incremental = [("sync incremental/taskmgr", Wrong::Exit(Exit::Incomplete))];
    let all = Goal::Everything { switched: true };
    let waits = [("sync continue/taskmgr", Wrong::Exit(Exit::Incomplete))];
    let both: Vec<_> = incremental.iter().chain(&waits).cloned().collect();
    assert_eq!(stage.go(all, Resume::AsItStands, &both).unwrap(), Exit::Incomplete);
    let end = ["karbor1: restart", "vbs1: go-on", "dump continue", "sync continue/taskmgr"];
    assert!(stage.deeds().ends_with(&end.map(str::to_owned)), "{:?}", stage.deeds());
    assert!(stage.out.contains("Copies still wait"), "{}", stage.out);
    for (wrong, exit) in [(&waits[..], Exit::Incomplete), (&[], Exit::Done)] {
        assert_eq!(stage.go(part(Part::Continue), Resume::AsItStands, wrong).unwrap(), exit);
        assert_eq!(stage.deeds(), ["dump continue", "sync continue/taskmgr"]);
    }
    assert_eq!(stage.go(part(Part::Continue), Resume::AsItStands, &[]).unwrap(), Exit::Done);
    assert!(stage.deeds().is_empty() && stage.out.contains("The cutover is done."));
}

#[test]
fn a_restart_that_fails_half_way_says_where_it_is_done() {
    let mut stage = Stage::new();
    stage.settings.restart[0].on.push("karbor2".to_owned());
    let all = Goal::Everything { switched: true };
    let error = stage.go(all, Resume::AsItStands, &[("karbor2: restart", Wrong::Code(4))]).unwrap_err();
    let text = error.text();
    assert!(text.contains("karbor2: `restart`: it ended with exit code 4\n    said\n"), "{text}");
    assert!(text.contains("it is done already in: karbor1"), "{text}");
    stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
    let end = ["vbs1: vbs-stopped", "karbor1: restart", "karbor2: restart", "vbs1: go-on"];
    assert_eq!(stage.deeds()[..], end);
}

#[test]
fn back_and_anew() {
    let mut stage = Stage::new();
    stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
    // Refused, or not confirmed: nothing was deleted, and the cutover stands where it stood.
    stage.go(part(Part::Rollback), Resume::AsItStands, &[("rollback", Wrong::Fails)]).unwrap_err();
    assert_eq!(next(&stage.settings, &stage.position()), Next::Switch);
    let restart = [("karbor1: restart", Wrong::Fails)];
    let error = stage.go(part(Part::Rollback), Resume::AsItStands, &restart).unwrap_err();
    assert!(error.text().contains("to go on, mend it and type: etl cutover rollback"), "{}", error.text());
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap_err();
    assert_eq!(error.remedy().unwrap(), "first type: etl cutover rollback cutover.toml");
    stage.go(part(Part::Rollback), Resume::AsItStands, &[]).unwrap();
    assert_eq!(stage.deeds(), ["karbor1: restart"]);
    assert!(stage.out.contains("The import was taken back. A new cutover begins with:"), "{}", stage.out);
    stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap();
    assert_eq!(stage.deeds(), FULL[..10]);
    assert!(stage.position().rolled_back.is_none());
    // Killed after the last step and before that was written down: typed again, it is.
    let mut state = stage.state();
    for step in [Step::Rollback, Step::RestartAfter] {
        state.add(Event::Began { step }).unwrap();
        let said = "so".to_owned();
        state.add(Event::Finished { step, exit: 0, said, dumps: Vec::new(), placeholders: 0 }).unwrap();
    }
    drop(state);
    stage.go(part(Part::Rollback), Resume::AsItStands, &[]).unwrap();
    assert!(stage.deeds().is_empty() && stage.position().rolled_back.is_some());
}

#[test]
fn settings_that_changed_are_noticed_and_the_operator_says_where_it_goes_on() {
    let mut stage = Stage::new();
    stage.go(EVERYTHING, Resume::AsItStands, &[(FULL[8], Wrong::Fails)]).unwrap_err();
    let state = |stage: &Stage| State::open(&stage.settings.file(FILE), "another", Foreign::Refuse).unwrap();
    let mut real_host = Pretence::default();
    let mut run = |stage: &Stage, resume| {
        let (mut state, mut out) = (state(stage), Vec::new());
        let mut flow = Flow {
            lines: Lines { settings: &stage.settings, quiet: false },
            names: &TargetNames::default(),
            state: &mut state,
            host: &mut real_host,
            out: &mut out,
            back: Back::default(),
        };
        flow.run(EVERYTHING, resume, "another")
    };
    let error = run(&stage, Resume::AsItStands).unwrap_err();
    assert_eq!(error.to_string(), "cutover.toml changed since the last step was done");
    let remedy = error.remedy().unwrap();
    assert!(remedy.contains("etl cutover cutover.toml --from run;"), "{remedy}");
    assert_eq!(error.exit(), Exit::Usage);
    run(&stage, Resume::From(Step::Run)).unwrap();
    run(&stage, Resume::AsItStands).unwrap();
    let error = run(&stage, Resume::From(Step::Rollback)).unwrap_err();
    assert_eq!(error.remedy().unwrap(), "type: etl cutover rollback cutover.toml --from rollback");
}

#[test]
fn dumps_that_are_not_as_the_map_says_are_told_with_where_the_proposal_is() {
    let mut stage = Stage::new();
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[(FULL[6], Wrong::Fails)]).unwrap_err();
    let proposal = stage.settings.file("04-columns.txt");
    let told = format!("the map completed by what was found is in {}: copy it", proposal.display());
    assert!(error.text().contains(&told), "{}", error.text());
}

#[test]
fn dumps_are_those_that_were_made_or_those_that_the_operator_put_there() {
    let mut stage = Stage::new();
    stage.go(EVERYTHING, Resume::AsItStands, &[(FULL[7], Wrong::Fails)]).unwrap_err();
    let file = stage.settings.file("full/cinder.sql");
    std::fs::write(&file, "another dump").unwrap();
    let error = stage.go(EVERYTHING, Resume::AsItStands, &[]).unwrap_err();
    assert!(
        error.text().contains("it had 6 bytes when it was made, and has 12 bytes now"),
        "{}",
        error.text()
    );
    assert!(error.text().contains("dump again: add --from dump\n"), "{}", error.text());

    let mut stage = Stage::new();
    let folder = stage.settings.file("full");
    private_folder(&folder).unwrap();
    for name in ["mine.sql", "mine.sql.toml"] {
        std::fs::write(folder.join(name), "INSERT INTO x\n").unwrap();
    }
    stage.go(EVERYTHING, Resume::From(Step::Check), &[]).unwrap();
    assert_eq!(stage.deeds()[4..], ["check full/mine", "run full/mine", "verify full/mine"]);
}

#[test]
fn a_dry_run_says_every_line_and_does_nothing() {
    let stage = Stage::new();
    let lines = Lines { settings: &stage.settings, quiet: false };
    let files = |folder: &Path| {
        ["cinder.sql", "taskmgr.sql"].map(|name| folder.join(name).display().to_string()).to_vec()
    };
    let goal = Goal::Everything { switched: true };
    let names = TargetNames::default();
    let text =
        dry_run(goal, Resume::AsItStands, lines, (&names, Back::default()), &Position::default(), &files);
    let text = text.unwrap().replace(stage.folder.path().to_str().unwrap(), "/site");
    insta::assert_snapshot!(text);
    let back = Back { yes: true, ..Back::default() };
    let text = dry_run(
        part(Part::Rollback),
        Resume::AsItStands,
        lines,
        (&names, back),
        &Position::default(),
        &files,
    );
    assert!(
        text.unwrap().contains("etl rollback --source all --target postgresql://karbor@db1/karbor --yes")
    );
}
