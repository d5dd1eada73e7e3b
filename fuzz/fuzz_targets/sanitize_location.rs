//! URLs, connection strings and free text: a second pass changes nothing, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanitize::Sanitizer;

fuzz_target!(|data: &[u8]| {
    let sanitizer = Sanitizer::new();
    let (url, dsn, text) = (sanitizer.url(data), sanitizer.dsn(data), sanitizer.text(data));
    assert_eq!(sanitizer.url(&*url), url);
    assert_eq!(sanitizer.dsn(&*dsn), dsn);
    assert_eq!(sanitizer.text(&*text), text);
});
