//! What `etl dump` is to do, checked: everything that can be known before anybody is asked or a node is touched.

use crate::base::error::Result;
use crate::base::toml_document::Section;
use crate::dump::NodeError;
use crate::dump::args::DumpArgs;
use crate::dump::secrets::SecretLines;
use crate::dump::settings::CUTOVER_KEYS;
use crate::dump::settings::NodeSettings;
use crate::settings::columns::{Maps, read_columns};
use crate::settings::outputs;
use crate::settings::outputs::Outputs;
use crate::settings::places::Places;
use crate::ui::environment::Environment;
use parsers::columns::ColumnMap;

/// What `etl dump` is to do, checked.
#[derive(Debug)]
pub struct DumpOptions {
    /// The nodes that are dumped, and where to.
    pub settings: NodeSettings,
    /// The names of source tables.
    pub columns: ColumnMap,
    /// Whether nothing is to be done.
    pub dry_run: bool,
    /// Whether unknown host keys are accepted.
    pub accept_new_host_keys: bool,
    /// Secrets from a descriptor.
    pub secrets: Option<SecretLines>,
    /// The agent's socket.
    pub agent: Option<String>,
    /// Whether somebody is there to be asked to confirm.
    pub watched: bool,
    /// What is told, and where.
    pub outputs: Outputs,
}

impl DumpOptions {
    /// Checks the arguments of `etl dump`, and the settings file.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(args: &DumpArgs, environment: &Environment<'_>) -> Result<Self> {
        let Maps { sources: columns, .. } = read_columns(args.columns.as_deref())?;
        let mut file = Section::read(&args.settings)?;
        let mut settings = NodeSettings::take(&mut file, &columns, environment)?;
        file.skip(&CUTOVER_KEYS);
        file.finish()?;
        choose(&mut settings, &args.node)?;
        let outputs = Outputs::check(&args.outputs, environment);
        outputs::check_no_page(&outputs)?;
        let mut places = Places::new(&outputs.force);
        if !args.dry_run {
            for dump in settings.nodes.iter().flat_map(|node| &node.dumps) {
                places.bring(dump.database, &dump.file)?;
            }
            outputs.claim(&mut places)?;
            let dumps = settings.nodes.iter().flat_map(|node| &node.dumps).map(|dump| dump.file.as_path());
            outputs.check_force(dumps)?;
        }
        let secrets = args.secrets_fd.map(SecretLines::read).transpose()?;
        Ok(Self {
            settings,
            columns,
            dry_run: args.dry_run,
            accept_new_host_keys: args.accept_new_host_keys,
            secrets,
            agent: environment.value("SSH_AUTH_SOCK"),
            watched: environment.stdin_terminal && environment.stderr_terminal,
            outputs,
        })
    }
}

/// Keeps the nodes that were named, and of all only those where there is something to dump.
fn choose(settings: &mut NodeSettings, named: &[String]) -> std::result::Result<(), NodeError> {
    let names: Vec<String> = settings.nodes.iter().map(|node| node.name.clone()).collect();
    if let Some(unknown) = named.iter().find(|name| !names.contains(name)) {
        return Err(NodeError::Usage {
            problem: format!("--node: there is no node {unknown:?} in {}", settings.path.display()),
            remedy: format!("the nodes are {}", names.join(", ")),
        });
    }
    settings.nodes.retain(|node| !node.dumps.is_empty() && (named.is_empty() || named.contains(&node.name)));
    if settings.nodes.is_empty() {
        return Err(NodeError::Usage {
            problem: format!("{}: nothing is to be dumped on any of the nodes", settings.path.display()),
            remedy: "add a section [[node.dump]] below a node".to_owned(),
        });
    }
    Ok(())
}
