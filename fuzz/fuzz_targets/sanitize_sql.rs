//! SQL: the first byte chooses the dialect; a second pass changes nothing, and nothing grows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanitize::{Dialect, sql_bytes};

fuzz_target!(|data: &[u8]| {
    let Some((&first, text)) = data.split_first() else { return };
    let dialect = Dialect::ALL[usize::from(first) % Dialect::ALL.len()];
    let clean = sql_bytes(text, dialect);
    assert!(clean.len() <= text.len());
    assert_eq!(sql_bytes(&clean, dialect), clean);
});
