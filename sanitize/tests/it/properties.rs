//! What holds for every text: nothing secret leaves, a second pass changes nothing, names survive, nothing panics.

use go_trace_sanitize::{Dialect, Sanitizer, SqlOptions, UrlMode, UrlOptions};
use proptest::prelude::*;

/// Stands at the place of a literal, and must not leave.
const SECRET: &str = "s3cr3tQx";

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::ALL.to_vec())
}

/// Pieces that SQL is made of, the awkward ones above all. Put together at random they are rarely valid, and must be safe.
fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "IN",
        "(",
        ")",
        ",",
        ";",
        " ",
        " ",
        "\n",
        "\r",
        "\t",
        "a",
        "t.b",
        "x1",
        "é1",
        "'",
        "'",
        "''",
        "'x'",
        "\"",
        "\"y\"",
        "`",
        "`z`",
        "[",
        "]",
        "]]",
        "{",
        "}",
        "\\",
        "\\'",
        "$",
        "$$",
        "$tag$",
        "$1",
        "$123456",
        "?",
        "?1",
        ":",
        "::",
        ":n",
        ":1",
        "@",
        "@@v",
        "%s",
        "%(n)s",
        "-",
        "--",
        "-- ",
        "-1",
        "+",
        "*",
        "/",
        "//",
        "/*",
        "*/",
        "/*!",
        "/*!50000 ",
        "#",
        "# ",
        ".",
        "..",
        ".5",
        "1",
        "1.",
        "1e-5",
        "0x1F",
        "10L",
        "4f5e6d",
        "E'",
        "N'",
        "q'[",
        "]'",
        "nq'",
        "U&'",
        "r'",
        "_utf8'",
        "'''",
        "\"\"\"",
        "TRUE",
        "false",
        "NULL",
        "IS",
        "NOT",
        "DISTINCT",
        "INTO",
        "UPDATE",
        "JOIN",
        "TABLE",
        "VALUES",
        "INSERT",
        "FORMAT",
        "CSV",
        "COPY",
        "STDIN",
        "CREATE",
        "USER",
        "ALTER",
        "IDENTIFIED",
        "BY",
        "PASSWORD",
        "=",
        "CONNECT",
        "USING",
        "‘",
        "’",
        "“",
        "”",
        "\u{a0}",
        "\u{200b}",
        "٣",
        "£",
        "\0",
        "P1D",
        "abcdef12-e29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-446655440000",
        "abcdef12",
        "-e29b-",
        "e",
        "E",
        "u",
        "U&",
        "&",
        "n",
        "q",
        "_",
        "DELETE",
        "SET",
        "TO",
        ":=",
        "OPEN",
        "EXEC",
        "sp_x",
        "PRAGMA",
        "AUTH",
        "secret_key",
        "signature",
        "33",
        "% ",
        "\n=",
    ])
}

fn pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn spaced_pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..16).prop_map(|pieces| pieces.join(" "))
}

/// A literal of every dialect that holds the secret.
fn literal() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["'_'", "'it''s _'", "N'_'", "X'_'", "DATE '_'", "-9_", "0x_", "9_", "-.5_"])
        .prop_map(|form| form.replace('_', SECRET))
}

/// A query of ordinary shape with literals that hold the secret.
fn query() -> impl Strategy<Value = String> {
    let comparison =
        (name(), proptest::sample::select(vec!["=", "<>", "<=", " LIKE ", "->>", "||"]), literal());
    let condition = comparison.prop_map(|(name, operator, literal)| format!("{name}{operator}{literal}"));
    let list = proptest::collection::vec(literal(), 1..4)
        .prop_map(|literals| format!("k IN ({})", literals.join(", ")));
    let conditions = proptest::collection::vec(prop_oneof![condition, list], 1..4);
    (name(), name(), conditions).prop_map(|(column, table, conditions)| {
        format!(
            "SELECT {column} FROM {table} /* {SECRET} */ WHERE {} -- {SECRET}\nLIMIT 7",
            conditions.join(" AND ")
        )
    })
}

/// A word that no rule takes for something else.
fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z_]{2,6}9?".prop_map(|name| format!("{name}_c"))
}

/// Pieces of URLs, connection strings and log messages.
fn location() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "http",
        "https",
        "jdbc",
        "postgres",
        "file",
        "mailto",
        ":",
        "//",
        "/",
        "\\",
        "@",
        "u",
        "p",
        "h",
        "[::1]",
        ":80",
        ":8x",
        "?",
        "#",
        ";",
        "&",
        "=",
        "x=1",
        "token=t",
        "password",
        "%40",
        "%",
        "tcp(",
        "unix(",
        ")",
        "'",
        "\"",
        "{",
        "}",
        " ",
        "\t",
        "\n",
        "\\\"",
        "key: v",
        "Bearer ",
        "Basic ",
        "eyJhbG.c",
        "ghp_abcdef",
        "-----BEGIN ",
        "-----END ",
        "é",
        "\u{a0}",
        ",",
        "--token ",
        "v1",
        "db",
        ".",
        "Cookie: ",
        "sig=1",
        "REDACTED",
        "user=",
        "://",
        "jdbc:",
        "u:p@",
    ]);
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn url_options(mode: UrlMode, scrub_path: bool) -> UrlOptions {
    let mut options = UrlOptions::default();
    options.mode = mode;
    options.scrub_path = scrub_path;
    options
}

fn once_is_enough(text: &str, dialect: Dialect) -> Result<(), TestCaseError> {
    for options in 0..16_u8 {
        let is_set = |bit: u8| options & bit != 0;
        let mut sql = SqlOptions::new(dialect);
        sql.collapse_in_lists = is_set(1);
        sql.collapse_values_rows = is_set(2);
        sql.keep_comments = is_set(4);
        sql.max_output = if is_set(8) { 20 } else { usize::MAX };
        let sanitizer = Sanitizer::new().with_sql(sql);
        let once = sanitizer.sql(text);
        let twice = sanitizer.sql(&*once);
        prop_assert_eq!(&twice, &once, "dialect {}, options {:04b}", dialect, options);
        prop_assert!(once.len() <= text.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn s_no_secret_leaves_an_ordinary_query(query in query(), dialect in dialect()) {
        let clean = go_trace_sanitize::sql(&query, dialect);
        prop_assert!(!clean.contains(SECRET), "{clean}");
    }

    #[test]
    fn s_names_survive(query in query(), dialect in dialect()) {
        let clean = go_trace_sanitize::sql(&query, dialect);
        for name in query.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| word.ends_with("_c")) {
            prop_assert!(clean.contains(name), "{name} in {clean}");
        }
    }

    #[test]
    fn s_twice_changes_nothing(text in prop_oneof![pieces(), spaced_pieces(), query(), any::<String>()], dialect in dialect()) {
        once_is_enough(&text, dialect)?;
    }

    #[test]
    fn s14_bytes_never_panic_and_twice_changes_nothing(text in any::<Vec<u8>>(), dialect in dialect()) {
        let once = go_trace_sanitize::sql_bytes(&text, dialect);
        prop_assert_eq!(&go_trace_sanitize::sql_bytes(&once, dialect), &once);
    }

    #[test]
    fn s14_bytes_and_text_agree(text in pieces(), dialect in dialect()) {
        let clean = go_trace_sanitize::sql(&text, dialect);
        prop_assert_eq!(clean.as_bytes(), &*go_trace_sanitize::sql_bytes(text.as_bytes(), dialect));
    }

    #[test]
    fn s14_limit_holds(text in prop_oneof![pieces(), spaced_pieces(), query()], dialect in dialect(), limit in 0_usize..60) {
        let whole = go_trace_sanitize::sql(&text, dialect);
        let mut sql = SqlOptions::new(dialect);
        sql.max_output = limit;
        let sanitizer = Sanitizer::new().with_sql(sql);
        let cut = sanitizer.sql(&text);
        prop_assert!(cut.len() <= limit);
        prop_assert!(whole.starts_with(&*cut), "{cut:?} of {whole:?}");
    }

    #[test]
    fn s15_summary_is_short(text in prop_oneof![pieces(), spaced_pieces(), query()], dialect in dialect()) {
        let summary = go_trace_sanitize::sql_summary(&text, dialect);
        prop_assert!(summary.chars().count() <= 255);
        prop_assert!(!summary.contains(SECRET));
    }

    #[test]
    fn u_twice_changes_nothing(text in prop_oneof![location(), any::<String>()]) {
        for mode in [UrlMode::Remove, UrlMode::Redact] {
            for scrub in [false, true] {
                let sanitizer = Sanitizer::new().with_url(url_options(mode, scrub));
                let once = sanitizer.url(&text);
                prop_assert_eq!(&sanitizer.url(&*once), &once, "url {:?} {}", mode, scrub);
            }
        }
        let once = go_trace_sanitize::dsn(&text);
        prop_assert_eq!(&go_trace_sanitize::dsn(&once), &once, "dsn");
        let once = go_trace_sanitize::text(&text);
        prop_assert_eq!(&go_trace_sanitize::text(&once), &once, "text");
    }

    #[test]
    fn u8_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        let sanitizer = Sanitizer::new();
        for clean in [sanitizer.url(&bytes), sanitizer.dsn(&bytes), sanitizer.text(&bytes), sanitizer.sql(&bytes)] {
            prop_assert!(clean.len() <= 3 * bytes.len() + 64);
        }
    }

    #[test]
    fn u_no_password_leaves(
        user in "[a-z]{1,5}", before in "[a-z!$'()*+,;:@%&=~._-]{0,6}", host in "[a-z]{1,8}\\.test", path in "(/[a-z]{0,5}){0,3}",
        scheme in proptest::sample::select(vec!["http://", "https:", "postgres://", "//", "jdbc:mysql://", "http:\\\\", "amqp://"]),
    ) {
        let url = format!("{scheme}{user}:{before}{SECRET}@{host}{path}?token={SECRET}#{SECRET}");
        for clean in [go_trace_sanitize::url(&url), go_trace_sanitize::dsn(&url), go_trace_sanitize::text(&url)] {
            prop_assert!(!clean.contains(SECRET), "{url} became {clean}");
        }
        let credentials = format!("{scheme}{user}:{before}{SECRET}@{host}");
        let sanitizer = Sanitizer::new().with_url(url_options(UrlMode::Redact, false));
        let redacted = sanitizer.url(&credentials);
        prop_assert!(!redacted.contains(SECRET), "{url} became {redacted}");
    }

    #[test]
    fn l1_no_secret_leaves(before in location(), key in proptest::sample::select(vec!["password=", "token: ", "\"secret\":\"", "api_key="])) {
        let message = format!("{before} {key}{SECRET}");
        let clean = go_trace_sanitize::text(&message);
        prop_assert!(!clean.contains(SECRET), "{message} became {clean}");
    }
}
