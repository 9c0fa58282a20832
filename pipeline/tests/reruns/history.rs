//! The same site, dumped again and again while it lives on.

use crate::dumps::*;
use crate::site::Site;
use pipeline::settings::Unsteady;

pub(crate) const POLICY: &str = "0d663291-49fa-4231-8df3-0bf5613cdb52";
pub(crate) const OTHER: &str = "1d663291-49fa-4231-8df3-0bf5613cdb52";
pub(crate) const PLAN: &str = "2d663291-49fa-4231-8df3-0bf5613cdb52";

/// An id of a copy.
pub(crate) fn copy(n: u32) -> String {
    format!("{n:08}-aaaa-4000-8000-000000000000")
}

/// Two VBS policies, one of them with an extend row and a trigger; a DPS plan; copies of each.
pub(crate) fn site() -> Vec<Source> {
    let mut rows = vec![
        policy(POLICY),
        resource(POLICY, "volume-1"),
        resource(POLICY, "volume-3"),
        tag(POLICY, "owner", "finance"),
        policy(OTHER).with("policy_name", "weekly"),
        extend("e-1", OTHER),
        trigger("t-1", "0 0 3 ? * MON"),
        relation("r-1", OTHER, "t-1"),
        resource(OTHER, "volume-4"),
        job("j-1", POLICY, "volume-1", "autobk_1"),
        backup(&copy(1)).with("display_name", "autobk_1"),
        backup(&copy(2)),
        backup(&copy(3)),
        item(&copy(50)).with("plan_id", PLAN),
        cycle("c-1"),
        spec("dps-1", "speed", "fast"),
        destination("d-1", "dps-1", "north"),
    ];
    rows.extend(sound_plan(PLAN, "dps-1"));
    rows
}

/// The rows, each changed by `change` where it answers another one, or taken out.
pub(crate) fn changed(rows: &[Source], change: impl Fn(&Source) -> Option<Source>) -> Vec<Source> {
    rows.iter().filter_map(change).collect()
}

/// The rows with one of them changed.
pub(crate) fn with(
    rows: &[Source],
    column: &str,
    value: &str,
    change: impl Fn(Source) -> Source,
) -> Vec<Source> {
    let mut hits = 0;
    let out = rows.iter().map(|row| {
        if row.is(column, value) {
            hits += 1;
            change(row.clone())
        } else {
            row.clone()
        }
    });
    let out = out.collect();
    assert_eq!(hits, 1, "one row with {column} = {value}");
    out
}

#[test]
fn the_same_dumps_again_change_nothing() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows).check(&[
            ("plans", "3 inserted"),
            ("resources", "4 inserted"),
            ("triggers", "3 inserted"),
            ("scheduled_operations", "3 inserted"),
            ("scheduled_operation_states", "3 inserted"),
            ("checkpoint_items", "4 inserted"),
        ]);
        let before = site.rows();
        assert_eq!(before.len(), 3 + 4 + 3 + 3 + 3 + 4 + 1);
        for _ in 0..2 {
            let again = site.run(&rows);
            again.check(&[]);
            assert!(again.0.compared && again.0.written() == 0);
            assert_eq!(site.rows(), before);
        }
        site.check(&rows).check(&[]);
    });
}

#[test]
fn an_increment_brings_what_is_new_and_changed_and_nothing_else() {
    Site::each(|site| {
        let mut first = self::site();
        first.push(backup(&copy(4)).with("status", "creating"));
        site.run(&first);
        let later = "2018-09-01 00:00:00";
        // A copy is finished, one is renamed, one is new; a policy moves, gains a volume, and another policy is new.
        let mut second =
            with(&first, "id", &copy(4), |row| row.with("status", "available").with("updated_at", later));
        second = with(&second, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", later)
        });
        second.push(backup(&copy(5)));
        second = changed(&second, |row| {
            let is_policy = row.table == "backup_policy" && row.is("policy_id", POLICY);
            Some(if is_policy {
                row.clone().with("back_up_start_time", "05:00").with("updated_at", later)
            } else {
                row.clone()
            })
        });
        second.push(resource(POLICY, "volume-9").with("created_at", later));
        let new = "3d663291-49fa-4231-8df3-0bf5613cdb52";
        second.extend([policy(new), resource(new, "volume-7")]);
        let expected: &[(&str, &str)] = &[
            ("plans", "1 inserted, 1 updated, 2 unchanged"),
            ("resources", "2 inserted, 4 unchanged"),
            ("triggers", "1 inserted, 1 updated, 2 unchanged"),
            ("scheduled_operations", "1 inserted, 1 updated, 2 unchanged"),
            ("scheduled_operation_states", "1 inserted, 3 unchanged"),
            ("checkpoint_items", "2 inserted, 1 updated, 3 unchanged"),
        ];
        site.check(&second).check(expected);
        site.run(&second).check(expected);
        assert_eq!(
            site.ask(&format!("SELECT name FROM checkpoint_items WHERE id = '{}'", copy(2))),
            "renamed"
        );
        let properties = "SELECT count(*) FROM triggers WHERE properties LIKE '%BYHOUR=5;BYMINUTE=0%'";
        assert_eq!(site.ask(properties), "1");
        let before = site.rows();
        site.run(&second).check(&[]);
        assert_eq!(site.rows(), before);
    });
}

#[test]
fn what_the_dumps_no_longer_hold_is_told_and_left() {
    Site::each(|site| {
        let first = self::site();
        site.run(&first);
        let before = site.rows();
        // A copy is gone, one is soft-deleted, one waits; a volume leaves its policy; a policy is gone with all that is its own.
        let second = changed(&first, |row| {
            let row = row.clone();
            if row.is("id", &copy(1)) || row.is("policy_id", OTHER) || row.is("resource_id", "volume-3") {
                None
            } else if row.is("id", &copy(2)) {
                Some(row.with("deleted", "t"))
            } else if row.is("id", &copy(3)) {
                Some(row.with("status", "restoring"))
            } else {
                Some(row)
            }
        });
        // The tables must still be there for anybody to know that rows of them are gone.
        let mut second = second;
        second.extend([extend("e-9", "nobody"), relation("r-9", "nobody", "t-1")]);
        let told = site.run(&second);
        told.check(&[
            ("plans", "2 unchanged, 1 lost"),
            ("resources", "2 unchanged, 2 lost"),
            ("scheduled_operations", "2 unchanged, 1 lost"),
            ("checkpoint_items", "1 unchanged, 2 lost"),
        ]);
        let keys: Vec<_> = told.0.target_rows.iter().map(|row| row.key.join("/")).collect();
        assert!(keys.contains(&copy(1)) && keys.contains(&copy(2)) && !keys.contains(&copy(3)), "{keys:?}");
        assert!(keys.contains(&OTHER.to_owned()) && keys.contains(&format!("{POLICY}/volume-3")), "{keys:?}");
        assert_eq!(site.rows(), before);
    });
}

#[test]
fn a_finished_copy_is_never_made_unfinished_again() {
    Site::each(|site| {
        site.settings.unsteady = Unsteady::Carry;
        let mut rows = self::site();
        rows.push(job("j-2", POLICY, "volume-8", "autobk_8").with("current_run_state", "RUNNING"));
        rows.push(backup(&copy(8)).with_all(&[
            ("volume_id", "volume-8"),
            ("display_name", "autobk_8"),
            ("status", "creating"),
        ]));
        site.run(&rows);
        let status = format!("SELECT status FROM checkpoint_items WHERE id = '{}'", copy(8));
        assert_eq!(site.ask(&status), "protecting");
        site.run(&rows).check(&[]);
        site.sql(&format!("UPDATE checkpoint_items SET status = 'available' WHERE id = '{}'", copy(8)));
        let later = with(&rows, "id", &copy(8), |row| row.with("updated_at", "2019-01-01 00:00:00"));
        site.run(&later).check(&[("checkpoint_items", "4 unchanged, 1 finished-in-karbor")]);
        assert_eq!(site.ask(&status), "available");
        let done = with(&later, "id", &copy(8), |row| row.with("status", "error"));
        site.run(&done).check(&[("checkpoint_items", "1 updated, 4 unchanged")]);
        assert_eq!(site.ask(&status), "error");
    });
}

#[test]
fn a_key_that_is_twice_in_the_dumps_fails_the_run() {
    Site::each(|site| {
        let mut rows = self::site();
        site.run(&rows);
        let before = site.rows();
        rows.push(backup(&copy(2)).with("updated_at", "2019-01-01 00:00:00"));
        let error = site.try_run(&rows).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(&format!("the dumps contain two copies with the id {}", copy(2))), "{told}");
        assert!(told.contains("cinder.sql:10 and ") && told.contains("cinder.sql:12: "), "{told}");
        assert_eq!(site.rows(), before);
    });
}

#[test]
fn thousands_of_rows_that_differ_in_a_few_are_told_apart() {
    Site::each(|site| {
        let rows = |changed: &dyn Fn(u32) -> bool| {
            let copies = (0..3_000).map(|n| {
                let row = backup(&copy(n));
                if changed(n) {
                    row.with("size", "99").with("updated_at", "2019-01-01 00:00:00")
                } else {
                    row
                }
            });
            let policies = (0..600).flat_map(|n| {
                let id = format!("policy-{n}");
                let row = policy(&id).with("policy_name", if changed(n) { "moved" } else { "as it was" });
                let row = if changed(n) { row.with("updated_at", "2019-01-01 00:00:00") } else { row };
                [row, resource(&id, &format!("volume-{n}"))]
            });
            copies.chain(policies).collect::<Vec<_>>()
        };
        site.run(&rows(&|_| false));
        let told = site.run(&rows(&|n| n % 100 == 7));
        told.check(&[
            ("plans", "6 updated, 594 unchanged"),
            ("triggers", "6 updated, 594 unchanged"),
            ("scheduled_operations", "6 updated, 594 unchanged"),
            ("checkpoint_items", "30 updated, 2970 unchanged"),
        ]);
        site.run(&rows(&|n| n % 100 == 7)).check(&[]);
        // All of them at once.
        site.run(&rows(&|n| n % 100 != 7)).check(&[
            ("plans", "594 updated, 6 changed-in-karbor"),
            ("resources", "600 unchanged"),
            ("triggers", "594 updated, 6 changed-in-karbor"),
            ("scheduled_operations", "594 updated, 6 changed-in-karbor"),
            ("checkpoint_items", "2970 updated, 30 changed-in-karbor"),
        ]);
    });
}

#[test]
fn a_whole_history_ends_where_it_began() {
    Site::each(|site| {
        // Karbor's tables with rows of its own and none of ours.
        site.run(&[backup(&copy(900))]);
        assert_eq!(site.roll_back(), 1);
        site.sql(
            "INSERT INTO plans (id, name, description, project_id, status, created_at, deleted)
                 VALUES ('own', 'own', 'by hand', 'p', 'suspended', '2018-01-01 00:00:00.000000', false)",
        );
        let before = site.rows();

        // The full run, with a copy that is still being made.
        site.settings.unsteady = Unsteady::Carry;
        let mut rows = self::site();
        let unfinished = [("volume_id", "volume-8"), ("display_name", "autobk_8"), ("status", "creating")];
        rows.push(
            job("j-8", POLICY, "volume-8", "autobk_8")
                .with("current_run_state", "RUNNING")
                .with("taskmgr_job_id", "task-8"),
        );
        rows.push(backup(&copy(8)).with_all(&unfinished));
        site.run(&rows).check(&[
            ("plans", "3 inserted"),
            ("resources", "4 inserted"),
            ("triggers", "3 inserted"),
            ("scheduled_operations", "3 inserted"),
            ("scheduled_operation_states", "3 inserted"),
            ("checkpoint_items", "5 inserted"),
        ]);

        // Users at work in Karbor.
        let later = "2020-01-01 00:00:00.000000";
        site.sql(&format!(
            "UPDATE plans SET name = 'edited', updated_at = '{later}' WHERE id = '{OTHER}';
             UPDATE checkpoint_items SET deleted = true, deleted_at = '{later}' WHERE id = '{}'",
            copy(3)
        ));

        // The source went on: a copy is new, one changed, one is gone, and everything of one policy moved.
        let stamp = "2019-01-01 00:00:00";
        let mut second = with(&rows, "id", &copy(2), |row| row.with("size", "41").with("updated_at", stamp));
        second = changed(&second, |row| {
            let row = row.clone();
            match row.table {
                "backups" if row.is("id", &copy(1)) => None,
                "backups" if row.is("id", &copy(3)) => Some(row.with("size", "99").with("updated_at", stamp)),
                "backup_policy" => Some(row.with("rentention_num", "9").with("updated_at", stamp)),
                _ => Some(row),
            }
        });
        second.push(backup(&copy(4)));
        let expected: &[(&str, &str)] = &[
            ("plans", "1 updated, 1 unchanged, 1 changed-in-karbor"),
            ("resources", "4 unchanged"),
            ("triggers", "2 updated, 1 unchanged"),
            ("scheduled_operations", "2 updated, 1 unchanged"),
            ("scheduled_operation_states", "3 unchanged"),
            ("checkpoint_items", "1 inserted, 1 updated, 2 unchanged, 1 deleted-in-karbor, 1 lost"),
        ];
        site.check(&second).check(expected);
        let told = site.run(&second);
        told.check(expected);
        let named: Vec<_> = told.0.target_rows.iter().map(|row| (row.key.concat(), row.reason)).collect();
        assert_eq!(
            named,
            [
                (OTHER.to_owned(), Some("changed-in-karbor")),
                (copy(3), Some("deleted-in-karbor")),
                (copy(1), None),
            ]
        );

        // The job is over, and Karbor hears of it.
        let finished = Source::new("taskmgr_job", &[("job_id", "task-8"), ("current_status", "SUCCESS")]);
        let synced = site.sync(&[finished]);
        assert_eq!((synced.protecting, synced.available, synced.failed), (1, 1, 0));
        let status = format!("SELECT status FROM checkpoint_items WHERE id = '{}'", copy(8));
        assert_eq!(site.ask(&status), "available");

        // Dumps from before that do not make it unfinished again.
        let told = site.run(&second);
        assert_eq!(told.0.written(), 0, "{:?}", told.0.tables);
        assert_eq!(site.ask(&status), "available");
        let names = "SELECT count(*) FROM plans WHERE name = 'edited'";
        assert_eq!(
            (site.ask(names), site.ask("SELECT count(*) FROM checkpoint_items")),
            ("1".into(), "6".into())
        );

        // And never mind.
        assert_eq!(site.roll_back(), 3 + 4 + 3 + 3 + 3 + 6);
        assert_eq!(site.rows(), before);
    });
}
