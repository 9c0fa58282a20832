//! See `targets::calendar_read`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::calendar_read(bytes));
