//! The real world around a cutover: this process' own commands, programs here, and nodes over SSH.

use crate::base::error::{CommandError as _, Error, Result};
use crate::base::exit::Exit;
use crate::base::stop::{Stop, Stopping};
use crate::cutover::args::NodeArgs;
use crate::cutover::error::CutoverError;
use crate::cutover::host::{Facts, Host, Ran};
use crate::cutover::local;
use crate::cutover::settings::Settings;
use crate::cutover::step::Step;
use crate::dump::command::{operator, trust};
use crate::dump::secrets::{SecretLines, Secrets, Sources};
use crate::dump::settings::{Node, NodeSettings};
use crate::dump::{NodeContext, NodeError, Nodes, Operator, RunAs, Trust};
use crate::session::{Interaction, context};
use crate::settings::SettingsFile;
use crate::settings::args::SettingArgs;
use crate::settings::columns::Maps;
use crate::settings::outputs::Outputs;
use crate::ui::environment::Environment;
use crate::ui::progress::Screen;
use crate::ui::signals::Watch;
use crate::ui::{echo, password};
use connect::ConnInfo;
use parsers::columns::ColumnMap;
use pipeline::engine::{Engine, look_at};
use pipeline::load::names::TargetNames;
use pipeline::load::spec::Spec;
use pipeline::load::{self, Context, Intent, Target};
use pipeline::schema_version::schema_version;
use secrecy::SecretString;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs a command line of etl in this process.
pub(crate) type Execute = fn(&[OsString], &Environment<'_>, &mut dyn Write) -> Result<Exit>;

/// With what a cutover runs.
pub(crate) struct HostContext<'w> {
    pub(crate) environment: Environment<'w>,
    pub(crate) outputs: Outputs,
    pub(crate) args: &'w NodeArgs,
    pub(crate) execute: Execute,
}

/// The world around one cutover.
pub(crate) struct RealHost<'w> {
    settings: &'w Settings,
    nodes: NodeSettings,
    sources: ColumnMap,
    names: TargetNames,
    environment: Environment<'w>,
    outputs: Outputs,
    execute: Execute,
    secret_lines: Option<u32>,
    trust: Trust,
    operator: Operator,
    secrets: Secrets,
    stop: Arc<Stop>,
    /// Whether a command of etl's own is running, which watches for signals itself and says what stopping means to it.
    own: Arc<AtomicBool>,
    /// Whether all questions are answered.
    begun: Arc<AtomicBool>,
    screen: Screen,
    _watch: Watch,
}

impl<'w> RealHost<'w> {
    pub(crate) fn new(
        settings: &'w Settings,
        nodes: NodeSettings,
        maps: &Maps,
        means: HostContext<'w>,
    ) -> Result<Self> {
        let HostContext { environment, outputs, args, execute } = means;
        let (stop, own, begun) =
            (Arc::new(Stop::default()), Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let screen = Screen::new(outputs.progress_style());
        for remark in &nodes.remarks {
            tracing::warn!("{remark}");
            screen.say(&format!("etl: {remark}"));
        }
        let watch = {
            let (stop, own, begun, screen) =
                (Arc::clone(&stop), Arc::clone(&own), Arc::clone(&begun), screen.clone());
            Watch::on_each(move |signal| {
                if !begun.load(Ordering::SeqCst) {
                    leave(signal);
                }
                let stopping = stop.ask(signal);
                if !own.load(Ordering::SeqCst) {
                    screen.say(&answer(signal, stopping));
                }
            })
        };
        let watch = watch.map_err(|source| Error::system("signals cannot be watched for", source))?;
        let trust = trust(args.accept_new_host_keys, outputs.terminal && environment.stdin_terminal);
        let operator = operator(&outputs, &screen);
        Ok(Self {
            settings,
            nodes,
            sources: maps.sources.clone(),
            names: maps.target.clone(),
            environment,
            outputs,
            execute,
            secret_lines: args.secrets_fd,
            trust,
            operator,
            secrets: Secrets::default(),
            stop,
            own,
            begun,
            screen,
            _watch: watch,
        })
    }

    /// Finds or asks for the secrets of the nodes that these steps work on, before any is touched.
    pub(crate) fn gather_secrets(&mut self, steps: &[Step]) -> Result<()> {
        let file = self.secret_lines.map(SecretLines::read).transpose()?;
        let watched = self.outputs.terminal;
        let screen = self.screen.clone();
        let mut ask = |prompt: &str| {
            let asked = watched.then(|| screen.suspend(|| password::hidden(prompt)));
            asked.and_then(std::result::Result::ok)
        };
        let dumps = steps.iter().any(|step| step.dumps());
        let commands: Vec<&str> = steps.iter().flat_map(|step| self.settings.nodes_of(*step)).collect();
        let wanted = |node: &&Node| {
            (dumps && !node.dumps.is_empty()) || commands.iter().any(|name| *name == node.name)
        };
        let nodes: Vec<&Node> = self.nodes.nodes.iter().filter(wanted).collect();
        let sources = Sources { file, environment: &self.environment, ask: &mut ask };
        self.secrets = Secrets::gather(&nodes, sources)?;
        self.begun.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// The nodes, whose dumps come into `folder`.
    fn nodes(&self, folder: &Path) -> Nodes {
        let mut settings = self.nodes.clone();
        settings.folder = folder.to_owned();
        for dump in settings.nodes.iter_mut().flat_map(|node| &mut node.dumps) {
            dump.file = place(&dump.file, folder);
        }
        let means = NodeContext {
            secrets: self.secrets.clone(),
            trust: self.trust.clone(),
            agent: self.environment.value("SSH_AUTH_SOCK"),
            operator: self.operator.clone(),
            map: self.sources.clone(),
            stop: Arc::clone(&self.stop),
            screen: self.screen.clone(),
            style: self.outputs.progress_style(),
        };
        Nodes::new(settings, means)
    }

    /// The target, with what a run is told of it.
    fn target(&self, interaction: &Interaction) -> Result<(Box<dyn Target>, pipeline::settings::Settings)> {
        let spec = Spec::parse(&self.settings.target);
        let spec = spec.map_err(|error| CutoverError::Failed { what: error.to_string(), remedy: None })?;
        let file = SettingsFile::find(self.settings.run.config.as_deref())?;
        let conversion =
            crate::settings::Settings::resolve(&SettingArgs::default(), &self.environment, &file)?.conversion;
        let context = Context {
            service_id: conversion.service_id,
            trust_known: conversion.trust_id.is_some(),
            ..context(&self.names, interaction, (interaction.ask)())
        };
        Ok((load::open(&spec, context)?, conversion))
    }

    /// The password of the target, if there is one: what was typed (there is one target, and one role), or what a file has for its
    /// only host, for gs_dump does not look there.
    fn password(&self) -> Option<SecretString> {
        let typed = self.environment.typed().borrow().values().next().cloned();
        typed.or_else(|| match ConnInfo::of_target(&self.settings.target).ok()?.hosts.as_slice() {
            [host] => host.password.as_ref().map(|password| password.secret.clone()),
            _ => None,
        })
    }
}

impl Host for RealHost<'_> {
    fn look(&mut self) -> Result<Facts> {
        let interaction = Interaction::new(&self.outputs, &self.environment.typed())?;
        let (mut target, conversion) = self.target(&interaction)?;
        let name = target.name();
        let survey = interaction.stopped(target.survey())?;
        let version = match survey.comparable {
            true => interaction.stopped(schema_version(self.target(&interaction)?.0))?,
            false => None,
        };
        Ok(Facts {
            target: name,
            version,
            engine: survey.service.map(|service| match service.host {
                Some(host) => format!("service {} ({host})", service.id),
                None => format!("service {}", service.id),
            }),
            imported: survey.imported.iter().map(|(_, _, rows)| rows).sum(),
            trusts: conversion.trust_id.is_some() || !survey.trusts.is_empty(),
            warnings: survey.warnings,
        })
    }

    fn outlook(&mut self) -> Result<Engine> {
        let interaction = Interaction::new(&self.outputs, &self.environment.typed())?;
        if !interaction.stopped(self.target(&interaction)?.0.survey())?.comparable {
            return Ok(Engine::default());
        }
        interaction.stopped(look_at(self.target(&interaction)?.0))
    }

    fn is_gauss(&mut self) -> Result<bool> {
        let interaction = Interaction::new(&self.outputs, &self.environment.typed())?;
        let mut sink = interaction.stopped(self.target(&interaction)?.0.open(Intent::Look))?.sink;
        let server = interaction.stopped(sink.server())?;
        interaction.stopped(sink.rollback())?;
        Ok(server.is_some_and(|server| server.compatibility.is_some()))
    }

    fn free_space(&mut self, folder: &Path) -> Option<u64> {
        crate::dump::space::free(folder)
    }

    fn run_local(&mut self, line: &[String], limit: Option<Duration>, login: bool) -> Result<Ran> {
        let password = login.then(|| self.password()).flatten();
        local::run(line, limit, password.as_ref(), &|| self.stopping())
    }

    fn run_remote(&mut self, node: &str, command: &str, becoming: bool, limit: Duration) -> Result<Ran> {
        let nodes = self.nodes(&self.settings.folder);
        let unknown = || CutoverError::Failed { what: format!("there is no node {node:?}"), remedy: None };
        let node = nodes.settings().node(node).ok_or_else(unknown)?;
        let who = if becoming { RunAs::Database } else { RunAs::Login };
        let ended = nodes.run(node, who, command, limit)?;
        Ok(Ran { code: i32::try_from(ended.status).ok(), text: ended.tail })
    }

    fn dump(&mut self, folder: &Path) -> Result<Vec<PathBuf>> {
        let nodes = self.nodes(folder);
        let all: Vec<&Node> = nodes.settings().nodes.iter().filter(|node| !node.dumps.is_empty()).collect();
        let screen = self.screen.clone();
        let told = move |what: &str, outcome: &crate::dump::Result<crate::dump::Dumped>| match outcome {
            Ok(dumped) => {
                dumped.warnings.iter().chain(&dumped.left).for_each(|warning| tracing::warn!("{warning}"));
                if let Some(left) = &dumped.left {
                    screen.say(&crate::base::text::printable(&format!("etl: {left}")));
                }
            }
            Err(error) => {
                tracing::error!("{what}: {error}");
                let remedy = error.remedy().map(|remedy| format!("\n  → {remedy}")).unwrap_or_default();
                screen.say(&crate::base::text::printable(&format!("etl: {error}{remedy}")));
            }
        };
        let dumped = nodes.dump(&all, &told)?;
        let of = dumped.len();
        let places = all.iter().flat_map(|node| &node.dumps).map(|dump| dump.file.as_path());
        let failed = places.zip(&dumped).filter(|(_, done)| done.is_err()).map(|(place, _)| place);
        let failed = NodeError::dumps(failed, of);
        let mut files = Vec::new();
        for done in dumped {
            match done {
                Ok(dumped) => files.push(dumped.file),
                Err(error) if of == 1 => return Err(error.into()),
                Err(_) => {}
            }
        }
        failed.map_or(Ok(files), |error| Err(error.into()))
    }

    fn etl(&mut self, line: &[String], out: &mut dyn Write) -> Result<Exit> {
        let line: Vec<OsString> = line.iter().map(OsString::from).collect();
        // What was asked to stop before the command could hear of it.
        if let Some(signal) = self.stopping() {
            return Err(pipeline::error::Error::Interrupted(signal).into());
        }
        self.own.store(true, Ordering::SeqCst);
        let outcome = (self.execute)(&line, &self.environment, out);
        self.own.store(false, Ordering::SeqCst);
        outcome
    }

    fn stopping(&self) -> Option<&'static str> {
        (self.stop.state() != Stopping::No).then(|| self.stop.reason()).flatten()
    }
}

/// Ends the process while it is still asked for secrets: nothing is begun, and a question may hold the terminal.
fn leave(signal: &'static str) {
    let error = Error::from(NodeError::Unbegun { signal });
    tracing::error!(target: crate::ui::PRINTED, "{error}");
    crate::session::say(&error.text());
    echo::leave(error.exit());
}

/// What a signal means between commands of etl's own, and while something runs here or on nodes.
fn answer(signal: &str, stopping: Stopping) -> String {
    match stopping {
        Stopping::Now => format!("etl: {signal}: leaving what is on the nodes as it is"),
        _ => format!("etl: {signal}: stopping what runs, and removing what lies on nodes (again: leave it)"),
    }
}

/// Where a dump lies in another folder.
pub(crate) fn place(file: &Path, folder: &Path) -> PathBuf {
    folder.join(file.file_name().unwrap_or_default())
}
