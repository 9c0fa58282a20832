//! Policies as they are listed: as VBS's API would have answered them, as JSON, or as a table for people.
//!
//! Each plan is written as it comes, so that any number of them takes no memory.

use crate::base::number::counted;
use crate::base::text::{printable, printable_json};
use crate::maintain::args::Form;
use crate::ui::terminal::width::{cut, left};
use pipeline::load::stored_policies::{HeldOperation, HeldPlan};
use pipeline::vbs_api::{ApiPolicy, ScheduledPolicy, Tag, scheduled_policy, tags};
use schedules::zone::Zone;
use serde::Serialize;
use std::io::{self, Write};

/// A plan as JSON.
#[derive(Serialize)]
struct Plan<'p> {
    id: &'p str,
    name: &'p str,
    project_id: &'p str,
    description: &'p str,
    resources: u64,
    tags: &'p [Tag],
    operations: Vec<Operation<'p>>,
}

/// An operation as JSON: its texts as Karbor has them, and what they say.
#[derive(Serialize)]
struct Operation<'p> {
    id: &'p str,
    name: &'p str,
    operation_type: &'p str,
    enabled: bool,
    trigger_id: &'p str,
    trigger_properties: &'p str,
    operation_definition: &'p str,
    scheduled_policy: Option<ScheduledPolicy>,
    reason: Option<String>,
}

/// A listing as it is being written.
pub struct Listing<'w> {
    form: Form,
    /// The widths of the columns on a terminal; elsewhere nothing is cut.
    widths: Option<Vec<usize>>,
    out: &'w mut dyn Write,
    plans: u64,
    operations: u64,
    /// Entries of a JSON list.
    entries: u64,
    without_form: u64,
}

/// The columns of the table: heads, and the least width of each.
const COLUMNS: [(&str, usize); 9] = [
    ("POLICY", 20),
    ("OPERATION", 11),
    ("RUNS", 4),
    ("LOCAL DAYS", 20),
    ("LOCAL TIMES", 15),
    ("ZONE", 9),
    ("KEEPS", 9),
    ("PLAN", 36),
    ("TENANT", 32),
];

/// The columns that a narrow terminal has no room for, which begin here.
const IDS: usize = 7;

/// What a terminal's width beyond the least goes to: the name, the days and the times, in this order, up to these widths.
const GROWING: [(usize, usize); 3] = [(0, 48), (3, 27), (4, 40)];

/// The blanks between two columns.
const GAP: usize = 2;

/// The widths of the columns on a terminal of this width: those of the ids are there or not, and never cut.
fn widths(columns: usize) -> Vec<usize> {
    let least = |shown: usize| COLUMNS.iter().take(shown).map(|(_, width)| width + GAP).sum::<usize>() - GAP;
    let shown = (IDS..=COLUMNS.len()).rev().find(|shown| least(*shown) <= columns).unwrap_or(IDS);
    let mut widths: Vec<usize> = COLUMNS.iter().take(shown).map(|(_, width)| *width).collect();
    let mut left = columns.saturating_sub(least(shown));
    for (column, most) in GROWING {
        let Some(width) = widths.get_mut(column) else { continue };
        let more = left.min(most.saturating_sub(*width));
        *width += more;
        left -= more;
    }
    widths
}

/// The heads of the same as comma-separated values.
const CSV_HEADS: [&str; 11] = [
    "plan_id",
    "tenant_id",
    "policy",
    "operation_id",
    "operation",
    "runs",
    "local_days",
    "local_times",
    "zone",
    "keeps",
    "not_of_vbs_form",
];

impl<'w> Listing<'w> {
    /// A listing of which nothing is written yet.
    pub fn new(form: Form, columns: Option<usize>, out: &'w mut dyn Write) -> Self {
        Self { form, widths: columns.map(widths), out, plans: 0, operations: 0, entries: 0, without_form: 0 }
    }

    /// Writes what comes first, once.
    fn begin(&mut self) -> io::Result<()> {
        match self.form {
            _ if self.plans > 0 => Ok(()),
            Form::Vbs => self.out.write_all(b"{\"backup_policies\":["),
            Form::Json => self.out.write_all(b"["),
            Form::Table => self.row(COLUMNS.map(|(head, _)| head.to_owned())),
            Form::Csv => self.record(CSV_HEADS.map(str::to_owned)),
        }
    }

    /// Writes one plan.
    ///
    /// # Errors
    /// Those of the output.
    pub fn plan(&mut self, plan: &HeldPlan) -> io::Result<()> {
        self.begin()?;
        self.plans += 1;
        let tags = tags(&plan.parameters);
        let operations: Vec<_> =
            plan.operations.iter().map(|operation| (operation, read(operation))).collect();
        for (_, read) in &operations {
            self.operations += 1;
            self.without_form += u64::from(read.is_err());
        }
        match self.form {
            Form::Vbs => operations.into_iter().try_for_each(|(operation, read)| {
                let (scheduled_policy, reason) = apart(read);
                self.entry(&ApiPolicy {
                    backup_policy_id: plan.id.clone(),
                    backup_policy_name: plan.name.clone(),
                    operation_type: (operation.kind != "backup").then(|| operation.kind.clone()),
                    scheduled_policy,
                    reason,
                    policy_resource_count: plan.resources,
                    tags: tags.clone(),
                })
            }),
            Form::Json => {
                let operations = operations.into_iter().map(|(operation, read)| {
                    let (scheduled_policy, reason) = apart(read);
                    Operation {
                        id: &operation.id,
                        name: &operation.name,
                        operation_type: &operation.kind,
                        enabled: operation.enabled,
                        trigger_id: &operation.trigger_id,
                        trigger_properties: &operation.properties,
                        operation_definition: &operation.definition,
                        scheduled_policy,
                        reason,
                    }
                });
                self.entry(&Plan {
                    id: &plan.id,
                    name: &plan.name,
                    project_id: &plan.project_id,
                    description: &plan.description,
                    resources: plan.resources,
                    tags: &tags,
                    operations: operations.collect(),
                })
            }
            Form::Table => self.table(plan, operations),
            Form::Csv => self.csv(plan, operations),
        }
    }

    fn table(
        &mut self,
        plan: &HeldPlan,
        operations: Vec<(&HeldOperation, Result<ScheduledPolicy, String>)>,
    ) -> io::Result<()> {
        let name = || plan.name.clone();
        let ids = || [plan.id.clone(), plan.project_id.clone()];
        let blank = || [String::new(), String::new(), String::new()];
        if operations.is_empty() {
            let cells = [name(), "none".to_owned(), String::new(), String::new()];
            return self.row(cells.into_iter().chain(blank()).chain(ids()));
        }
        for (operation, read) in operations {
            let status = runs(operation);
            match read {
                Ok(policy) => {
                    let zone = policy.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
                    let times = self.shortened(local_times(&policy));
                    let cells =
                        [name(), operation.kind.clone(), status, days(&policy), times, zone, kept(&policy)];
                    self.row(cells.into_iter().chain(ids()))?;
                }
                Err(reason) => {
                    let cells = [name(), operation.kind.clone(), status, "(not VBS's form)".to_owned()];
                    self.row(cells.into_iter().chain(blank()).chain(ids()))?;
                    writeln!(self.out, "    {}", printable(&reason))?;
                }
            }
        }
        Ok(())
    }

    fn csv(
        &mut self,
        plan: &HeldPlan,
        operations: Vec<(&HeldOperation, Result<ScheduledPolicy, String>)>,
    ) -> io::Result<()> {
        let first = || [plan.id.clone(), plan.project_id.clone(), plan.name.clone()].into_iter();
        if operations.is_empty() {
            return self.record(first().chain(std::iter::repeat_n(String::new(), CSV_HEADS.len() - 3)));
        }
        for (operation, read) in operations {
            let of_operation = [operation.id.clone(), operation.kind.clone(), runs(operation)];
            let schedule = match read {
                Ok(policy) => {
                    let zone = policy.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
                    [days(&policy), local_times(&policy).join(" "), zone, kept(&policy), String::new()]
                }
                Err(reason) => {
                    let none = String::new;
                    [none(), none(), none(), none(), reason]
                }
            };
            self.record(first().chain(of_operation).chain(schedule))?;
        }
        Ok(())
    }

    /// One line of comma-separated values (RFC 4180).
    fn record(&mut self, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new().from_writer(&mut *self.out);
        writer.write_record(cells.into_iter().map(|cell| printable(&cell).into_owned()))?;
        writer.flush()
    }

    /// One line of the table; cells are cut on a terminal alone.
    fn row(&mut self, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
        let least = COLUMNS.map(|(_, width)| width);
        let widths = self.widths.as_deref().unwrap_or(&least);
        let cells = cells.into_iter().zip(widths).map(|(cell, columns)| {
            let cell = one_line(&cell);
            let cell = if self.widths.is_some() { cut(&cell, *columns).into_owned() } else { cell };
            left(&cell, *columns)
        });
        let cells: Vec<String> = cells.collect();
        writeln!(self.out, "{}", cells.join("  ").trim_end())
    }

    /// Times of day; of those that are more than a terminal's column has room for, the first, and how many more there are.
    fn shortened(&self, times: Vec<String>) -> String {
        let room = self.widths.as_ref().and_then(|widths| widths.get(4)).copied().unwrap_or(usize::MAX);
        let whole = times.join(" ");
        if whole.len() <= room {
            return whole;
        }
        let fitting = (1..times.len()).rev().find_map(|shown| {
            let text = format!("{} +{}", times.get(..shown)?.join(" "), times.len() - shown);
            (text.len() <= room).then_some(text)
        });
        fitting.unwrap_or(whole)
    }

    fn entry(&mut self, entry: &impl Serialize) -> io::Result<()> {
        let separator: &[u8] = if self.entries == 0 { b"\n" } else { b",\n" };
        self.entries += 1;
        self.out.write_all(separator)?;
        self.out.write_all(printable_json(&serde_json::to_string(entry)?).as_bytes())
    }

    /// Ends the listing.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<()> {
        self.begin()?;
        match self.form {
            Form::Vbs => self.out.write_all(b"\n]}\n")?,
            Form::Json => self.out.write_all(b"\n]\n")?,
            Form::Table => {
                let plans = counted(self.plans, "plan", "plans");
                let operations = counted(self.operations, "operation", "operations");
                write!(self.out, "\n{plans}, {operations}")?;
                if self.without_form > 0 {
                    let changed = counted(self.without_form, "has", "have");
                    write!(self.out, "; {changed} a schedule that VBS has no form for")?;
                }
                writeln!(self.out)?;
                if self.widths.as_ref().is_some_and(|widths| widths.len() < COLUMNS.len()) {
                    writeln!(self.out, "ids and tenants: on a wider terminal, in a pipe, or with --as csv")?;
                }
            }
            Form::Csv => {}
        }
        self.out.flush()
    }
}

fn read(operation: &HeldOperation) -> Result<ScheduledPolicy, String> {
    if operation.properties.is_empty() {
        return Err("the operation's trigger is not there".to_owned());
    }
    scheduled_policy(&operation.properties, &operation.definition, operation.enabled)
}

fn apart(read: Result<ScheduledPolicy, String>) -> (Option<ScheduledPolicy>, Option<String>) {
    match read {
        Ok(policy) => (Some(policy), None),
        Err(reason) => (None, Some(reason)),
    }
}

/// Whether an operation runs by itself.
fn runs(operation: &HeldOperation) -> String {
    if operation.enabled { "ON" } else { "OFF" }.to_owned()
}

/// Names that hold line ends must not break the table.
fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

fn days(policy: &ScheduledPolicy) -> String {
    match (&policy.week_frequency, policy.frequency) {
        (Some(days), _) if days.len() == 7 => "every day of the week".to_owned(),
        (Some(days), _) => {
            let short = |day: &&str| day.chars().take(2).collect::<String>();
            days.iter().map(short).collect::<Vec<_>>().join(" ")
        }
        (None, Some(1)) => "every day".to_owned(),
        (None, n) => format!("every {} days", n.unwrap_or(0)),
    }
}

/// The times as the user's clock shows them.
fn local_times(policy: &ScheduledPolicy) -> Vec<String> {
    let offset = policy.time_zone.as_deref().and_then(|zone| match Zone::parse(zone) {
        Ok(Zone::Fixed(offset)) => Some(offset.minutes()),
        _ => None,
    });
    let local = |time: &str| {
        let (hour, minute) = time.split_once(':')?;
        let time = schedules::schedule::times::MinuteOfDay::new(hour.parse().ok()?, minute.parse().ok()?)?;
        Some(time.plus(offset.unwrap_or(0)).1.to_string())
    };
    policy.start_time.split(',').filter_map(local).collect()
}

fn kept(policy: &ScheduledPolicy) -> String {
    match (policy.rentention_num, policy.rentention_day) {
        (Some(copies), _) => format!("{copies} {}", if copies == 1 { "copy" } else { "copies" }),
        (None, Some(days)) => format!("{days} {}", if days == 1 { "day" } else { "days" }),
        (None, None) => "for good".to_owned(),
    }
}
