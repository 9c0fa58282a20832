//! See `targets::statements`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::statements(bytes));
