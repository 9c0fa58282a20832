//! The tables of DPS's policy side, as they were read.

use parsers::models::Held;
use parsers::models::dps::{CopyCycle, Destination, Mapping, Object, Plan, Policy, Spec, Timer};

/// The held tables of `dps`.
#[derive(Debug, Default)]
pub struct DpsTables {
    /// protection_plan.
    pub plans: Vec<Held<Plan>>,
    /// protection_object.
    pub objects: Vec<Held<Object>>,
    /// protection_policy.
    pub policies: Vec<Held<Policy>>,
    /// protection_plan_policy_mapping.
    pub mappings: Vec<Held<Mapping>>,
    /// schedule_timer.
    pub timers: Vec<Held<Timer>>,
    /// async_copy_policy.
    pub cycles: Vec<Held<CopyCycle>>,
    /// policy_extra_specs.
    pub specs: Vec<Held<Spec>>,
    /// backup_target_object.
    pub destinations: Vec<Held<Destination>>,
}
