//! SQL: the first two bytes choose the dialect and the options. A second pass changes nothing, nothing grows, and a literal does
//! not leave, whatever follows it.
#![no_main]

use go_trace_sanitize::{Dialect, SqlSanitizer};
use libfuzzer_sys::fuzz_target;

const SECRET: &[u8] = b"s3cr3tQx";

fuzz_target!(|data: &[u8]| {
    let [first, options, text @ ..] = data else { return };
    let dialect = Dialect::ALL[usize::from(*first) % Dialect::ALL.len()];
    let sanitizer = SqlSanitizer::new(dialect)
        .collapse_in_lists(options & 1 != 0)
        .collapse_values_rows(options & 2 != 0)
        .keep_comments(options & 4 != 0)
        .max_output(if options & 8 != 0 { usize::from(options >> 4) } else { usize::MAX });
    let clean = sanitizer.sanitize_bytes(text);
    assert!(clean.len() <= text.len());
    assert_eq!(sanitizer.sanitize_bytes(&clean), clean);
    if !text.windows(SECRET.len()).any(|piece| piece == SECRET) {
        let query = [b"SELECT '", SECRET, b"' ", text].concat();
        let clean = sanitizer.sanitize_bytes(&query);
        assert!(!clean.windows(SECRET.len()).any(|piece| piece == SECRET), "{query:?}");
    }
});
