//! `etl dump`: the dumps of all nodes, made there and brought here.

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::stop::{Stop, Stopping};
use crate::dump::args::DumpArgs;
use crate::dump::entrance::AskCode;
use crate::dump::options::DumpOptions;
use crate::dump::report::{Disposition, Document, dry_run, text};
use crate::dump::secrets::{Secrets, Sources};
use crate::dump::settings::Node;
use crate::dump::{Dumped, NodeContext, NodeError, Nodes, Operator, Trust};
use crate::import::report::file::ReportFile;
use crate::session::log;
use crate::session::{kept, note, note_failure, say, tell};
use crate::settings::outputs::Outputs;
use crate::ui::confirm;
use crate::ui::environment::Environment;
use crate::ui::progress::{Screen, Style};
use crate::ui::terminal::TextFormat;
use crate::ui::{password, signals};
use pipeline::progress::Cancel;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Makes the dumps that the settings name.
pub(crate) fn dump(args: &DumpArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = DumpOptions::check(args, environment)?;
    if options.dry_run {
        tell(out, &dry_run(&options.settings), Exit::Done)?;
        return Ok(Exit::Done);
    }
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    tracing::info!("etl {} dump", crate::base::build::VERSION);
    let screen = Screen::new(options.outputs.progress_style());
    if let Some(warning) = unlogged {
        screen.say(&format!("etl: {warning}"));
    }
    for remark in &options.settings.remarks {
        tracing::warn!("{remark}");
        screen.say(&format!("etl: {remark}"));
    }
    let outputs = options.outputs.clone();
    let dispositions = work(options, environment, &screen);
    let (dispositions, error) = match dispositions {
        Ok(dispositions) => {
            let failed = dispositions.iter().filter(|disposition| disposition.error.is_some());
            let places = failed.map(|disposition| Path::new(&disposition.file));
            let error = NodeError::dumps(places, dispositions.len()).map(Error::from);
            (dispositions, error)
        }
        Err(error) => (Vec::new(), Some(error)),
    };
    let left = dispositions.iter().any(|disposition| disposition.left.is_some());
    let done = if left { Exit::Incomplete } else { Exit::Done };
    let exit = error.as_ref().map_or(done, Error::exit);
    let document = Document::new(&dispositions, exit, error.as_ref(), started.elapsed());
    let written = file.map_or(Ok(()), |file| file.write_json(&document));
    note(&text(&dispositions, TextFormat::PLAIN));
    let told = tell(out, &text(&dispositions, outputs.text_format), exit);
    if let Some(error) = error {
        note_failure(&error);
        return Err(error);
    }
    told?;
    kept(written, &outputs, exit)?;
    Ok(exit)
}

/// Asks for what is not known, and dumps.
fn work(options: DumpOptions, environment: &Environment<'_>, screen: &Screen) -> Result<Vec<Disposition>> {
    let (stop, cancel, begun) =
        (Arc::<Stop>::default(), Arc::<Cancel>::default(), Arc::<AtomicBool>::default());
    let watch = {
        let (stop, begun, screen) = (Arc::clone(&stop), Arc::clone(&begun), screen.clone());
        signals::Watch::on_each(move |name| answer(name, begun.load(Ordering::SeqCst), &stop, &screen))
    };
    let _watch = watch.map_err(|source| Error::system("signals cannot be watched for", source))?;
    let mut on_terminal = password::on_terminal(
        options.outputs.terminal,
        screen.clone(),
        Arc::clone(&cancel),
        password::Typed::default(),
    );
    // Whoever stopped at one question is not asked the next.
    let mut ask = |prompt: &str| cancel.reason().is_none().then(|| on_terminal(prompt)).flatten();
    let nodes: Vec<&Node> = options.settings.nodes.iter().collect();
    let sources = Sources { file: options.secrets, environment, ask: &mut ask };
    let secrets = Secrets::gather(&nodes, sources);
    if let Some(signal) = cancel.reason() {
        return Err(NodeError::Unbegun { signal }.into());
    }
    let means = NodeContext {
        secrets: secrets?,
        trust: trust(options.accept_new_host_keys, options.watched),
        agent: options.agent,
        operator: operator(&options.outputs, screen),
        map: options.columns,
        stop,
        screen: screen.clone(),
        style: options.outputs.progress_style(),
    };
    begun.store(true, Ordering::SeqCst);
    let nodes = Nodes::new(options.settings, means);
    let all: Vec<&Node> = nodes.settings().nodes.iter().collect();
    let told = |name: &str, done: &std::result::Result<Dumped, NodeError>| match done {
        Ok(dumped) => {
            for warning in dumped.warnings.iter().chain(&dumped.left) {
                tracing::warn!("{warning}");
            }
        }
        Err(error) => tracing::error!("{name}: {error}"),
    };
    let done = nodes.dump(&all, &told)?;
    let dumps = all.iter().flat_map(|node| node.dumps.iter().map(|dump| (*node, dump)));
    Ok(dumps.zip(done).map(|((node, dump), done)| Disposition::new(node, dump, done)).collect())
}

/// What becomes of unknown host keys. No bar is shown while hosts are asked about, and nothing is held meanwhile: a signal
/// has something to say.
pub(crate) fn trust(accept: bool, watched: bool) -> Trust {
    match (accept, watched) {
        (true, _) => Trust::Accept,
        (false, false) => Trust::Refuse,
        (false, true) => Trust::Ask(Arc::new(confirm::on_terminal)),
    }
}

/// Who is asked for one-time codes, and told what nodes say.
pub(crate) fn operator(outputs: &Outputs, screen: &Screen) -> Operator {
    let ask: Option<AskCode> = outputs.terminal.then(|| Arc::new(password::hidden) as AskCode);
    Operator::new(ask, (outputs.progress_style() != Style::Nothing).then(|| screen.clone()))
}

/// What a signal does: before a node is touched it ends the command at once, then it is a request to stop.
fn answer(name: &'static str, begun: bool, stop: &Stop, screen: &Screen) {
    if !begun {
        let error = Error::from(NodeError::Unbegun { signal: name });
        tracing::error!(target: crate::ui::PRINTED, "{error}");
        // Not through the screen, which may be held by a question.
        say(&error.text());
        crate::ui::echo::leave(error.exit());
    }
    screen.say(&match stop.ask(name) {
        Stopping::Now => format!("etl: {name}: leaving what is on the nodes as it is"),
        _ => format!(
            "etl: {name}: stopping what runs on the nodes, and removing what lies there (again: leave it)"
        ),
    });
}
