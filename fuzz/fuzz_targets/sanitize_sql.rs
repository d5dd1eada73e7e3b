//! SQL: the first two bytes choose the dialect and the options. A second pass changes nothing, nothing grows, and a literal does
//! not leave, whatever follows it.
#![no_main]

use go_trace_sanitize::{Dialect, Sanitizer, SqlOptions, sql_bytes};
use libfuzzer_sys::fuzz_target;

const SECRET: &[u8] = b"s3cr3tQx";

fuzz_target!(|data: &[u8]| {
    let [first, options, text @ ..] = data else { return };
    let dialect = Dialect::ALL[usize::from(*first) % Dialect::ALL.len()];
    let mut sql = SqlOptions::new(dialect);
    sql.collapse_in_lists = options & 1 != 0;
    sql.collapse_values_rows = options & 2 != 0;
    sql.keep_comments = options & 4 != 0;
    sql.max_output = if options & 8 != 0 { usize::from(options >> 4) } else { usize::MAX };
    let sanitizer = Sanitizer::new().with_sql(sql);
    if let Ok(text) = core::str::from_utf8(text) {
        let clean = sanitizer.sql(text);
        assert!(clean.len() <= text.len());
        assert_eq!(sanitizer.sql(&*clean), clean);
    }
    let clean = sql_bytes(text, dialect);
    assert!(clean.len() <= text.len());
    assert_eq!(sql_bytes(&clean, dialect), clean);
    if !text.windows(SECRET.len()).any(|piece| piece == SECRET) {
        let query = [b"SELECT '", SECRET, b"' ", text].concat();
        let clean = sanitizer.sql(&query);
        assert!(!clean.as_bytes().windows(SECRET.len()).any(|piece| piece == SECRET), "{query:?}");
    }
});
