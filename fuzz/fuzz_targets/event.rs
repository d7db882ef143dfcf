#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| infra_redis::engine::untrusted::event(bytes));
