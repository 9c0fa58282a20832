//! What the copies are like: counts by status, month and tenant, for the report.
//!
//! They are counted chunk by chunk where the copies are transformed, and added up in the order of the chunks. What is held
//! does not grow with the copies: a handful of statuses, the months of the years 1 to 9999 at most, and so many tenants.

use chrono::{DateTime, Datelike};
use parsers::value::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How many tenants are told apart; copies of any that turn up later are counted together.
const TENANTS_COUNTED: usize = 4096;

/// How many tenants the report names: those with the most copies.
pub const TENANTS_NAMED: usize = 50;

/// How many drivers that are not VBS's are counted by name, the rest together; Cinder has a dozen.
const SERVICES_COUNTED: usize = 64;

/// Statuses that cinder and DPS have for copies, and last what any other is counted under.
const STATUSES: [&str; 8] =
    ["available", "error", "error_restoring", "error_deleting", "creating", "restoring", "deleting", "other"];

/// A copy that is converted, as far as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'c> {
    /// Its status at the source.
    pub status: &'c str,
    /// Its project.
    pub project_id: &'c str,
    /// The time its data are of.
    pub protected_at: Timestamp,
    /// Its volume's size in GB.
    pub gigabytes: i64,
    /// Whether it can be restored from.
    pub good: bool,
}

/// Counts of copies.
#[derive(Clone, Debug, Default)]
pub struct CopyFigures {
    /// Migrated and deferred, by the number of the status.
    statuses: [(u64, u64); STATUSES.len()],
    /// Good and bad ones, by year and month.
    months: BTreeMap<(i32, u32), (u64, u64)>,
    tenants: HashMap<Box<str>, Held>,
    /// Those of tenants that are not told apart.
    beyond: Held,
    /// Copies that are left out because of the driver that made them, by driver.
    services: BTreeMap<Box<str>, u64>,
}

/// What one tenant holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    copies: u64,
    gigabytes: u64,
}

impl Held {
    fn add(&mut self, other: Self) {
        self.copies += other.copies;
        self.gigabytes = self.gigabytes.saturating_add(other.gigabytes);
    }
}

impl CopyFigures {
    /// Counts a copy that became an item.
    pub fn migrated(&mut self, copy: Counted<'_>) {
        self.status(copy.status).0 += 1;
        let held = Held { copies: 1, gigabytes: u64::try_from(copy.gigabytes).unwrap_or(0) };
        self.hold(copy.project_id, held);
        // Times are of the years 1 to 9999, all of which the calendar has.
        let at = DateTime::from_timestamp(copy.protected_at.seconds(), 0).unwrap_or_default();
        let month = self.months.entry((at.year(), at.month())).or_default();
        if copy.good {
            month.0 += 1;
        } else {
            month.1 += 1;
        }
    }

    /// Counts a copy that waits for a later run.
    pub fn deferred(&mut self, status: &str) {
        self.status(status).1 += 1;
    }

    /// Counts copies that are left out because of the driver that made them.
    pub fn of_other_service(&mut self, service: &str, copies: u64) {
        if let Some(count) = self.services.get_mut(service) {
            *count += copies;
        } else {
            let known = self.services.len() < SERVICES_COUNTED;
            *self.services.entry(if known { service } else { "…" }.into()).or_default() += copies;
        }
    }

    /// Whether a copy has a status that is none of those that are known.
    #[must_use]
    pub fn has_other_status(&self) -> bool {
        self.statuses.last().is_some_and(|other| *other != (0, 0))
    }

    /// Adds what a later chunk counted.
    pub fn add(&mut self, other: Self) {
        for (counts, more) in self.statuses.iter_mut().zip(other.statuses) {
            counts.0 += more.0;
            counts.1 += more.1;
        }
        for (month, more) in other.months {
            let counts = self.months.entry(month).or_default();
            counts.0 += more.0;
            counts.1 += more.1;
        }
        // In the order of their names, so that those that are told apart do not depend on chance.
        let mut tenants: Vec<_> = other.tenants.into_iter().collect();
        tenants.sort_unstable_by(|(one, _), (next, _)| one.cmp(next));
        for (tenant, held) in tenants {
            self.hold(&tenant, held);
        }
        self.beyond.add(other.beyond);
        other.services.iter().for_each(|(service, copies)| self.of_other_service(service, *copies));
    }

    fn status(&mut self, status: &str) -> &mut (u64, u64) {
        let [known @ .., other] = &mut self.statuses;
        let found = STATUSES.iter().zip(known).find(|(name, _)| **name == status);
        found.map_or(other, |(_, counts)| counts)
    }

    fn hold(&mut self, tenant: &str, more: Held) {
        if let Some(held) = self.tenants.get_mut(tenant) {
            held.add(more);
        } else if self.tenants.len() < TENANTS_COUNTED {
            self.tenants.insert(tenant.into(), more);
        } else {
            self.beyond.add(more);
        }
    }

    /// The figures as the report tells them.
    #[must_use]
    pub fn told(self) -> CopyReport {
        let statuses = STATUSES.into_iter().zip(self.statuses);
        let statuses = statuses
            .filter(|(_, counts)| *counts != (0, 0))
            .map(|(status, (migrated, deferred))| StatusCount { status, migrated, deferred });
        let months =
            self.months.into_iter().map(|((year, month), (good, bad))| MonthCount { year, month, good, bad });
        let mut tenants: Vec<_> = self.tenants.into_iter().collect();
        tenants.sort_unstable_by(|(one, held), (next, more)| (more.copies, one).cmp(&(held.copies, next)));
        let mut others = self.beyond;
        let unnamed = tenants.split_off(tenants.len().min(TENANTS_NAMED));
        unnamed.iter().for_each(|(_, held)| others.add(*held));
        let told = |(tenant, held): (Box<str>, Held)| TenantCount {
            project_id: tenant.into(),
            copies: held.copies,
            gigabytes: held.gigabytes,
        };
        CopyReport {
            statuses: statuses.collect(),
            months: months.collect(),
            tenants: tenants.into_iter().map(told).collect(),
            other_tenants_copies: others.copies,
            other_tenants_gigabytes: others.gigabytes,
            other_services: self
                .services
                .into_iter()
                .map(|(service, copies)| ServiceCount { service: service.into(), copies })
                .collect(),
        }
    }
}

/// What the report tells of copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CopyReport {
    /// Copies by their status at the source.
    pub statuses: Vec<StatusCount>,
    /// Migrated copies by the month their data are of, ascending; months without any are left out.
    pub months: Vec<MonthCount>,
    /// Migrated copies by tenant, those with the most first; at most [`TENANTS_NAMED`].
    pub tenants: Vec<TenantCount>,
    /// Copies of all other tenants.
    pub other_tenants_copies: u64,
    /// Their volumes' sizes in GB.
    pub other_tenants_gigabytes: u64,
    /// Copies that are left out because of the driver that made them (setting backup_services), by driver.
    pub other_services: Vec<ServiceCount>,
}

/// Copies of one backup driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceCount {
    /// The driver; empty where the row names none.
    pub service: String,
    /// Its copies.
    pub copies: u64,
}

/// Copies of one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusCount {
    /// The status at the source.
    pub status: &'static str,
    /// Those that became items.
    pub migrated: u64,
    /// Those that wait for a later run.
    pub deferred: u64,
}

/// Copies of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonthCount {
    /// The year.
    pub year: i32,
    /// The month, from 1.
    pub month: u32,
    /// Those that can be restored from.
    pub good: u64,
    /// Those that failed.
    pub bad: u64,
}

/// Copies of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantCount {
    /// The tenant.
    pub project_id: String,
    /// Its copies.
    pub copies: u64,
    /// Their volumes' sizes in GB.
    pub gigabytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy<'c>(status: &'c str, project_id: &'c str, day: &str) -> Counted<'c> {
        let protected_at = Timestamp::parse(day).unwrap();
        Counted { status, project_id, protected_at, gigabytes: 10, good: status != "error" }
    }

    #[test]
    fn copies_are_counted_by_status_month_and_tenant() {
        let mut figures = CopyFigures::default();
        figures.migrated(copy("available", "a", "2018-12-31 23:59:59.999999"));
        figures.migrated(copy("error_restoring", "b", "2019-01-01"));
        let mut later = CopyFigures::default();
        later.migrated(copy("error", "b", "2019-01-31"));
        later.deferred("creating");
        later.deferred("backing-up");
        later.deferred("");
        figures.add(later);
        let told = figures.told();
        let statuses: Vec<_> = told.statuses.iter().map(|s| (s.status, s.migrated, s.deferred)).collect();
        assert_eq!(
            statuses,
            [
                ("available", 1, 0),
                ("error", 1, 0),
                ("error_restoring", 1, 0),
                ("creating", 0, 1),
                ("other", 0, 2)
            ]
        );
        let months: Vec<_> = told.months.iter().map(|m| (m.year, m.month, m.good, m.bad)).collect();
        assert_eq!(months, [(2018, 12, 1, 0), (2019, 1, 1, 1)]);
        let tenants: Vec<_> =
            told.tenants.iter().map(|t| (t.project_id.as_str(), t.copies, t.gigabytes)).collect();
        assert_eq!(tenants, [("b", 2, 20), ("a", 1, 10)]);
        assert_eq!(told.other_tenants_copies, 0);
    }

    #[test]
    fn the_tenants_with_the_most_copies_are_named_and_nobodys_copies_are_lost() {
        let mut figures = CopyFigures::default();
        for tenant in 0..TENANTS_COUNTED + 7 {
            let name = format!("{tenant:05}");
            for _ in 0..1 + u64::from(tenant % 100 == 0) {
                figures.migrated(copy("available", &name, "2018-01-01"));
            }
        }
        let told = figures.told();
        assert_eq!(told.tenants.len(), TENANTS_NAMED);
        // 41 tenants of two copies each, then those of one by their names.
        assert_eq!((told.tenants[40].project_id.as_str(), told.tenants[40].copies), ("04000", 2));
        assert_eq!((told.tenants[41].project_id.as_str(), told.tenants[41].copies), ("00001", 1));
        let named: u64 = told.tenants.iter().map(|tenant| tenant.copies).sum();
        // 4100 is beyond those that are told apart, and has two.
        let all = u64::try_from(TENANTS_COUNTED + 7).unwrap() + 42;
        assert_eq!(named + told.other_tenants_copies, all);
        assert_eq!(told.other_tenants_gigabytes, told.other_tenants_copies * 10);
    }

    #[test]
    fn drivers_that_are_not_vbs_s_are_counted_and_only_so_many_told_apart() {
        let mut figures = CopyFigures::default();
        for n in 0..SERVICES_COUNTED + 5 {
            let mut part = CopyFigures::default();
            part.of_other_service(&format!("driver-{n:03}"), 2);
            part.of_other_service("driver-000", 1);
            figures.add(part);
        }
        let told = figures.told().other_services;
        let all: u64 = told.iter().map(|one| one.copies).sum();
        assert_eq!(
            (told.len(), all),
            (SERVICES_COUNTED + 1, 3 * u64::try_from(SERVICES_COUNTED + 5).unwrap())
        );
        assert_eq!((told[0].service.as_str(), told[0].copies), ("driver-000", 71));
        assert_eq!((told[SERVICES_COUNTED].service.as_str(), told[SERVICES_COUNTED].copies), ("…", 10));
    }

    #[test]
    fn however_rows_are_cut_into_chunks_nobody_is_lost() {
        let names: Vec<String> = (0..5000).map(|n| format!("{:05}", n * 7919 % 5003)).collect();
        let count = |size: usize| {
            let mut figures = CopyFigures::default();
            for chunk in names.chunks(size) {
                let mut part = CopyFigures::default();
                chunk.iter().for_each(|name| part.migrated(copy("available", name, "2018-01-01")));
                figures.add(part);
            }
            let told = figures.told();
            (told.tenants.iter().map(|t| t.copies).sum::<u64>(), told.other_tenants_copies, told.months)
        };
        assert_eq!(count(1), count(4999));
        assert_eq!(count(1), count(64));
    }
}
