//! Rule L1: free text. And the `Sanitizer` that bundles all kinds of text.

use std::borrow::Cow;

use go_trace_sanitize::{
    Dialect, Sanitizer, SensitiveKeys, SqlOptions, Stage, TextKind, TokenShapes, UrlMode, UrlOptions, text,
};

/// One test per line. `same` means that nothing changes.
macro_rules! table {
    ($($name:ident: $text:expr => $expected:tt;)+) => {
        $(#[test]
        fn $name() {
            let input: &str = $text;
            let once = text(input);
            assert_eq!(once, table!(@expected $expected, input));
            assert_eq!(text(&once), once, "twice: {input}");
        })+
    };
    (@expected same, $text:ident) => { $text };
    (@expected $expected:expr, $text:ident) => { $expected };
}

mod l1 {
    use super::*;
    table! {
        prose: "cache miss for user 42 at 12:30:45, retrying: basic checks passed" => same;
        modules: "github.com/a/b@v1.2.3 loaded, mail bob@h.test" => same;
        urls: "GET http://u:p@h.test/a?token=x done" => "GET http://h.test/a done";
        urls_in_json: r#"{"url":"http://u:p@h.test/a?b","n":1}"# => r#"{"url":"http://h.test/a","n":1}"#;
        urls_with_quotes: "http://u:p\"q@h.test/a" => "http://h.test/a";
        urls_before_pairs: "http://h.test/a,password=b" => "http://h.test/a,password=REDACTED";
        dsn: "open u:p@tcp(h)/d failed" => "open tcp(h)/d failed";
        dsn_as_value: "dsn=u:p@tcp(h)/d x" => "dsn=tcp(h)/d x";
        dsn_of_oracle: "login scott/tiger@h" => "login h";
        pairs: "user=bob password=secret, next" => "user=bob password=REDACTED next";
        colons: "token: secret next" => "token: REDACTED next";
        quoted: "password=\"a \\\" b\" next" => "password=\"REDACTED\" next";
        json: r#"{"a":1,"password":"b c","clientSecret":"d"}"# => r#"{"a":1,"password":"REDACTED","clientSecret":"REDACTED"}"#;
        json_in_json: r#"{\"token\":\"a\",\"b\":1}"# => r#"{\"token\":\"REDACTED\",\"b\":1}"#;
        go_maps: "map[password:a user:b]" => "map[password:REDACTED user:b]";
        flags: "run --password secret --verbose" => "run --password REDACTED --verbose";
        keys_of_keys: "cookie: \"token\":\"secret\"" => "cookie: \"REDACTED\"";
        headers: "Authorization: Basic dXNlcjpw extra\nnext" => "Authorization: REDACTED\nnext";
        cookies: "Set-Cookie: a=b; c=d\nnext" => "Set-Cookie: REDACTED\nnext";
        bearer: "sent Bearer abc.def to h" => "sent Bearer REDACTED to h";
        tokens: "key ghp_abcdef, AKIAIOSFODNN7EXAMPLE and eyJhbGciOi.eyJz.c" => "key REDACTED, REDACTED and REDACTED";
        private_keys: "key -----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END RSA PRIVATE KEY-----\nnext" => "key REDACTED\nnext";
        private_keys_as_values: "key_private_key=-----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END RSA PRIVATE KEY-----\nnext" => "key_private_key=REDACTED\nnext";
        lists: "tokens: [\"a\", [b c], \"d\"] next" => "tokens: REDACTED next";
        open_lists: "tokens=[a, (b c] next" => "tokens=REDACTED";
        tokens_within_names: "app-ghp_abcdef and v1.AKIAIOSFODNN7EXAMPLE" => "app-REDACTED and v1.REDACTED";
        open_private_keys: "-----BEGIN PRIVATE KEY-----\nsecret" => "REDACTED";
        open_quotes: "password=\"secret next" => "password=REDACTED";
        codes: "rpc error: code = Unavailable desc = x, exit code: 1, code=ENOENT" => same;
        codes_of_oauth: "code=4/P7q7W91aOMsCeLvIaQm6bTrg" => "code=REDACTED";
        counts: "total_tokens=512 sessions: 3 tokens_remaining=5" => same;
        lines_of_sources: "auth.go:55 token_test.go:12: x {\"caller\":\"auth/token.go:12\",\"n\":1}" => same;
        tests_of_go: "--- PASS: TestA (0.01s)" => same;
        codes_among_others: "error code: 0x80070005; code=SQLITE_BUSY; code: x" => same;
        ordinary_keys: "author: Bob, authority=h.test, cache bypass: true" => same;
        paths_of_names: "auth::login failed, token::parse" => same;
        schemes_in_prose: "Bearer token missing, Bearer authentication required, Basic checks" => same;
        words_like_tokens: "sk-learn, SG.group, npm_config_registry, hf_hub_download" => same;
        packages: "npm i @a/b@1.2.3 a/b@v1 registry.test/a:b@sha256:0123 mailto:bob@h.test" => same;
        key_like_a_scheme: "map[api_key://secret a:b]" => "map[api_key:REDACTED a:b]";
        scheme_in_a_value: "token: Bearer secret next" => "token: REDACTED next";
        digest: "Digest username=\"u\", response=\"secret\"\nnext" => "Digest REDACTED\nnext";
        proxy: "Proxy-Authorization: Basic secret x" => "Proxy-Authorization: REDACTED";
        doubled_quotes: "password='it''s secret' next" => "password='REDACTED' next";
        json_in_json_in_json: r#"{\\\"token\\\":\\\"secret\\\",\\\"b\\\":1}"# => r#"{\\\"token\\\":\\\"REDACTED\\\",\\\"b\\\":1}"#;
        json_numbers: r#"{"token":12345,"b":1}"# => r#"{"token":REDACTED,"b":1}"#;
        json_of_name_and_value: r#"{"name":"DB_PASSWORD","value":"secret"}"# => r#"{"name":"DB_PASSWORD","value":"REDACTED"}"#;
        indexed: "a[\"password\"] = \"secret\", user[password]=secret" => "a[\"password\"] = \"REDACTED\", user[password]=REDACTED";
        emphasis: "**password:** secret" => "**password:** REDACTED";
        other_signs: "password -> secret password != secret password＝secret password%3Dsecret" => "password -> REDACTED password != REDACTED password＝REDACTED password%3DREDACTED";
        xml: "<wsse:Password Type=\"x\">a secret</wsse:Password><token>secret</token>" => "<wsse:Password Type=\"x\">REDACTED</wsse:Password><token>REDACTED</token>";
        placeholders: "usage: login <token> [flags] <password>" => same;
        keys_of_two_words: "api key: secret, pass phrase = secret" => "api key: REDACTED pass phrase = REDACTED";
        flags_of_go: "run -password secret -v" => "run -password REDACTED -v";
        structs_of_go: "{User:bob Password:a secret Host:h}" => "{User:bob Password:REDACTED Host:h}";
        headers_of_go: "http.Header{\"X-Api-Key\":[]string{\"a]\", \"secret\"}} next" => "http.Header{\"X-Api-Key\":REDACTED next";
        values_with_blanks: "server=h;password=a secret;database=d next" => "server=h;password=REDACTED next";
        url_with_a_blank: "parse \"postgres://u:a secret@h/d\": invalid" => "parse \"postgres://h/d\": invalid";
        url_with_a_quoted_query: "http://h.test/a?x=\"secret\" next" => "http://h.test/a\" next";
        empty_values: "password= next token:" => "password= REDACTED token:";
    }

    #[test]
    fn bytes_become_text() {
        assert_eq!(Sanitizer::new().text(b"a \xff password=\xfe"), "a \u{fffd} password=REDACTED");
        assert!(matches!(text("nothing to do"), Cow::Borrowed(_)));
    }

    #[test]
    fn lists_can_be_extended() {
        let own = Sanitizer::new()
            .with_keys(SensitiveKeys::default().with_pattern("tenant"))
            .with_token_shapes(TokenShapes::default().with_prefix("acme-"));
        assert_eq!(
            own.text("tenant=a token=b acme-0123 ghp_abcdef"),
            "tenant=REDACTED token=REDACTED REDACTED REDACTED"
        );
    }
}

#[test]
fn sanitizer_applies_the_rules_of_each_kind() {
    let sanitizer = Sanitizer::new();
    assert_eq!(sanitizer.sql("SELECT 'a'"), "SELECT ?");
    assert_eq!(sanitizer.sql_in("SELECT `a`, \"b\"", Dialect::MySql), "SELECT `a`, ?");
    assert_eq!(sanitizer.sql(b"SELECT '\xff'"), "SELECT ?");
    assert_eq!(sanitizer.sql_summary("SELECT a FROM b", Dialect::Generic), "SELECT b");
    assert_eq!(sanitizer.url("http://u:p@h?q"), "http://h");
    assert_eq!(sanitizer.dsn("u:p@tcp(h)/d"), "tcp(h)/d");
    assert_eq!(sanitizer.text("token=a"), "token=REDACTED");
}

#[test]
fn sanitizer_options_reach_every_kind() {
    let mut sql = SqlOptions::new(Dialect::MySql);
    sql.collapse_in_lists = false;
    let mut url = UrlOptions::default();
    url.mode = UrlMode::Redact;
    let sanitizer = Sanitizer::new()
        .with_sql(sql)
        .with_url(url)
        .with_keys(SensitiveKeys::default().with_pattern("tenant"))
        .with_token_shapes(TokenShapes::default().with_prefix("acme-"));
    assert_eq!(sanitizer.sql("a IN (\"b\", 1)"), "a IN (?, ?)");
    assert_eq!(sanitizer.url("http://u:p@h?tenant=a&b=1"), "http://REDACTED:REDACTED@h?tenant=REDACTED&b=1");
    assert_eq!(sanitizer.dsn("host=h tenant=a"), "host=h tenant=REDACTED");
    assert_eq!(
        sanitizer.dsn("postgres://u:p@h?tenant=a&b=1"),
        "postgres://REDACTED:REDACTED@h?tenant=REDACTED&b=1"
    );
    assert_eq!(
        sanitizer.text("tenant=a acme-0123 http://u:p@h?b=1"),
        "tenant=REDACTED REDACTED http://REDACTED:REDACTED@h?b=1"
    );
}

fn upper(text: &str) -> Cow<'_, str> {
    text.to_uppercase().into()
}

fn first_word(text: &str) -> Cow<'_, str> {
    text.split(' ').next().unwrap_or_default().into()
}

#[test]
fn custom_rules_run_at_their_stage() {
    let base = Sanitizer::new();
    let before =
        base.clone().with_rule(TextKind::Url, Stage::Before, |text| format!("{text}?added=secret").into());
    assert_eq!(before.url("http://h/a"), "http://h/a");
    let after = base.clone().with_rule(TextKind::Url, Stage::After, upper);
    assert_eq!(after.url("http://u:p@h/a"), "HTTP://H/A");
    let instead = base.clone().with_rule(TextKind::Url, Stage::Instead, upper);
    assert_eq!(instead.url("http://u:p@h/a"), "HTTP://U:P@H/A");
    assert_eq!(instead.text("token=a"), "token=REDACTED", "other kinds keep their rules");
    assert_eq!(base.url("http://u:p@h/a"), "http://h/a", "a clone with a rule does not change the original");
}

#[test]
fn custom_rules_may_borrow() {
    let sanitizer = Sanitizer::new().with_rule(TextKind::Text, Stage::After, first_word);
    assert_eq!(sanitizer.text("a b c"), "a");
    let same = Sanitizer::new().with_rule(TextKind::Text, Stage::After, |text| text.into());
    assert!(matches!(same.text("a b c"), Cow::Borrowed("a b c")));
}

#[test]
fn custom_rules_see_the_summary_of_clean_text_only() {
    let drop_all = Sanitizer::new().with_rule(TextKind::Sql, Stage::Before, |_| Cow::Borrowed(""));
    assert_eq!(drop_all.sql_summary("SELECT a FROM b", Dialect::Generic), "");
}

#[test]
fn sanitizer_is_cheap_to_share() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>(value: &T) -> String {
        format!("{value:?}")
    }
    let sanitizer = Sanitizer::new().with_rule(TextKind::Dsn, Stage::After, |text| text.into());
    assert!(shared(&sanitizer).contains("Dsn"));
    assert_eq!(size_of::<Sanitizer>(), size_of::<usize>());
}

/// L1: a text that stands apart from its name, as a log's message does from its category.
#[test]
fn l1_texts_with_sensitive_names() {
    let sanitizer = go_trace_sanitize::Sanitizer::new();
    for name in ["password", "api_key", "Authorization", "db.password"] {
        assert_eq!(sanitizer.named_text(name, "correct horse"), "REDACTED", "{name}");
        assert_eq!(sanitizer.named_text(name, ""), "", "{name}");
    }
    for name in ["order", "traceparent", "otel.traceparent", "datadog.uint64_span_id", ""] {
        assert_eq!(sanitizer.named_text(name, "correct horse"), "correct horse", "{name}");
        assert_eq!(sanitizer.named_text(name, "token=abc"), "token=REDACTED", "{name}");
    }
    assert_eq!(sanitizer.named_text("total_tokens", "512"), "512");
}
