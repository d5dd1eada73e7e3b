//! Rules L2 to L6 and S10: secrets of every shape in every place where texts have them, and the prose beside them. The secrets are
//! made from the table of shapes by a generator with a seed; none is written down.

use go_trace_sanitize::{
    Alphabet, Dialect, Sanitizer, SensitiveKeys, SqlOptions, TokenShape, TokenShapes, UrlMode, UrlOptions,
    dsn, sql, text, url,
};

/// A generator of numbers (xorshift) that gives the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % below
    }

    /// A run of letters and digits, one of each kind among the first, as far as an alphabet has them.
    fn run(&mut self, alphabet: Alphabet, length: usize) -> String {
        let all: Vec<u8> =
            (b'0'..=b'z').filter(|byte| byte.is_ascii_alphanumeric() && alphabet.contains(*byte)).collect();
        let kinds: [fn(&u8) -> bool; 3] =
            [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
        (0..length)
            .map(|place| {
                let kind = kinds[place % kinds.len()];
                let of_kind: Vec<u8> = all.iter().copied().filter(kind).collect();
                let from = if place < 9 && !of_kind.is_empty() { &of_kind } else { &all };
                char::from(from[self.next(from.len())])
            })
            .collect()
    }

    /// A token of a shape, and its last characters, which must not leave.
    fn token(&mut self, shape: &TokenShape) -> (String, String) {
        let lead = shape.lead().map_or(String::new(), |(alphabet, length)| {
            let run = self.run(alphabet, *length.start());
            if shape.mark() == "." { format!("M{}", &run[1..]) } else { run }
        });
        let mut body = self.run(shape.alphabet(), shape.length());
        match shape.mark() {
            "pat" => body.replace_range(14..15, "."),
            "ey" => body.replace_range(18..21, ".ey"),
            "." => body.replace_range(6..7, "."),
            _ => {}
        }
        let upper = ["API-", "AKIA", "ASIA", "ABIA", "ACCA", "A3T", "DO00", "A3-", "AGE-PLUGIN-"];
        if upper.contains(&shape.mark()) {
            body.make_ascii_uppercase();
        }
        let token = format!("{lead}{}{body}", shape.mark());
        let tail = token[token.len() - (token.len() / 2).min(16)..].to_owned();
        (token, tail)
    }
}

/// Where texts have tokens. `_` is the token.
const PLACES: [&str; 16] = [
    "calling upstream with _ failed: timeout",
    "_",
    "(_)",
    "got '_' from the vault",
    "{\"msg\":\"sent _\",\"n\":1}",
    "{\"a\":{\"value\":\"_\"}}",
    "value=_ next",
    "map[value:_ n:1]",
    "[value:_]",
    "GET https://api.test/v1/_/items: 500",
    "GET https://api.test/v1/items?cursor=_ 500",
    "\"https://api.test/_\"",
    "line one\n_\nline three",
    "escaped\\n_\\nline",
    "curl -H 'X-Custom: _' https://h.test/",
    "SELECT a FROM t WHERE b = '_'",
];

#[test]
fn l2_tokens_of_every_shape_leave_from_no_place() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut shapes = 0;
    for shape in TokenShapes::default().iter() {
        shapes += 1;
        for _ in 0..3 {
            let (token, tail) = numbers.token(&shape);
            for place in PLACES {
                // In a path, slashes separate segments.
                if token.contains('/') && place.contains("://") {
                    continue;
                }
                let input = place.replace('_', &token);
                let clean = text(&input);
                assert!(!clean.contains(&tail), "{:?}: {input} became {clean}", shape.mark());
                assert_eq!(text(&clean), clean, "twice: {input}");
            }
            if !token.contains('/') {
                for input in [format!("https://h.test/reset/{token}/confirm"), format!("/v1/{token}")] {
                    let clean = url(&input);
                    assert!(!clean.contains(&tail), "{:?}: {input} became {clean}", shape.mark());
                }
            }
        }
    }
    assert!(shapes >= 110, "{shapes} shapes");
}

#[test]
fn l2_shapes_tell_where_they_are_from() {
    for shape in TokenShapes::default().iter() {
        assert!(shape.source().starts_with("https://"), "{}", shape.mark());
        assert!(!shape.mark().is_empty());
    }
}

#[test]
fn l2_long_random_runs_are_tokens() {
    let mut numbers = Numbers(7);
    for length in [40, 48, 64, 86] {
        for _ in 0..50 {
            let run = numbers.run(Alphabet::Alphanumeric, length);
            let clean = text(&format!("sent {run} on")).into_owned();
            assert_eq!(clean, "sent REDACTED on", "{run}");
        }
    }
}

#[test]
fn l2_shapes_of_the_users_own() {
    let shapes = TokenShapes::none()
        .with_shape(
            TokenShape::new("acme_", Alphabet::Hexadecimal, 24)
                .with_least(8)
                .with_source("https://acme.test"),
        )
        .with_shape(TokenShape::new("@eu", Alphabet::Digits, 1).with_lead(Alphabet::Alphanumeric, 8..=10));
    let sanitizer = Sanitizer::new().with_token_shapes(shapes);
    assert_eq!(sanitizer.text("acme_01234567 acme_0123 ghp_abcdef"), "REDACTED acme_0123 ghp_abcdef");
    assert_eq!(sanitizer.text("x abcdefgh@eu1 abc@eu1"), "x REDACTED abc@eu1");
    assert_eq!(sanitizer.url("https://h.test/acme_0123456789abcdef/x"), "https://h.test/REDACTED/x");
}

/// What leaves of a text, which must be the same when it is read once more.
macro_rules! table {
    ($clean:expr; $($name:ident: $text:expr => $expected:expr;)+) => {
        $(#[test]
        fn $name() {
            let clean = $clean;
            let once = clean($text).into_owned();
            assert_eq!(once, $expected, "{}", $text);
            assert_eq!(clean(&once), once, "twice: {}", $text);
        })+
    };
}

mod l1_places {
    use super::*;
    table! { text;
        users_of_curl: "curl -u bob:hunter2 https://h.test/" => "curl -u bob:REDACTED https://h.test/";
        quoted_users_of_curl: "curl --user 'bob:hun ter2' h.test" => "curl --user 'bob:REDACTED' h.test";
        users_and_groups: "docker run -u 1000:1000 x" => "docker run -u 1000:1000 x";
        next_line: "password:\n  hunter2" => "password:\n  REDACTED";
        block: "password: |\n  hunter2\n  more\nnext: 1" => "password: |\n  REDACTED\nnext: 1";
        folded_block: "a:\n  api_key: >-\n    hunter2\n  n: 1" => "a:\n  api_key: >-\n    REDACTED\n  n: 1";
        escaped_block: "yaml \"password:\\n  hunter2\\nn: 1\"" => "yaml \"password:\\n  REDACTED\\nn: 1\"";
        quoted_next_line: "{\"password\":\n  \"hunter2\"}" => "{\"password\":\n  \"REDACTED\"}";
        mapping: "session:\n  timeout: 5\n  mode: x" => "session:\n  timeout: 5\n  mode: x";
        mapping_of_secrets: "secrets:\n  db: hunter2\nn: 1" => "secrets:\n  REDACTED\nn: 1";
        no_value: "password:\nnext: 1" => "password:\nnext: 1";
        escaped_keys: "{\"pass\\u0077ord\":\"hunter2\"}" => "{\"pass\\u0077ord\":\"REDACTED\"}";
        escapes_before_other_letters: "\\u0061‘’ \\é" => "\\u0061‘’ \\é";
        escapes_that_hide_nothing: "{\"n\\u0061me\":\"bob\"}" => "{\"n\\u0061me\":\"bob\"}";
        headers_beside: "Authorization \"hunter2\"" => "Authorization \"REDACTED\"";
        tokens_of_parsers: "unexpected token \"x1\", expected token \"}\"" => "unexpected token \"x1\", expected token \"}\"";
        ssh2: "k ---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nsecret\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\nnext" => "k REDACTED\nnext";
        putty: "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nsecret\nPrivate-MAC: abc\nnext" => "REDACTED\nnext";
        values_beyond_a_segment: "token=t//eyJhbG.cpostgres%40http'" => "token=REDACTED";
        escaped_urls: "GET /to/http%3A%2F%2Fu%3Ahunter2%40x done" => "GET /to/REDACTED done";
        credentials_behind_a_scheme: "open oracle://scott/hunter2@h failed" => "open oracle://REDACTED failed";
    }
}

mod l3_keys {
    use super::*;

    #[test]
    fn last_words() {
        let keys = SensitiveKeys::default();
        let secret = [
            "app_datadog_key",
            "ssh_key",
            "license-key",
            "datadogKey",
            "SOME_KEY",
            "app.key",
            "signing_key_2",
            "sid",
            "connect.sid",
            "privkey",
            "hmac",
            "x_hmac_sha",
            "temp_url_sig",
            "wifi_psk",
            "cvv",
            "password_hash",
        ];
        let ordinary = [
            "key",
            "monkey",
            "keyboard",
            "primary_key",
            "sort_key",
            "partition_key",
            "cacheKey",
            "idempotency-key",
            "foreign_key",
            "public_key",
            "max_password_length",
            "token_expires_in",
            "passwordPolicy",
            "sig_count",
            "session_timeout",
            "token_bucket",
            "design",
            "outside",
            "secret_name",
        ];
        for key in secret {
            assert!(keys.contains(key.as_bytes()), "{key}");
        }
        for key in ordinary {
            assert!(!keys.contains(key.as_bytes()), "{key}");
        }
    }
}

mod l4_prose {
    use super::*;

    /// What programs say, none of it secret.
    const SENTENCES: [&str; 64] = [
        "oauth2: cannot fetch token: 401 Unauthorized",
        "oauth2: \"invalid_grant\" \"Token has been expired or revoked.\"",
        "auth: user not found",
        "authentication: failed for user bob",
        "jwt: token is expired",
        "jwt: signature is invalid",
        "csrf: token mismatch",
        "session: not found",
        "token: is malformed",
        "failed to get token: context deadline exceeded",
        "invalid token: signature is invalid",
        "credentials: no valid providers in chain",
        "cookie: named cookie not present",
        "password: must be at least 8 characters",
        "prompt_tokens=512 completion_tokens=7",
        "token bucket: refill 10/s",
        "max_password_length=64 min_password_length=8",
        "session started: 5",
        "GET /api/v1/items/5",
        "foo/bar/baz.go:12",
        "primary key=5",
        "monkey: banana, turkey=4",
        "key: 42",
        "sort_key=price partition_key=eu cache_key=user:42",
        "idempotency_key=order-42",
        "select the first item from the list",
        "Select an option from the menu",
        "please select one, two or three from the choices",
        "update available: version 2",
        "update the settings and set the clock to 10:30",
        "insert coin to continue",
        "insert into the slot 2 coins",
        "delete 3 files from cache",
        "delete from cache 3 files",
        "delete all 5 of them",
        "with 3 retries left as (planned)",
        "values are 1, 2 and 3",
        "where n is 5 and m is 'six'",
        "create user 42 failed",
        "call 5 of 7 returned 0",
        "exec: \"ls\": executable file not found in $PATH",
        "execute step 3",
        "set timeout to 30",
        "copy 3 files from a to b",
        "replace 2 of 4 disks",
        "merge 3 branches",
        "key (primary) missing",
        "duplicate request 42",
        "failing test 3 of 5",
        "incorrect number of arguments: 3",
        "invalid value 5",
        "value 'x' ignored",
        "near the end, 5 left",
        "/v1/users/0b8e6b0c-6b0f-4c5e-9b7a-3f0f5c9c1d2e/orders",
        "GET https://h.test/blog/2026/11/how-to-call-an-api",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
        "commit 9e49db8a1b2c3d4e5f60718293a4b5c6d7e8f901",
        "pod web-7d4b9c6f5d-x2x9z restarted, id 01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "github.com/org/repo/internal/pkg.(*Server).HandleRequestWithRetryAndBackoffV2",
        "TestConvertsTracesOfGo122And123AndKeepsOrderV2",
        "runtime.gcBgMarkWorker goroutine 7 [select]: s.handleV2",
        "dial tcp 10.0.0.7:5432: connect: connection refused",
        "100% of services/orders/v1/healthy are up",
        "sk_buff leak in sk_stream_alloc, key-value store, pat. pending, test_connection_pool ok",
    ];

    #[test]
    fn stays_as_it_is() {
        for sentence in SENTENCES {
            assert_eq!(text(sentence), sentence);
        }
    }

    #[test]
    fn values_are_not_taken_for_it() {
        for (input, expected) in [
            ("token: secret next", "token: REDACTED next"),
            ("password: correct horse", "password: REDACTED horse"),
            ("auth: hunter2", "auth: REDACTED"),
            ("jwt=token is", "jwt=REDACTED is"),
            ("password: not2", "password: REDACTED"),
        ] {
            assert_eq!(text(input), expected);
        }
    }
}

mod l5_statements {
    use super::*;
    table! { text;
        select: "SELECT * FROM users WHERE email = 'hunter2'" => "SELECT * FROM users WHERE email = ?";
        in_small_letters: "slow: select id, name from users where email='hunter2' and n=7" => "slow: select id, name from users where email=? and n=?";
        insert: "INSERT INTO users VALUES ('hunter2', 7)" => "INSERT INTO users VALUES (?, ?)";
        insert_with_columns: "gorm: insert into `users` (`a`,`b`) values ('hunter2',7)" => "gorm: insert into `users` (`a`,`b`) values (?,?)";
        update: "query failed: UPDATE t SET a = 'hunter2' WHERE id = 7" => "query failed: UPDATE t SET a = ? WHERE id = ?";
        delete: "[2ms] [rows:1] DELETE FROM t WHERE a = 'hunter2'" => "[2ms] [rows:1] DELETE FROM t WHERE a = ?";
        with: "WITH x AS (SELECT 'hunter2') SELECT * FROM x" => "WITH x AS (SELECT ?) SELECT * FROM x";
        call: "CALL login('bob', 'hunter2')" => "CALL login(?, ?)";
        execute: "EXEC sp_addlogin bob, hunter2" => "EXEC sp_addlogin ?, ?";
        condition: "no row where email = 'hunter2'" => "no row where email = ?";
        rows: "batch values ('hunter2', 1)" => "batch values (?, ?)";
        quoted: "{\"sql\":\"SELECT a FROM t WHERE b = 'hunter2'\",\"n\":1}" => "{\"sql\":\"SELECT a FROM t WHERE b = ?\",\"n\":1}";
        quoted_with_escapes: "query=\"SELECT a\\nFROM t.\\\"u\\\" WHERE b = 'hunter2'\" n=5" => "query=\"SELECT a\\nFROM t.\\\"u\\\" WHERE b = ?\" n=5";
        quoted_names: "q \"UPDATE \"users\" SET \"a\" = 'hunter2' WHERE \"b\" = 'hunter2'\"" => "q \"UPDATE ?\" SET ? = ? WHERE ? = ??";
        accounts: "ALTER USER bob IDENTIFIED BY hunter2" => "ALTER USER bob IDENTIFIED BY ?";
        placeholders: "UPDATE t SET password = ? WHERE token = $1" => "UPDATE t SET password = ? WHERE token = $1";
    }
}

mod l6_database_errors {
    use super::*;
    table! { text;
        postgres: "pq: duplicate key value violates unique constraint \"u\": Key (email)=(hunter2) already exists." => "pq: duplicate key value violates unique constraint \"u\": Key (email)=(REDACTED) already exists.";
        several_columns: "Key (a, b)=(1, hun(ter)2) is not present in table \"t\"." => "Key (a, b)=(REDACTED) is not present in table \"t\".";
        failing_row: "DETAIL: Failing row contains (1, hunter2, null)." => "DETAIL: Failing row contains (REDACTED).";
        mysql: "Error 1062: Duplicate entry 'o'hunter2' for key 'users.email'" => "Error 1062: Duplicate entry 'REDACTED' for key 'users.email'";
        mysql_value: "Incorrect integer value: 'hunter2' for column 'a' at row 1" => "Incorrect integer value: 'REDACTED' for column 'a' at row 1";
        mysql_syntax: "right syntax to use near 'hunter2 'x' y' at line 1" => "right syntax to use near 'REDACTED' at line 1";
        sql_server: "The duplicate key value is (hunter2)." => "The duplicate key value is (REDACTED).";
        conversion: "Conversion failed when converting the varchar value 'hunter2' to data type int." => "Conversion failed when converting the varchar value 'REDACTED' to data type int.";
        input: "ERROR: invalid input syntax for type uuid: \"hunter2\" (SQLSTATE 22P02)" => "ERROR: invalid input syntax for type uuid: \"REDACTED\" (SQLSTATE 22P02)";
        mongo: "E11000 duplicate key error index: email_1 dup key: { email: \"hunter2\" }" => "E11000 duplicate key error index: email_1 dup key: {REDACTED}";
    }
}

mod u6_oracle {
    use super::*;
    table! { url;
        easy: "scott/hunter2@h:1521/orcl" => "h:1521/orcl";
        slashes: "scott/hunter2@//h:1521/x" => "//h:1521/x";
        scheme: "oracle://scott/hunter2@h" => "oracle://REDACTED";
        of_the_web: "http://scott/hunter2@h" => "http://REDACTED";
        versions: "https://registry/pkg@1.2.3" => "https://registry/pkg@1.2.3";
        escaped: "https://h.test/http%3A%2F%2Fu%3Ahunter2%40x" => "https://h.test/REDACTED";
        escaped_twice: "https://h.test/a/http%253A%252F%252Fu%253Ahunter2%2540x/b" => "https://h.test/a/REDACTED/b";
        escaped_names: "https://h.test/a%20b/bob%40h.test" => "https://h.test/a%20b/bob%40h.test";
        webhooks: "https://hooks.slack.com/services/T0/B0/hunter2" => "https://hooks.slack.com/services/REDACTED";
        webhooks_of_discord: "https://discord.com/api/webhooks/1/hunter2?x" => "https://discord.com/api/webhooks/REDACTED";
    }

    #[test]
    fn descriptors() {
        for (input, expected) in [
            ("(DESCRIPTION=(HOST=h)(PASSWORD=hunter2))", "(DESCRIPTION=(HOST=h)(PASSWORD=REDACTED))"),
            (
                "scott/hunter2@(DESCRIPTION=(HOST=h)(TOKEN=(A=hunter2)))",
                "(DESCRIPTION=(HOST=h)(TOKEN=REDACTED))",
            ),
            ("(PASSWORD=\"hun)ter2\")(HOST=h)", "(PASSWORD=REDACTED)(HOST=h)"),
            ("oracle://scott/hunter2@h", "oracle://REDACTED"),
        ] {
            assert_eq!(dsn(input), expected);
            assert_eq!(dsn(expected), expected);
        }
    }
}

#[test]
fn s10_secrets_of_statements() {
    for (dialect, input, expected) in [
        (Dialect::MsSql, "EXEC sp_addlogin bob, hunter2", "EXEC sp_addlogin ?, ?"),
        (Dialect::MsSql, "EXEC dbo.sp_addlogin bob, hun@ter.2", "EXEC dbo.sp_addlogin ?, ?"),
        (
            Dialect::MsSql,
            "EXEC @r = sp_x @a = hunter2, @b = @c OUTPUT",
            "EXEC @r = sp_x @a = ?, @b = @c OUTPUT",
        ),
        (
            Dialect::Generic,
            "IF 1 = 1 EXECUTE sp_password hunter2, hunter2",
            "IF ? = ? EXECUTE sp_password ?, ?",
        ),
        (Dialect::Generic, "GRANT EXECUTE ON p TO bob", "GRANT EXECUTE ON p TO bob"),
        (Dialect::Sqlite, "PRAGMA db.key = hunter2", "PRAGMA db.key = ?"),
        (Dialect::Sqlite, "PRAGMA db.cache_size", "PRAGMA db.cache_size"),
        (Dialect::Postgres, "SET app.user = hunter2", "SET app.user = ?"),
        (
            Dialect::Postgres,
            "SET SESSION app.user TO hunter2; SELECT a",
            "SET SESSION app.user TO ?; SELECT a",
        ),
        (Dialect::Postgres, "SET myvar = hunter2", "SET myvar = ?"),
        (Dialect::MySql, "SET a = hunter2, b = hunter2", "SET a = ?, b = ?"),
        (Dialect::Postgres, "SET search_path = a; SET x = on", "SET search_path = a; SET x = on"),
        (Dialect::Postgres, "UPDATE t SET a = b WHERE c = d", "UPDATE t SET a = b WHERE c = d"),
        (
            Dialect::Generic,
            "CREATE OR REPLACE SECRET s (TYPE s3, SECRET hunter2)",
            "CREATE OR REPLACE SECRET s ?",
        ),
        (Dialect::Generic, "CREATE SECRET (TYPE s3, KEY_ID hunter2)", "CREATE SECRET ?"),
        (
            Dialect::Generic,
            "IF NOT EXISTS (SELECT 1) CREATE USER u WITH PASSWORD = hunter2",
            "IF NOT EXISTS (SELECT ?) CREATE USER u WITH PASSWORD = ?",
        ),
        (
            Dialect::MsSql,
            "BEGIN ALTER LOGIN u WITH PASSWORD = hunter2 END",
            "BEGIN ALTER LOGIN u WITH PASSWORD = ?",
        ),
        (Dialect::Generic, "AUTH hunter2", "AUTH ?"),
        (Dialect::Generic, "auth bob hunter2", "auth ?"),
        (Dialect::Generic, "HELLO 3 AUTH bob hunter2", "HELLO ? AUTH ?"),
        (Dialect::Generic, "CONFIG SET requirepass hunter2", "CONFIG SET requirepass ?"),
        (Dialect::Generic, "ACL SETUSER bob on >hunter2 ~*", "ACL SETUSER bob ?"),
        (Dialect::Generic, "SET session:42 hunter2 EX 60", "SET session:42 ?"),
    ] {
        let once = sql(input, dialect);
        assert_eq!(once, expected, "{dialect}");
        assert_eq!(sql(&once, dialect), once, "twice: {input}");
    }
}

/// One step of building a sanitizer.
type Step = fn(Sanitizer) -> Sanitizer;

#[test]
fn the_order_of_options_does_not_matter() {
    let steps: [Step; 4] = [
        |sanitizer| sanitizer.with_keys(SensitiveKeys::default().with_pattern("tenant")),
        |sanitizer| {
            let mut options = UrlOptions::default();
            options.mode = UrlMode::Redact;
            sanitizer.with_url(options)
        },
        |sanitizer| sanitizer.with_token_shapes(TokenShapes::default().with_prefix("acme-")),
        |sanitizer| sanitizer.with_sql(SqlOptions::new(Dialect::Postgres)),
    ];
    let leave = |sanitizer: &Sanitizer| {
        [
            sanitizer.url("https://u:p@h.test/acme-0123?tenant=t&n=1").into_owned(),
            sanitizer.dsn("postgres://h.test/d?tenant=t&n=1").into_owned(),
            sanitizer.dsn("host=h tenant=t").into_owned(),
            sanitizer
                .text("tenant=t acme-0123 https://u:p@h.test/?tenant=t&n=1 SELECT \"a\" FROM t")
                .into_owned(),
            sanitizer.sql("SET tenant = t").into_owned(),
        ]
    };
    let expected = [
        "https://REDACTED:REDACTED@h.test/REDACTED?tenant=REDACTED&n=1",
        "postgres://h.test/d?tenant=REDACTED&n=1",
        "host=h tenant=REDACTED",
        "tenant=REDACTED REDACTED https://REDACTED:REDACTED@h.test/?tenant=REDACTED SELECT \"a\" FROM t",
        "SET tenant = ?",
    ];
    for order in permutations(&[0, 1, 2, 3]) {
        let sanitizer = order.iter().fold(Sanitizer::new(), |sanitizer, &step| steps[step](sanitizer));
        assert_eq!(leave(&sanitizer), expected, "{order:?}");
    }
}

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for &first in items {
        let rest: Vec<usize> = items.iter().copied().filter(|&item| item != first).collect();
        all.extend(permutations(&rest).into_iter().map(|mut order| {
            order.insert(0, first);
            order
        }));
    }
    all
}
