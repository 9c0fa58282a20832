//! pipeline

pub mod icalendar;
