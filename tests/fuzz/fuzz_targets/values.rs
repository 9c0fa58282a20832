//! See `targets::values`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::values(bytes));
