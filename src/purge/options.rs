//! What `etl purge` is to do, checked: everything that can be known before anything is read or asked.

use crate::base::error::Result;
use crate::base::json_lines::JournalKind;
use crate::purge::Kind;
use crate::purge::args::{CloudArgs, FlowArgs, PurgeArgs, What};
use crate::purge::cinder::answers::is_plain;
use crate::purge::credentials::Credentials;
use crate::purge::error::PurgeError;
use crate::purge::keystone::Wanted;
use crate::purge::limits::Limits;
use crate::settings::args::{ReadingArgs, SettingArgs};
use crate::settings::columns::{Maps, read_columns};
use crate::settings::identity::{Identity, Role};
use crate::settings::outputs::Outputs;
use crate::settings::places::Written;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::settings::{dumps, outputs, spool};
use crate::ui::environment::Environment;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use parsers::columns::ColumnMap;
use pipeline::load::names::TargetNames;
use pipeline::load::spec::Spec;
use std::path::PathBuf;
use std::time::Duration;

/// What `etl purge` is to do, checked.
#[derive(Debug)]
pub struct PurgeOptions {
    /// The dumps, as named.
    pub dumps: Vec<String>,
    /// The files of ids.
    pub ids: Vec<PathBuf>,
    /// Whether all of the projects goes.
    pub everything: bool,
    /// The target whose copies stay; there is none where that was said.
    pub target: Option<Choice>,
    /// The target's names of tables and columns.
    pub names: TargetNames,
    /// The dumps' names of tables and columns.
    pub columns: ColumnMap,
    /// How dumps are cut and decoded.
    pub reading: parsers::scan::Limits,
    /// The backup drivers whose copies a dump names; all where unset.
    pub backup_services: Option<Vec<String>>,
    /// Where pipes are copied to.
    pub spool_dir: PathBuf,
    /// The kinds, each once.
    pub what: Vec<Kind>,
    /// The projects; all where there is none.
    pub projects: Vec<String>,
    /// Only what was made before this time, in UTC.
    pub made_before: Option<NaiveDateTime>,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
    /// Whether nobody is to be asked.
    pub yes: bool,
    /// Who logs in.
    pub credentials: Credentials,
    /// Which endpoint is meant.
    pub wanted: Wanted,
    /// More certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// What the storage may be asked to bear.
    pub limits: Limits,
    /// The journal.
    pub journal: PathBuf,
    /// What is told, and where.
    pub outputs: Outputs,
}

impl PurgeOptions {
    /// Checks the arguments of `etl purge`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(args: &PurgeArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = target(args, environment)?;
        named(args)?;
        if let Some(project) = args.project.iter().find(|project| !is_plain(project)) {
            let what = format!("--project: {:?} is no id of a project", parsers::row::shortened(project));
            return Err(usage(what, "`openstack project list` shows the ids").into());
        }
        let watched = environment.stdin_terminal && environment.stderr_terminal;
        if !args.dry_run && !args.yes && !watched {
            let what = "there is no terminal to confirm the deletion on".to_owned();
            let remedy = if args.everything {
                "run it on a terminal: --everything is always confirmed"
            } else {
                "look at it with --dry-run, then say --yes"
            };
            return Err(usage(what, remedy).into());
        }
        let file = SettingsFile::find(None)?;
        let reading = ReadingArgs { encoding: args.encoding.clone(), ..ReadingArgs::default() };
        let typed = SettingArgs { reading, ..SettingArgs::default() };
        let settings = Settings::resolve(&typed, environment, &file)?;
        let Maps { sources, target: names, .. } = read_columns(args.columns.as_deref())?;
        let dumps = dumps::check(&args.dumps, environment.stdin_terminal)?;
        let outputs = Outputs::check(&args.outputs, environment);
        outputs::check_no_page(&outputs)?;
        let mut places = outputs::check_places(&dumps, target.as_ref(), None, &outputs)?;
        for ids in &args.ids {
            places.read(Role::Ids, Identity::at(ids));
        }
        places.write(Role::Journal, &args.journal, Written::Lines(JournalKind::Purge))?;
        outputs.check_force(
            target.as_ref().and_then(Choice::path).into_iter().chain([args.journal.as_path()]),
        )?;
        let spool_dir = match settings.spool_dir {
            Some(folder) => folder,
            None => spool::unnamed(&dumps, environment)?,
        };
        let CloudArgs { auth_url, ca_file, .. } = &args.cloud;
        Ok(Self {
            dumps: args.dumps.clone(),
            ids: args.ids.clone(),
            everything: args.everything,
            target,
            names,
            columns: sources,
            reading: settings.limits,
            backup_services: settings.conversion.backup_services,
            spool_dir,
            what: kinds(&args.what),
            projects: once(&args.project),
            made_before: args.older_than.map(before).transpose()?,
            dry_run: args.dry_run,
            yes: args.yes,
            credentials: Credentials::find(auth_url.as_deref(), environment)?,
            wanted: wanted(&args.cloud, environment)?,
            ca_file: ca_file.clone().or_else(|| environment.value("OS_CACERT").map(PathBuf::from)),
            limits: limits(&args.flow),
            journal: args.journal.clone(),
            outputs,
        })
    }
}

fn usage(what: String, remedy: &'static str) -> PurgeError {
    PurgeError::Usage { what, remedy }
}

fn target(args: &PurgeArgs, environment: &Environment<'_>) -> Result<Option<Choice>> {
    if args.no_target {
        return Ok(None);
    }
    let Some(choice) = Choice::find(args.target.as_deref(), environment)? else {
        let what =
            "neither a Karbor target is named, whose copies must stay, nor --no-target said".to_owned();
        return Err(
            usage(what, "name it with --target, or say --no-target if no copies were imported").into()
        );
    };
    if matches!(choice.spec, Spec::Script(_)) {
        let what = "--target: a script cannot be asked what it holds".to_owned();
        return Err(usage(what, "name the database that the script was loaded into").into());
    }
    Ok(Some(choice))
}

fn named(args: &PurgeArgs) -> Result<()> {
    if args.everything && args.project.is_empty() {
        let what = "--everything names no project".to_owned();
        return Err(usage(what, "name the projects with --project").into());
    }
    if !args.everything && args.dumps.is_empty() && args.ids.is_empty() {
        let what = "nothing says what is to be deleted".to_owned();
        let remedy = "name dumps, a file of ids with --ids, or --everything with --project";
        return Err(usage(what, remedy).into());
    }
    Ok(())
}

fn kinds(what: &[What]) -> Vec<Kind> {
    let chosen = |kind: &Kind| match kind {
        Kind::Backup => what.contains(&What::Backups),
        Kind::Snapshot => what.contains(&What::Snapshots),
    };
    Kind::ALL.into_iter().filter(|kind| what.is_empty() || chosen(kind)).collect()
}

fn once(texts: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in texts {
        if !out.contains(text) {
            out.push(text.clone());
        }
    }
    out
}

fn before(age: Duration) -> std::result::Result<NaiveDateTime, PurgeError> {
    let time = TimeDelta::from_std(age).ok().and_then(|age| Utc::now().naive_utc().checked_sub_signed(age));
    time.ok_or_else(|| usage("--older-than: nothing is that old".to_owned(), "name an age such as 30days"))
}

fn wanted(args: &CloudArgs, environment: &Environment<'_>) -> std::result::Result<Wanted, PurgeError> {
    let said = args.interface.clone();
    let said =
        said.or_else(|| environment.value("OS_INTERFACE")).or_else(|| environment.value("OS_ENDPOINT_TYPE"));
    let said = said.unwrap_or_else(|| "public".to_owned());
    // Older clients say publicURL.
    let interface = said.strip_suffix("URL").unwrap_or(&said).to_owned();
    if !["public", "internal", "admin"].contains(&interface.as_str()) {
        let what = format!("{:?} is no interface of a catalogue", parsers::row::shortened(&said));
        return Err(usage(what, "name public, internal or admin, with --interface or OS_INTERFACE"));
    }
    Ok(Wanted {
        endpoint: args.endpoint.clone(),
        interface,
        region: args.region.clone().or_else(|| environment.value("OS_REGION_NAME")),
    })
}

fn limits(args: &FlowArgs) -> Limits {
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        burst: number(args.burst),
        burst_every: args.burst_every,
        in_flight: number(args.in_flight),
        retries: args.retries,
        retry_wait: args.retry_wait,
        poll_every: args.poll_every,
        deadline: args.deadline,
        ..Limits::default()
    }
}
