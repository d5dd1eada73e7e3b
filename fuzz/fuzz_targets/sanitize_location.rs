//! URLs, connection strings and free text: a second pass changes nothing, nothing panics, and a password or a token does not leave,
//! whatever stands around it.
#![no_main]

use go_trace_sanitize::{Sanitizer, UrlMode, UrlOptions};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "s3cr3tQx";
/// As long as one of GitHub: it is known without a name.
const TOKEN: &str = "ghp_s3cr3tQxs3cr3tQxs3cr3tQxs3cr3tQxAb12";

fuzz_target!(|data: &[u8]| {
    let Some((options, data)) = data.split_first() else { return };
    let mut url = UrlOptions::default();
    url.mode = if options & 1 != 0 { UrlMode::Redact } else { UrlMode::Remove };
    url.scrub_path = options & 2 != 0;
    let sanitizer = Sanitizer::new().with_url(url);
    let (url, dsn, text) = (sanitizer.url(data), sanitizer.dsn(data), sanitizer.text(data));
    assert_eq!(sanitizer.url(&*url), url);
    assert_eq!(sanitizer.dsn(&*dsn), dsn);
    assert_eq!(sanitizer.text(&*text), text);
    let noise = String::from_utf8_lossy(data);
    // Readers of URLs leave control characters out, behind which the noise itself could hold the secret.
    if !noise.replace(|c: char| c.is_ascii_control(), "").contains(SECRET) {
        let location = format!("postgres://user:{SECRET}@host/{noise}");
        let message = format!("{noise} password={SECRET}");
        assert!(!sanitizer.url(&location).contains(SECRET), "{location:?}");
        assert!(!sanitizer.dsn(&location).contains(SECRET), "{location:?}");
        assert!(!sanitizer.text(&location).contains(SECRET), "{location:?}");
        assert!(!sanitizer.text(&message).contains(SECRET), "{message:?}");
        let log = format!("{noise} {TOKEN} {noise}");
        assert!(!sanitizer.text(&log).contains(SECRET), "{log:?}");
    }
});
