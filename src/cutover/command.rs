//! `etl cutover`: the whole way in one go, or a part of it.

use crate::base::digest;
use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::text::printable_json;
use crate::base::toml_document;
use crate::base::toml_document::Section;
use crate::cutover::args::{
    BackArgs, CutoverArgs, CutoverPart, EverythingArgs, GoingArgs, InitArgs, PartArgs, StandingArgs,
};
use crate::cutover::dry_run::dry_run;
use crate::cutover::files::private_folder;
use crate::cutover::flow::Flow;
use crate::cutover::lines::{Back, LOG, Lines};
use crate::cutover::messages::CutoverStatus;
use crate::cutover::plan::{Goal, Resume, parts, steps};
use crate::cutover::real_host::{Execute, HostContext, RealHost, place};
use crate::cutover::settings::Settings;
use crate::cutover::state::{FILE, State};
use crate::cutover::step::{Part, Step};
use crate::cutover::{init, settings};
use crate::dump::settings::NodeSettings;
use crate::session::log;
use crate::settings::columns::{Maps, read_columns};
use crate::settings::output_args::OutputArgs;
use crate::settings::outputs::{Outputs, check_cutover};
use crate::ui::environment::Environment;
use pipeline::files::place::Foreign;
use std::io::{self, Write};
use std::path::Path;

/// What a settings file comes to.
struct File {
    settings: Settings,
    nodes: NodeSettings,
    maps: Maps,
    digest: String,
}

/// What is asked of a cutover that goes on.
struct Request<'r> {
    file: &'r Path,
    goal: Goal,
    going: &'r GoingArgs,
    back: Back,
    execute: Execute,
}

/// Does what is asked for.
pub(crate) fn cutover(
    args: &CutoverArgs,
    environment: &Environment<'_>,
    out: &mut dyn Write,
    execute: Execute,
) -> Result<Exit> {
    let part = |args: &PartArgs, part, out: &mut dyn Write| {
        let PartArgs { file, going } = args;
        let goal = Goal::Part(part);
        go(&Request { file, goal, going, back: Back::default(), execute }, environment, out)
    };
    match &args.part {
        Some(CutoverPart::Full(args)) => part(args, Part::Full, out),
        Some(CutoverPart::Incremental(args)) => part(args, Part::Incremental, out),
        Some(CutoverPart::Continue(args)) => part(args, Part::Continue, out),
        Some(CutoverPart::Rollback(args)) => {
            let BackArgs { file, yes, with_dependents, keep_edited, going } = args;
            let back = Back { yes: *yes, with_dependents: *with_dependents, keep_edited: *keep_edited };
            let goal = Goal::Part(Part::Rollback);
            go(&Request { file, goal, going, back, execute }, environment, out)
        }
        Some(CutoverPart::Status(args)) => status(args, environment, out),
        Some(CutoverPart::Init(args)) => write(args, environment),
        None => {
            let EverythingArgs { file, switched, going } = &args.everything;
            // Clap asks for it; an empty name is no file.
            let file = file.as_deref().unwrap_or(Path::new(""));
            let goal = Goal::Everything { switched: *switched };
            go(&Request { file, goal, going, back: Back::default(), execute }, environment, out)
        }
    }
}

/// Goes on, or says what would be done.
fn go(request: &Request<'_>, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let File { settings, nodes, maps, digest } = read(request.file, environment)?;
    let GoingArgs { steps: asked, nodes: reached, shown } = request.going;
    let resume = match (asked.from, asked.again) {
        (Some(step), _) => Resume::From(step),
        (None, true) => Resume::Again,
        (None, false) => Resume::AsItStands,
    };
    let lines = Lines { settings: &settings, quiet: shown.quiet };
    let state_file = settings.file(FILE);
    let outputs = OutputArgs {
        log: Some(settings.file(LOG)),
        force: shown.force.clone(),
        quiet: shown.quiet,
        verbose: shown.verbose,
        ..OutputArgs::default()
    };
    let outputs = Outputs::check(&outputs, environment);
    if !asked.dry_run {
        check_cutover(&state_file, &lines.files(), &outputs)?;
    }
    let foreign = outputs.foreign(&state_file);
    let (position, _) = State::peek(&state_file, foreign)?;
    if asked.dry_run {
        resume.check(request.goal, &settings)?;
        let files = |folder: &Path| files(&nodes, folder);
        let text = dry_run(request.goal, resume, lines, (&maps.target, request.back), &position, &files)?;
        crate::session::tell(out, &text, Exit::Done)?;
        return Ok(Exit::Done);
    }
    private_folder(&settings.folder)?;
    let mut state = State::open(&state_file, &digest, foreign)?;
    if let Some(warning) = log::start(&outputs)? {
        tracing::warn!("{warning}");
    }
    tracing::info!("etl {} cutover, {}", crate::base::build::VERSION, request.file.display());
    if state.was_torn() {
        tracing::warn!("the last line of {} was cut off by a crash", state_file.display());
    }
    let position = resume.step(request.goal).map_or(position.clone(), |step| position.from(step, ""));
    let parts = parts(request.goal, &settings, &position)?;
    let mut to_do: Vec<Step> = parts.iter().flat_map(|part| steps(*part, &settings, &position)).collect();
    if !to_do.is_empty() && parts.contains(&Part::Continue) && !settings.job_files.is_empty() {
        // Whether copies wait is known only then, and nobody is to be asked in the middle of the night.
        to_do.push(Step::DumpJobs);
    }
    let typed = environment.typed();
    let environment = Environment { typed: Some(&typed), ..*environment };
    let mut real_host = RealHost::new(
        &settings,
        nodes,
        &maps,
        HostContext { environment, outputs, args: reached, execute: request.execute },
    )?;
    real_host.gather_secrets(&to_do)?;
    let mut flow =
        Flow { lines, names: &maps.target, state: &mut state, host: &mut real_host, out, back: request.back };
    flow.run(request.goal, resume, &digest).inspect_err(crate::session::note_failure)
}

/// Reads the settings file.
fn read(path: &Path, environment: &Environment<'_>) -> Result<File> {
    let bytes = toml_document::bytes(path)?;
    parse(path, &bytes, environment)
}

fn parse(path: &Path, bytes: &[u8], environment: &Environment<'_>) -> Result<File> {
    let text = String::from_utf8_lossy(bytes);
    // The names of tables come first: they say what is dumped.
    let mut ahead = Section::parse(path, &text)?;
    let columns = settings::columns(&mut ahead)?;
    let maps = read_columns(columns.as_deref())?;
    let mut section = Section::parse(path, &text)?;
    let nodes = NodeSettings::take(&mut section, &maps.sources, environment)?;
    let settings = Settings::take(&mut section, &nodes)?;
    section.finish()?;
    Ok(File { settings, nodes, maps, digest: digest::of(bytes) })
}

/// The dumps that the nodes' databases become in a folder.
fn files(nodes: &NodeSettings, folder: &Path) -> Vec<String> {
    let dumps = nodes.nodes.iter().flat_map(|node| &node.dumps);
    dumps.map(|dump| place(&dump.file, folder).display().to_string()).collect()
}

/// How a cutover stands.
fn status(args: &StandingArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let File { settings, digest, .. } = read(&args.file, environment)?;
    let (position, at_work) = State::peek(&settings.file(FILE), Foreign::Refuse)?;
    let status = CutoverStatus::new(&settings, &digest, &position, at_work);
    let text = if args.json {
        let text = serde_json::to_string_pretty(&status);
        let text = text.map_err(|error| Error::system("the status cannot be put in JSON", error.into()))?;
        printable_json(&text).into_owned() + "\n"
    } else {
        status.text(&settings, &position)
    };
    crate::session::tell(out, &text, Exit::Done)?;
    Ok(Exit::Done)
}

/// Asks, and writes a settings file.
fn write(args: &InitArgs, environment: &Environment<'_>) -> Result<Exit> {
    let sound = |text: &str| parse(&args.file, text.as_bytes(), environment).map(drop);
    init::init(&args.file, &mut io::stdin().lock(), &mut io::stderr(), &sound)?;
    Ok(Exit::Done)
}
