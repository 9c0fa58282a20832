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
    out: &'w mut dyn Write,
    plans: u64,
    operations: u64,
    /// Entries of a JSON list.
    entries: u64,
    without_form: u64,
}

/// The columns of the table: heads and widths; with the blanks between them they are a hundred.
const COLUMNS: [(&str, usize); 7] = [
    ("POLICY", 20),
    ("OPERATION", 11),
    ("RUNS", 4),
    ("LOCAL DAYS", 20),
    ("LOCAL TIMES", 15),
    ("ZONE", 9),
    ("KEEPS", 9),
];

impl<'w> Listing<'w> {
    /// A listing of which nothing is written yet.
    pub fn new(form: Form, out: &'w mut dyn Write) -> Self {
        Self { form, out, plans: 0, operations: 0, entries: 0, without_form: 0 }
    }

    /// Writes what comes first, once.
    fn begin(&mut self) -> io::Result<()> {
        match self.form {
            _ if self.plans > 0 => Ok(()),
            Form::Vbs => self.out.write_all(b"{\"backup_policies\":["),
            Form::Json => self.out.write_all(b"["),
            Form::Table => row(self.out, COLUMNS.map(|(head, _)| head.to_owned())),
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
        }
    }

    fn table(
        &mut self,
        plan: &HeldPlan,
        operations: Vec<(&HeldOperation, Result<ScheduledPolicy, String>)>,
    ) -> io::Result<()> {
        let name = || plan.name.clone();
        if operations.is_empty() {
            return row(self.out, [name(), "none".to_owned()]);
        }
        for (operation, read) in operations {
            let status = if operation.enabled { "ON" } else { "OFF" }.to_owned();
            match read {
                Ok(policy) => {
                    let zone = policy.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
                    let times = local_times(&policy);
                    let cells =
                        [name(), operation.kind.clone(), status, days(&policy), times, zone, kept(&policy)];
                    row(self.out, cells)?;
                }
                Err(reason) => {
                    row(self.out, [name(), operation.kind.clone(), status, "(not VBS's form)".to_owned()])?;
                    writeln!(self.out, "    {}", printable(&reason))?;
                }
            }
        }
        Ok(())
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
            }
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

/// One line of the table, of as many cells as there are.
fn row(out: &mut dyn Write, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
    let cells = cells.into_iter().zip(COLUMNS);
    let cells: Vec<String> =
        cells.map(|(cell, (_, columns))| left(&cut(&one_line(&cell), columns), columns)).collect();
    writeln!(out, "{}", cells.join("  ").trim_end())
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

/// The times as the user's clock shows them; of many the first two, and how many more there are.
fn local_times(policy: &ScheduledPolicy) -> String {
    let offset = policy.time_zone.as_deref().and_then(|zone| match Zone::parse(zone) {
        Ok(Zone::Fixed(offset)) => Some(offset.minutes()),
        _ => None,
    });
    let local = |time: &str| {
        let (hour, minute) = time.split_once(':')?;
        let time = schedules::schedule::times::MinuteOfDay::new(hour.parse().ok()?, minute.parse().ok()?)?;
        Some(time.plus(offset.unwrap_or(0)).1.to_string())
    };
    let times: Vec<String> = policy.start_time.split(',').filter_map(local).collect();
    match times.as_slice() {
        [first, second, rest @ ..] if !rest.is_empty() => format!("{first} {second} +{}", rest.len()),
        times => times.join(" "),
    }
}

fn kept(policy: &ScheduledPolicy) -> String {
    match (policy.rentention_num, policy.rentention_day) {
        (Some(copies), _) => format!("{copies} {}", if copies == 1 { "copy" } else { "copies" }),
        (None, Some(days)) => format!("{days} {}", if days == 1 { "day" } else { "days" }),
        (None, None) => "for good".to_owned(),
    }
}
