//! What `etl batch` is to do, checked: every site before the first is begun.

use crate::base::error::{Error, Result};
use crate::base::json_lines::JournalKind;
use crate::import::batch::args::BatchArgs;
use crate::import::options::Options;
use crate::settings::error::OptionError;
use crate::settings::identity::{Identity, Role};
use crate::settings::outputs;
use crate::settings::outputs::{Log, Outputs};
use crate::settings::places::{Places, Written};
use crate::settings::site;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::ui::environment::Environment;
use crate::ui::terminal::TextFormat;
use pipeline::compare::Prune;
use pipeline::load::names::TargetNames;
use pipeline::load::spec::Spec;
use pipeline::load::{self, Context};
use pipeline::options::Mode;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The journal, where none is named.
const JOURNAL: &str = "etl-journal.jsonl";

/// What `etl batch` is to do, checked.
#[derive(Debug)]
pub struct BatchOptions {
    /// The sites, in the order in which they were named.
    pub sites: Vec<Site>,
    /// The file that says what is committed.
    pub journal: PathBuf,
    /// Whether the other sites are loaded too when one fails.
    pub keep_going: bool,
    /// What is told of the whole batch, and where.
    pub outputs: Outputs,
}

/// One site.
#[derive(Debug)]
pub struct Site {
    /// Its folder as named.
    pub name: String,
    /// Its folder, whatever the current one.
    pub folder: PathBuf,
    /// Files in it that are no dumps, and what they are.
    pub others: Vec<String>,
    /// What a run of its dumps is told.
    pub options: Options,
    /// Its target, without secrets and whatever the current folder: two sites with the same one share it.
    pub target: String,
    /// The settings that its result depends on, as they were given.
    pub in_force: BTreeMap<String, String>,
}

impl BatchOptions {
    /// Checks the arguments of `etl batch`.
    ///
    /// # Errors
    /// The first thing that is wrong with them, or with a site.
    pub fn check(args: &BatchArgs, environment: &Environment<'_>) -> Result<Self> {
        let common = Choice::find(args.target.as_deref(), environment)?.unwrap_or_else(Choice::fallback);
        let outputs = Outputs::check(&args.outputs, environment);
        outputs::check_no_page(&outputs)?;
        if let Some(name) = args.outcomes.as_ref().filter(|name| name.file_name() != Some(name.as_os_str())) {
            let problem = "each folder gets a file of this name, and it names a folder".to_owned();
            return Err(wrong(name, problem, "give a name alone, such as etl-outcomes.jsonl").into());
        }
        let config = SettingsFile::find(args.settings.config.as_deref())?;
        let mut sites: Vec<Site> = Vec::new();
        for folder in &args.folders {
            let site = Site::check(folder, args, (&common, &config, &outputs), environment)?;
            if let Some(same) = sites.iter().find(|known| known.folder == site.folder) {
                return Err(
                    wrong(folder, format!("is the same folder as {}", same.name), "name each once").into()
                );
            }
            if let Some(Spec::Script(path)) = site.options.target.as_ref().map(|choice| &choice.spec)
                && let Some(same) = sites.iter().find(|known| known.target == site.target)
            {
                let (first, second, path) = (same.name.clone(), site.name, path.clone());
                return Err(OptionError::SameScript { first, second, path }.into());
            }
            sites.push(site);
        }
        share(&mut sites, args.prune)?;
        let journal = journal(args)?;
        let mut places = Places::new(&outputs.force);
        for dump in sites.iter().flat_map(|site| &site.options.dumps) {
            places.read(Role::Dump(dump.clone()), Identity::at(Path::new(dump)));
        }
        for site in &sites {
            places.write(Role::Text, &site.text_report(), Written::Text)?;
        }
        places.write(Role::Journal, &journal, Written::Lines(JournalKind::Batch))?;
        outputs.claim(&mut places)?;
        let texts: Vec<PathBuf> = sites.iter().map(Site::text_report).collect();
        let of_sites = sites.iter().flat_map(|site| {
            let target = site.options.target.as_ref().and_then(Choice::path);
            let outputs = &site.options.outputs;
            target.into_iter().chain(outputs.report.as_deref()).chain(outputs.outcomes.as_deref())
        });
        let written = texts.iter().map(PathBuf::as_path).chain(of_sites).chain([journal.as_path()]);
        outputs.check_force(written)?;
        Ok(Self { sites, journal, keep_going: args.keep_going, outputs })
    }

    /// The sites that share their target with others, by target.
    #[must_use]
    pub fn shared(&self) -> Vec<Vec<&Site>> {
        let mut targets: BTreeMap<&str, Vec<&Site>> = BTreeMap::new();
        for site in &self.sites {
            targets.entry(&site.target).or_default().push(site);
        }
        targets.into_values().filter(|sites| sites.len() > 1).collect()
    }
}

impl Site {
    fn check(
        named: &Path,
        args: &BatchArgs,
        (common, config, outputs): (&Choice, &SettingsFile, &Outputs),
        environment: &Environment<'_>,
    ) -> Result<Self> {
        let folder = std::fs::canonicalize(named).map_err(|error| {
            wrong(
                named,
                format!("the folder cannot be used: {error}"),
                "name the folder that holds a site's dumps",
            )
        })?;
        if !folder.is_dir() {
            let remedy = "name folders; sites/*/ with the last slash names nothing else";
            return Err(wrong(named, "this is no folder".to_owned(), remedy).into());
        }
        let file = SettingsFile::of_site(named)?;
        let choice = file.target().map(Choice::of_site).transpose()?.unwrap_or_else(|| common.clone());
        let settings = Settings::resolve(&args.settings, environment, &file.over(config))?;
        let site::Contents { dumps, others } = site::contents(named, choice.path())?;
        let target = name_of(&choice)?;
        // Its report lies in its folder, the log is the batch's.
        let outputs = Outputs {
            report: Some(named.join(site::JSON_REPORT)),
            outcomes: args.outcomes.as_ref().map(|name| named.join(name)),
            log: Log::None,
            text_format: TextFormat::PLAIN,
            ..outputs.clone()
        };
        let prune = if args.prune { Prune::Yes { typed: None } } else { Prune::No };
        let inputs = (dumps.as_slice(), args.columns.as_deref());
        let options = Options::assemble(
            inputs,
            settings,
            (Some(choice), None, prune, Mode::Run),
            outputs,
            environment,
        )?;
        let mut in_force = crate::settings::in_force(&options.said);
        if let Some(columns) = &args.columns {
            let bytes = std::fs::read(columns)
                .map_err(|source| OptionError::ColumnsUnreadable { path: columns.clone(), source })?;
            in_force.insert("columns".to_owned(), crate::base::digest::of(&bytes));
        }
        let name = named.display().to_string();
        let name = name.trim_end_matches('/');
        let name = if name.is_empty() { "/" } else { name }.to_owned();
        Ok(Self { name, folder, others, options, target, in_force })
    }

    /// Where the report of its last load lies, as text.
    #[must_use]
    pub fn text_report(&self) -> PathBuf {
        self.folder.join(site::TEXT_REPORT)
    }
}

/// Notes which sites share their target. A site's run knows no rows but its own: to it those of the others would be rows that the
/// dumps no longer have.
fn share(sites: &mut [Site], prune: bool) -> Result<()> {
    let targets: Vec<String> = sites.iter().map(|site| site.target.clone()).collect();
    for site in sites {
        let sharing = targets.iter().filter(|target| **target == site.target).count();
        site.options.shared = sharing > 1;
        if prune && site.options.shared {
            return Err(OptionError::SharedPrune { target: site.target.clone() }.into());
        }
    }
    Ok(())
}

fn wrong(path: &Path, problem: String, remedy: &'static str) -> OptionError {
    OptionError::Site { path: path.to_owned(), problem, remedy }
}

/// The journal that is named, or one next to the folders.
fn journal(args: &BatchArgs) -> Result<PathBuf> {
    if let Some(path) = &args.journal {
        return Ok(path.clone());
    }
    let mut place: Option<PathBuf> = None;
    for folder in &args.folders {
        let Some(parent) =
            std::fs::canonicalize(folder).ok().and_then(|path| path.parent().map(Path::to_owned))
        else {
            continue;
        };
        match &place {
            Some(known) if *known != parent => return Err(OptionError::NoJournal.into()),
            _ => place = Some(parent),
        }
    }
    Ok(place.unwrap_or_default().join(JOURNAL))
}

/// A target's name by which it is known again.
fn name_of(choice: &Choice) -> Result<String> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| Error::system("the current folder is not known", source))
    };
    let spec = match &choice.spec {
        Spec::Sqlite(path) => Spec::Sqlite(absolute(path)?),
        Spec::Script(path) => Spec::Script(absolute(path)?),
        spec @ Spec::Postgres(_) => spec.clone(),
    };
    let context = Context::without_import(TargetNames::default(), Box::new(|_| None), Default::default());
    Ok(load::open(&spec, context)?.name())
}
