//! See `targets::calendar_write`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::calendar_write(bytes));
