//! The plan of a copy: that of the policy that made it, where the job records leave no doubt.

use crate::dumps::*;
use crate::harness::{Setup, convert, text};

const P: &str = "11111111-1111-4111-8111-111111111111";
const Q: &str = "22222222-2222-4222-8222-222222222222";

/// The plan and `auto_trigger` of the only copy.
fn linked(rows: &[Source]) -> (String, bool) {
    let mut all = vec![policy(P), policy(Q), backup("b")];
    all.extend_from_slice(rows);
    let out = convert(&all);
    let item = out.only("checkpoint_items");
    (text(item, "plan_id").to_owned(), text(item, "extend_info").contains(r#""auto_trigger":true"#))
}

fn unknown() -> (String, bool) {
    (String::new(), false)
}

/// A record of the copy's volume and name.
fn record(id: &str, policy: &str) -> Source {
    job(id, policy, "volume-1", "manualbk_1")
}

#[test]
fn one_record_of_the_copys_volume_and_name_tells_its_plan() {
    assert_eq!(linked(&[record("1", P)]), (P.to_owned(), true));
    assert_eq!(linked(&[record("1", Q)]), (Q.to_owned(), true));
    // The state of the job does not matter: an unfinished record names the policy as well.
    assert_eq!(linked(&[record("1", P).with("current_run_state", "RUNNING")]), (P.to_owned(), true));
    assert_eq!(linked(&[record("1", P).with("current_run_state", "")]), (P.to_owned(), true));
}

#[test]
fn a_plan_is_never_guessed() {
    assert_eq!(linked(&[]), unknown());
    // Neither by the volume nor by the name alone.
    assert_eq!(linked(&[job("1", P, "volume-1", "other")]), unknown());
    assert_eq!(linked(&[job("1", P, "volume-2", "manualbk_1")]), unknown());
    assert_eq!(linked(&[job("1", P, "volume-1", "")]), unknown());
    assert_eq!(linked(&[resource(P, "volume-1")]), unknown());
    assert_eq!(linked(&[waiting("1").with_all(&[("policy_id", P), ("resource_id", "volume-1")])]), unknown());
    // Names are compared as they stand, and no border between volume and name gives way.
    assert_eq!(linked(&[job("1", P, "volume-1", "MANUALBK_1")]), unknown());
    assert_eq!(
        linked(&[job("1", P, "volume-1manualbk_1", ""), job("2", P, "volume-1m", "anualbk_1")]),
        unknown()
    );
}

#[test]
fn all_records_must_name_the_same_policy() {
    assert_eq!(linked(&[record("1", P), record("2", P)]), (P.to_owned(), true));
    assert_eq!(linked(&[record("1", P), record("2", Q)]), unknown());
    assert_eq!(linked(&[record("1", P), record("2", Q), record("3", P)]), unknown());
    assert_eq!(linked(&[record("1", P), record("2", Q), record("3", Q)]), unknown());
    // One that names none is one that does not name the same.
    assert_eq!(linked(&[record("1", P), record("2", "")]), unknown());
    assert_eq!(linked(&[record("1", ""), record("2", P)]), unknown());
    assert_eq!(linked(&[record("1", ""), record("2", ""), record("3", P)]), unknown());
    assert_eq!(linked(&[record("1", "")]), unknown());
    // Records of another volume or name are none of them.
    assert_eq!(
        linked(&[record("1", P), job("2", Q, "volume-1", "other"), job("3", Q, "volume-2", "manualbk_1")]),
        (P.to_owned(), true)
    );
}

#[test]
fn a_policy_that_is_not_migrated_has_no_plan() {
    let unknown_policy = "33333333-3333-4333-8333-333333333333";
    assert_eq!(linked(&[record("1", unknown_policy)]), unknown());
    let deleted = policy(unknown_policy).with("deleted", "t");
    assert_eq!(linked(&[record("1", unknown_policy), deleted]), unknown());
    let rows = [policy(P), policy(Q).with("rentention_num", "many"), backup("b"), record("1", Q)];
    let out = Setup::aside().convert(&rows);
    let item = out.only("checkpoint_items");
    assert_eq!(item["plan_id"], None);
    assert!(text(item, "extend_info").contains(r#""auto_trigger":false"#));
    // A policy that is not in the dumps and one that is: still two.
    assert_eq!(linked(&[record("1", P), record("2", unknown_policy)]), unknown());
}

#[test]
fn a_copy_without_a_name_has_no_record() {
    let rows = [policy(P), backup("b").with("display_name", ""), job("1", P, "volume-1", "")];
    assert_eq!(convert(&rows).only("checkpoint_items")["plan_id"], None);
}

#[test]
fn the_plans_id_is_the_derived_one_where_the_policys_is_no_uuid() {
    let rows = [policy("7"), backup("b"), record("1", "7")];
    let out = convert(&rows);
    assert_eq!(text(out.only("checkpoint_items"), "plan_id"), crate::harness::derived("vbs/plan/7"));
}

#[test]
fn copies_of_dps_have_no_records() {
    let rows = [policy(P), item("i").with("name", "manualbk_1"), job("1", P, "volume-2", "manualbk_1")];
    assert_eq!(convert(&rows).only("checkpoint_items")["plan_id"], None);
}
