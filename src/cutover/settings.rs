//! What a settings file says of the cutover itself, beside the nodes of [`crate::dump`].
//!
//! ```toml
//! target = "postgresql://karbor@db1/karbor"
//! [karbor]
//! version = "3"
//! dump = true
//! [run]
//! config = "etl.toml"
//! unsteady = "carry"
//! [[stopped]]
//! name = "vbs"
//! run = "vbs-is-stopped"
//! on = ["vbs1"]
//! [[restart]]
//! run = "systemctl restart openstack-karbor-operationengine"
//! on = ["karbor1", "karbor2"]
//! [[continue]]
//! run = "vbs-jobs continue"
//! on = ["vbs1"]
//! ```

use super::step::Step;
use crate::base::toml_document::{Placed, Result, Section};
use crate::dump::settings::NodeSettings;
use pipeline::load::spec::Spec;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a command may take where that is not said.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The dump program for Karbor's tables where none is named.
pub const PG_DUMP: &str = "pg_dump";

/// The same where the target is openGauss or GaussDB.
pub const GS_DUMP: &str = "gs_dump";

/// Bytes that must be free in the folder where that is not said.
const FREE_SPACE: u64 = 1 << 30;

/// What a settings file says of the cutover.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings file, as named.
    pub path: PathBuf,
    /// The folder in which everything is kept.
    pub folder: PathBuf,
    /// Karbor's database; no password stands in it.
    pub target: String,
    /// Bytes that must be free in the folder before anything is begun.
    pub free_space: u64,
    /// The version that the target's schema is expected to have, and where that stands.
    pub version: Option<Placed<String>>,
    /// How Karbor's tables are dumped before anything is written to them.
    pub safety: Safety,
    /// What the runs are told.
    pub run: RunSettings,
    /// What must be stopped.
    pub stopped: Vec<Check>,
    /// What is restarted once the rows are there.
    pub restart: Vec<Command>,
    /// What lets the unfinished jobs go on.
    pub jobs: Vec<Command>,
    /// The names of the task manager's dumps, by which outcomes of jobs can be had.
    pub job_files: Vec<OsString>,
}

/// How Karbor's own tables are dumped, to be safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Not at all.
    None,
    /// By pg_dump or gs_dump, here.
    PgDump {
        /// The program, where one is named.
        program: Option<String>,
        /// Options beside those that etl gives.
        options: Vec<String>,
    },
    /// By a command of the operator's.
    Command(Command),
}

/// What the runs are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSettings {
    /// The settings file of the conversion.
    pub config: Option<PathBuf>,
    /// Names of tables and columns.
    pub columns: Option<PathBuf>,
    /// What becomes of unfinished copies in the last run: `defer` or `carry`.
    pub unsteady: Option<String>,
    /// Whether the last run removes imported rows that the dumps no longer have.
    pub prune: bool,
    /// Whether operations are imported although no usable trust is known for them.
    pub without_trusts: bool,
}

/// A command of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What a shell is given.
    pub run: String,
    /// The nodes on which it runs, one after the other; here where there are none.
    pub on: Vec<String>,
    /// Whether it runs as the user whom the node's settings become, not as the one who logs in.
    pub becoming: bool,
    /// How long it may take.
    pub limit: Duration,
}

/// A command whose exit code says whether something is stopped: 0 where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is to be stopped.
    pub name: String,
    /// The command.
    pub command: Command,
    /// Whether it must be stopped before the full part already.
    pub before_full: bool,
}

impl Settings {
    /// Takes what is about the cutover out of a file whose nodes are known.
    ///
    /// # Errors
    /// A value that cannot be, a key that is no setting, or something that is missing.
    pub fn take(file: &mut Section, nodes: &NodeSettings) -> Result<Self> {
        let here = file.path().parent().unwrap_or(Path::new("")).to_owned();
        let target = target(file)?;
        let (version, safety) = karbor(file.section("karbor")?, nodes)?;
        let free_space = match file.text("free_space")? {
            None => FREE_SPACE,
            Some(size) => crate::dump::settings::bytes(&size.value).ok_or_else(|| {
                let problem = format!("free_space = {:?}: expected a size such as \"2 GiB\"", size.value);
                file.wrong(size.line, problem, None)
            })?,
        };
        let run = RunSettings::take(file.section("run")?, &here)?;
        let stopped = file.sections("stopped")?.into_iter().map(|section| Check::take(section, nodes));
        let stopped = stopped.collect::<Result<Vec<_>>>()?;
        let mut commands = |key| -> Result<Vec<Command>> {
            let take = |mut section: Section| {
                let command = Command::take(&mut section, nodes)?;
                section.finish().map(|()| command)
            };
            file.sections(key)?.into_iter().map(take).collect()
        };
        let (restart, jobs) = (commands("restart")?, commands("continue")?);
        if stopped.is_empty() {
            let remedy = "add a section [[stopped]] for each with a command that ends with exit code 0 if it is stopped; run = \
                          \"true\" where nobody needs to ask";
            return Err(file.wrong(1, "nothing says whether VBS and DPS are stopped", Some(remedy)));
        }
        Ok(Self {
            path: file.path().to_owned(),
            folder: nodes.folder.clone(),
            target,
            free_space,
            version,
            safety,
            run,
            stopped,
            restart,
            jobs,
            job_files: job_files(nodes),
        })
    }

    /// A file in the cutover's folder.
    #[must_use]
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// The nodes on which commands run, each once.
    #[must_use]
    pub fn command_nodes(&self) -> Vec<&str> {
        let steps = [Step::Stopped, Step::Safety, Step::Restart, Step::Jobs];
        let mut nodes: Vec<&str> = Vec::new();
        for node in steps.into_iter().flat_map(|step| self.nodes_of(step)) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// The nodes on which a step runs commands.
    #[must_use]
    pub fn nodes_of(&self, step: Step) -> Vec<&str> {
        let commands: Vec<&Command> = match step {
            Step::Preflight => return self.command_nodes(),
            Step::Stopped => self.stopped.iter().map(|check| &check.command).collect(),
            Step::Safety => match &self.safety {
                Safety::Command(command) => vec![command],
                Safety::None | Safety::PgDump { .. } => Vec::new(),
            },
            Step::Restart | Step::RestartAfter => self.restart.iter().collect(),
            Step::Jobs => self.jobs.iter().collect(),
            _ => Vec::new(),
        };
        commands.into_iter().flat_map(|command| &command.on).map(String::as_str).collect()
    }
}

/// The file of names that a settings file names; nothing else of it is looked at.
///
/// # Errors
/// The value is no text.
pub fn columns(file: &mut Section) -> Result<Option<PathBuf>> {
    let here = file.path().parent().unwrap_or(Path::new("")).to_owned();
    let Some(mut section) = file.section("run")? else { return Ok(None) };
    Ok(section.text("columns")?.map(|found| here.join(found.value)))
}

fn job_files(nodes: &NodeSettings) -> Vec<OsString> {
    let dumps = nodes.nodes.iter().flat_map(|node| &node.dumps);
    let of_jobs = dumps.filter(|dump| dump.database == "taskmgr");
    of_jobs.filter_map(|dump| dump.file.file_name()).map(ToOwned::to_owned).collect()
}

/// The target, which must be a database that can be verified.
fn target(file: &mut Section) -> Result<String> {
    let found = file.needed("target", "\"postgresql://karbor@db1/karbor\"")?;
    let remedy = "name Karbor's database: \"postgresql://karbor@db1/karbor\"; a file such as \"karbor.db\" is for rehearsals";
    if crate::settings::password_text::may_hold_password(&found.value) {
        let problem = "a password stands in the target";
        let remedy =
            "change it, then leave it out: etl asks for it, or takes it from PGPASSWORD or ~/.pgpass";
        return Err(file.wrong(found.line, problem, Some(remedy)));
    }
    match Spec::parse(&found.value) {
        Ok(Spec::Postgres(_) | Spec::Sqlite(_)) => Ok(found.value),
        Ok(Spec::Script(_)) => {
            Err(file.wrong(found.line, "target: a script holds nothing that could be verified", Some(remedy)))
        }
        Err(error) => Err(file.wrong(found.line, format!("target: {error}"), Some(remedy))),
    }
}

/// What is expected of Karbor, and how its tables are dumped.
fn karbor(section: Option<Section>, nodes: &NodeSettings) -> Result<(Option<Placed<String>>, Safety)> {
    let by_pg_dump = |program: Option<Placed<String>>, options: Option<Vec<Placed<String>>>| {
        let program = program.map(|program| program.value);
        let options = options.unwrap_or_default().into_iter().map(|option| option.value).collect();
        Safety::PgDump { program, options }
    };
    let Some(mut section) = section else { return Ok((None, by_pg_dump(None, None))) };
    let version = section.text("version")?;
    let wanted = section.flag("dump")?;
    let (program, options) = (section.text("pg_dump")?, section.texts("options")?);
    let command = section.section("dump_command")?;
    let safety = match (wanted, command) {
        (Some(Placed { value: false, .. }), None) => Safety::None,
        (Some(Placed { value: false, line }), Some(_)) => {
            let problem = "dump says that nothing is dumped, and dump_command how";
            return Err(section.wrong(line, problem, Some("leave one of them out")));
        }
        (_, Some(mut command)) => {
            let taken = Command::take(&mut command, nodes)?;
            command.finish()?;
            Safety::Command(taken)
        }
        (_, None) => by_pg_dump(program, options),
    };
    section.finish()?;
    Ok((version, safety))
}

impl RunSettings {
    fn take(section: Option<Section>, here: &Path) -> Result<Self> {
        let Some(mut section) = section else { return Ok(Self::default()) };
        let path = |found: Option<Placed<String>>| found.map(|found| here.join(found.value));
        let (config, columns) = (path(section.text("config")?), path(section.text("columns")?));
        let unsteady = section.text("unsteady")?;
        if let Some(found) =
            unsteady.as_ref().filter(|found| !["defer", "carry"].contains(&found.value.as_str()))
        {
            let problem = format!("unsteady = {:?}: expected defer or carry", found.value);
            return Err(section.wrong(found.line, problem, None));
        }
        let mut flag = |name| section.flag(name).map(|flag| flag.is_some_and(|flag| flag.value));
        let (prune, without_trusts) = (flag("prune")?, flag("without_trusts")?);
        section.finish()?;
        let unsteady = unsteady.map(|found| found.value);
        Ok(Self { config, columns, unsteady, prune, without_trusts })
    }
}

impl Command {
    fn take(section: &mut Section, nodes: &NodeSettings) -> Result<Self> {
        let run = section.needed("run", "\"systemctl restart openstack-karbor-operationengine\"")?.value;
        let on = section.texts("on")?.unwrap_or_default();
        if let Some(unknown) = on.iter().find(|node| nodes.node(&node.value).is_none()) {
            let names: Vec<&str> = nodes.nodes.iter().map(|node| node.name.as_str()).collect();
            let problem = format!("on: there is no node {:?}", unknown.value);
            let remedy =
                format!("the nodes are {}: add a section [[node]] for each other one", names.join(", "));
            return Err(section.wrong(unknown.line, problem, Some(&remedy)));
        }
        let becoming = section.flag("become")?.is_some_and(|becoming| becoming.value);
        let limit = section.duration("timeout")?.map_or(PATIENCE, |timeout| timeout.value);
        Ok(Self { run, on: on.into_iter().map(|node| node.value).collect(), becoming, limit })
    }

    /// Where it runs: each node, or here.
    pub fn places(&self) -> impl Iterator<Item = Option<&str>> {
        let here = self.on.is_empty().then_some(None);
        here.into_iter().chain(self.on.iter().map(|node| Some(node.as_str())))
    }
}

impl Check {
    fn take(mut section: Section, nodes: &NodeSettings) -> Result<Self> {
        let name = section.needed("name", "\"vbs\"")?.value;
        let command = Command::take(&mut section, nodes)?;
        let before_full = match section.text("before")? {
            None => false,
            Some(found) => match found.value.as_str() {
                "full" => true,
                "incremental" => false,
                other => {
                    let problem = format!("before = {other:?}: expected full or incremental");
                    return Err(section.wrong(found.line, problem, None));
                }
            },
        };
        section.finish()?;
        Ok(Self { name, command, before_full })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::error::CommandError as _;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;

    const NODES: &str = "
[[node]]
name = \"vbs1\"
host = \"192.0.2.5\"
user = \"cps\"
[[node.dump]]
database = \"cinder\"
[[node.dump]]
database = \"taskmgr\"
[[node]]
name = \"karbor1\"
host = \"192.0.2.6\"
user = \"root\"
";

    const CUTOVER: &str = "target = \"postgresql://karbor@db1/karbor\"
[karbor]
version = \"3\"
[run]
unsteady = \"carry\"
config = \"etl.toml\"
[[stopped]]
name = \"vbs\"
run = \"vbs-stopped\"
on = [\"vbs1\"]
[[restart]]
run = \"restart\"
on = [\"karbor1\"]
[[continue]]
run = \"go-on\"
on = [\"vbs1\"]
timeout = \"1min\"
";

    fn taken(text: &str) -> Result<Settings> {
        let mut section = Section::parse(Path::new("site/cutover.toml"), &format!("{text}{NODES}"))?;
        let map = ColumnMap::built_in().unwrap();
        let nodes = NodeSettings::take(&mut section, &map, &Environment::of_process())?;
        let settings = Settings::take(&mut section, &nodes)?;
        section.finish()?;
        Ok(settings)
    }

    /// Settings in which every step has something to do.
    pub(crate) fn settings() -> Settings {
        taken(CUTOVER).unwrap()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let settings = settings();
        assert_eq!(settings.folder, Path::new("site"));
        assert_eq!(settings.run.config.as_deref(), Some(Path::new("site/etl.toml")));
        assert_eq!(settings.version.as_ref().map(|version| version.line), Some(3));
        assert_eq!(settings.safety, Safety::PgDump { program: None, options: Vec::new() });
        assert_eq!(settings.job_files, ["taskmgr.sql"]);
        assert_eq!(settings.command_nodes(), ["vbs1", "karbor1"]);
        assert_eq!((settings.restart[0].limit, settings.jobs[0].limit), (PATIENCE, Duration::from_secs(60)));
        assert!(!settings.stopped[0].before_full && !settings.restart[0].becoming);
        let command =
            "[karbor.dump_command]\nrun = \"pg_dump karbor\"\nbecome = true\non = [\"karbor1\"]\n[run]";
        let settings = taken(&CUTOVER.replace("[run]", command)).unwrap();
        assert!(matches!(settings.safety, Safety::Command(command) if command.becoming));
        let nothing = taken(&CUTOVER.replace("version = \"3\"", "dump = false")).unwrap();
        assert_eq!((nothing.safety, nothing.version), (Safety::None, None));
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        for (old, new, said) in [
            ("target = ", "goal = ", ":1: this file has no target"),
            ("postgresql://karbor@db1/karbor", "karbor.sql", ":1: target: a script holds nothing"),
            ("postgresql://karbor@db1/karbor", "karbor", ":1: target: this names no target"),
            (
                "unsteady = \"carry\"",
                "unsteady = \"drop\"",
                ":5: unsteady = \"drop\": expected defer or carry",
            ),
            ("run = \"restart\"", "command = \"x\"", ":11: [[restart]] has no run"),
            ("on = [\"karbor1\"]", "on = [\"karbor3\"]", ":13: on: there is no node \"karbor3\""),
            ("on = [\"vbs1\"]\n[[r", "before = \"now\"\n[[r", ":10: before = \"now\": expected full or"),
            ("timeout = \"1min\"", "timeout = \"soon\"", ":17: timeout = \"soon\": expected a time"),
            ("[karbor]", "free_space = \"much\"\n[karbor]", ":2: free_space = \"much\": expected a size"),
            ("version = \"3\"", "release = \"3\"", ":3: there is no setting \"release\" in [karbor]"),
        ] {
            assert!(CUTOVER.contains(old), "{old}");
            let error = taken(&CUTOVER.replacen(old, new, 1)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("site/cutover.toml{said}")), "{error}");
        }
        let without = CUTOVER.split("[[stopped]]").next().unwrap();
        let error = taken(without).unwrap_err().to_string();
        assert!(error.contains("nothing says whether VBS and DPS are stopped"), "{error}");
    }

    #[test]
    fn a_password_in_the_target_is_refused_and_not_repeated() {
        let error = taken(&CUTOVER.replace("karbor@db1", "karbor:hunter2@db1")).unwrap_err();
        assert!(
            error.to_string().starts_with("site/cutover.toml:1: ") && error.remedy().is_some(),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
