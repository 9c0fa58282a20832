//! Runs, checks, verifications and prunes make one comparison: what one of them says, all say.

use crate::dumps::*;
use crate::history::{OTHER, POLICY, changed, copy, site, with};
use crate::site::Site;
use pipeline::compare::Prune;

/// Later than all that a test changes in the source.
const LATER: &str = "2030-01-01 00:00:00.000000";

fn without(rows: &[Source], column: &str, value: &str) -> Vec<Source> {
    changed(rows, |row| (!row.is(column, value)).then(|| row.clone()))
}

fn soft_delete(table: &str, condition: &str) -> String {
    format!("UPDATE {table} SET deleted = true, deleted_at = '{LATER}' WHERE {condition}")
}

#[test]
fn a_set_of_resources_that_karbor_changed_is_kept_whole_by_all() {
    Site::each(|site| {
        let mut first = self::site();
        first.push(resource(POLICY, "volume-9"));
        site.run(&first);
        site.sql(&soft_delete("resources", "resource_id = 'volume-1'"));
        let second = without(&first, "resource_id", "volume-9");
        // Of the site's job records one names the volume, which stays.
        for prune in [Prune::No, Prune::Yes { typed: None }] {
            site.prune = prune;
            site.run(&second).check(&[("resources", "3 unchanged, 1 deleted-in-karbor")]);
        }
        let verified = site.verify(&second);
        assert_eq!(verified("resources"), "3 equal, 3 deleted-in-karbor");
        assert_eq!(site.ask("SELECT count(*) FROM resources"), "5");
    });
}

#[test]
fn the_only_volume_of_a_deleted_plan_is_karbors_affair() {
    Site::each(|site| {
        let first = self::site();
        site.run(&first);
        site.sql(&soft_delete("plans", &format!("id = '{OTHER}'")));
        site.sql(&soft_delete("resources", &format!("plan_id = '{OTHER}'")));
        let mut second = without(&first, "resource_id", "volume-4");
        second.push(resource("nobody", "volume-4"));
        let verified = site.verify(&second);
        assert_eq!(verified("resources"), "3 equal, 1 deleted-in-karbor");
        site.run(&second).check(&[("plans", "2 unchanged, 1 deleted-in-karbor")]);
    });
}

#[test]
fn volumes_of_a_set_that_karbor_wrote_anew_are_as_they_were() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(&soft_delete("resources", &format!("plan_id = '{POLICY}'")));
        site.sql(&format!(
            "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted) VALUES
                 ('{POLICY}', 'volume-1', 'OS::Cinder::Volume', 'db', '{LATER}', false),
                 ('{POLICY}', 'volume-77', 'OS::Cinder::Volume', 'more', '{LATER}', false)"
        ));
        site.run(&rows).check(&[("resources", "3 unchanged, 1 deleted-in-karbor")]);
    });
}

#[test]
fn a_plan_stays_as_long_as_imported_copies_name_it() {
    Site::each(|site| {
        let mut first = self::site();
        first.extend([job("j-9", OTHER, "volume-4", "autobk_9")]);
        first.push(backup(&copy(9)).with("volume_id", "volume-4").with("display_name", "autobk_9"));
        first.extend((100..260).map(|n| backup(&copy(n))));
        site.run(&first);
        let linked = format!("SELECT count(*) FROM checkpoint_items WHERE plan_id = '{OTHER}'");
        assert_eq!(site.ask(&linked), "1");
        let gone = changed(&first, |row| {
            let gone = row.is("policy_id", OTHER) || row.is("name", "e-1");
            (!gone).then(|| row.clone())
        });
        let mut gone = gone;
        gone.extend([
            extend("e-9", "nobody"),
            relation("r-9", "nobody", "t-1"),
            job("j-8", POLICY, "v", "n"),
        ]);
        site.prune = Prune::Yes { typed: None };
        // The copies are not among the dumps.
        let alone = changed(&gone, |row| (row.table != "backups").then(|| row.clone()));
        let told = site.run(&alone);
        assert_eq!(told.became("plans"), "2 unchanged, 1 lost", "{:?}", told.0.warnings);
        let stay = "plans that 1 imported copies name were not removed";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(stay)), "{:?}", told.0.warnings);
        // With them the copy names no plan any more, and the plan goes.
        let told = site.run(&gone);
        assert_eq!(told.became("plans"), "2 unchanged, 1 lost, 1 pruned", "{:?}", told.0.warnings);
        assert_eq!(site.ask(&linked), "0");
    });
}

#[test]
fn what_a_columns_type_drops_makes_no_difference() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql(
            "ALTER TABLE checkpoint_items ALTER created_at TYPE timestamp(0), ALTER updated_at TYPE timestamp(3),
                 ALTER name TYPE char(40), ALTER size TYPE numeric(12, 2), ALTER extend_info TYPE jsonb USING extend_info::jsonb;
             ALTER TABLE plans ALTER created_at TYPE timestamptz(2), ALTER name TYPE char(64);
             ALTER TABLE scheduled_operations ALTER id TYPE char(40), ALTER description TYPE char(30);
             ALTER TABLE triggers ALTER properties TYPE json USING properties::json",
        );
        let mut rows = self::site();
        rows.push(
            backup(&copy(77))
                .with("display_name", "ends in blanks   ")
                .with("created_at", "2018-05-05 10:00:00.5")
                .with("updated_at", "2018-05-05 10:00:00.123456"),
        );
        site.run(&rows);
        site.run(&rows).check(&[]);
        let verified = site.verify(&rows);
        assert_eq!(verified("checkpoint_items"), "5 equal");
        assert_eq!((verified("plans"), verified("triggers")), ("3 equal".to_owned(), "3 equal".to_owned()));
        assert_eq!(verified("scheduled_operations"), "3 equal");
        assert_eq!(site.roll_back(), 3 + 4 + 3 + 3 + 3 + 5);
    });
}

#[test]
fn a_target_without_keys_is_no_excuse() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql("ALTER TABLE checkpoint_items DROP CONSTRAINT checkpoint_items_pkey");
        let rows = self::site();
        let mut twice = rows.clone();
        twice.push(backup(&copy(2)).with("display_name", "again"));
        let error = site.try_run(&twice).unwrap_err().to_string();
        assert!(error.contains("cinder.sql:10 and ") && error.contains("cinder.sql:12: "), "{error}");
        assert_eq!(site.ask("SELECT count(*) FROM checkpoint_items"), "0");
        site.run(&rows);
        // A row that somebody loaded twice is found before anything is done to either.
        site.sql(&format!(
            "INSERT INTO checkpoint_items SELECT * FROM checkpoint_items WHERE id = '{}'",
            copy(2)
        ));
        let verified = site.verify(&rows);
        assert_eq!(verified("checkpoint_items"), "4 equal, 1 extra");
        let edited = with(&rows, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        let error = site.try_run(&edited).unwrap_err().to_string();
        assert!(error.contains(&format!("the target contains two rows with the key {}", copy(2))), "{error}");
    });
}

#[test]
fn a_trust_that_is_known_later_reaches_operations_that_have_fired() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(&format!("UPDATE scheduled_operation_states SET state = 'running', updated_at = '{LATER}'"));
        site.run(&rows).check(&[("scheduled_operation_states", "3 changed-in-karbor")]);
        site.settings.trust_id = Some("real".to_owned());
        let verified = site.verify(&rows);
        assert_eq!(verified("scheduled_operation_states"), "3 different");
        site.run(&rows).check(&[("scheduled_operation_states", "3 updated")]);
        // Only the trust was the placeholder's; what the engine wrote stays.
        let states =
            "SELECT count(*) FROM scheduled_operation_states WHERE trust_id = 'real' AND state = 'running'";
        assert_eq!(site.ask(states), "3");
        // Another real trust is Karbor's affair, and so is a service that lives.
        site.settings.trust_id = Some("other".to_owned());
        site.run(&rows).check(&[("scheduled_operation_states", "3 changed-in-karbor")]);
        site.sql("UPDATE services SET disabled = true");
        site.sql(
            "INSERT INTO services (id, updated_at, deleted, host, \"binary\", report_count, disabled)
                 VALUES (78, '2030-01-01 00:00:00.000000', false, 'node3', 'karbor-operationengine', 0, false)",
        );
        site.settings.trust_id = None;
        site.run(&rows).check(&[("scheduled_operation_states", "3 updated")]);
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states WHERE service_id = 78"), "3");
    });
}

#[test]
fn the_next_time_of_a_trigger_goes_when_its_schedule_changes() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(
            "CREATE TABLE trigger_executions (id varchar(36), trigger_id varchar(36), execution_time timestamp);
             INSERT INTO trigger_executions SELECT id, id, '2030-01-01 00:00:00' FROM triggers",
        );
        let name = changed(&rows, |row| {
            let policy = row.table == "backup_policy" && row.is("policy_id", POLICY);
            let row = row.clone();
            Some(if policy {
                row.with("policy_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
            } else {
                row
            })
        });
        // Its trigger is updated, but fires as before.
        site.run(&name);
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "3");
        let moved = changed(&name, |row| {
            let policy = row.table == "backup_policy" && row.is("policy_id", POLICY);
            let row = row.clone();
            Some(if policy {
                row.with("back_up_start_time", "05:00").with("updated_at", "2029-01-02 00:00:00")
            } else {
                row
            })
        });
        let mut before = site.rows();
        let told = site.run(&moved);
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "2");
        let said =
            "the next times of 1 triggers whose schedules changed were removed from trigger_executions";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(said)), "{:?}", told.0.warnings);
        before.retain(|row| !site.rows().contains(row));
        assert_eq!(before.len(), 3, "a plan, its trigger and its operation");
        site.roll_back();
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "0");
    });
}

#[test]
fn older_dumps_are_told_as_that_and_remove_nothing_unasked() {
    Site::each(|site| {
        let older = self::site();
        let mut newer = with(&older, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        newer.extend((500..600).map(|n| backup(&copy(n))));
        newer.push(backup(&copy(400)).with("created_at", "2029-02-01 00:00:00"));
        site.run(&newer);
        let mut stale = older.clone();
        stale.extend((500..600).map(|n| backup(&copy(n))));
        let told = site.run(&stale);
        assert_eq!(told.became("checkpoint_items"), "103 unchanged, 1 newer-in-target, 1 lost");
        let seem = "the dumps seem older than what was imported";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(seem)), "{:?}", told.0.warnings);
        site.prune = Prune::Yes { typed: None };
        let error = site.try_run(&stale).unwrap_err();
        assert!(error.to_string().contains(seem), "{error}");
        site.prune = Prune::Yes { typed: Some(1) };
        assert_eq!(
            site.run(&stale).became("checkpoint_items"),
            "103 unchanged, 1 newer-in-target, 1 lost, 1 pruned"
        );
    });
}

#[test]
fn rows_go_in_the_order_of_the_targets_own_foreign_keys() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.run(&self::site());
        site.sql(
            "ALTER TABLE checkpoint_items ADD FOREIGN KEY (plan_id) REFERENCES plans (id);
             ALTER TABLE plans ADD COLUMN last_item varchar(36) REFERENCES checkpoint_items (id) DEFERRABLE INITIALLY DEFERRED;
             CREATE TABLE tags (id serial, plan varchar(36) REFERENCES plans (id) ON DELETE CASCADE);
             INSERT INTO tags (plan) SELECT max(id) FROM plans",
        );
        let error = site.try_roll_back().unwrap_err();
        let told = format!("{error} / {}", error.remedy().unwrap());
        assert!(
            told.contains(
                "1 row of public.tags refers by \"plan\" to imported rows of plans; nothing was deleted"
            ),
            "{told}"
        );
        site.sql("DELETE FROM tags");
        site.roll_back();
        assert_eq!(site.ask("SELECT count(*) FROM plans"), "0");
    });
}

#[test]
fn who_may_only_read_can_check_and_verify() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        let rows = self::site();
        site.run(&rows);
        site.only_read();
        site.mode = pipeline::options::Mode::Check;
        let edited = with(&rows, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        let told = site.run(&edited);
        assert_eq!(told.became("checkpoint_items"), "1 updated, 3 unchanged", "{:?}", told.0.warnings);
        assert_eq!(site.verify(&edited)("checkpoint_items"), "3 equal, 1 different");
        site.mode = pipeline::options::Mode::Run;
        site.try_run(&edited).unwrap_err();
    });
}
