//! Rules S1–S15, one table each: a name, the dialects, a text, and what leaves.

use std::borrow::Cow;

use go_trace_sanitize::{Dialect, Sanitizer, SqlOptions, sql, sql_bytes, sql_summary};

fn with(dialect: Dialect, change: impl FnOnce(&mut SqlOptions)) -> Sanitizer {
    let mut options = SqlOptions::new(dialect);
    change(&mut options);
    Sanitizer::new().with_sql(options)
}

/// One test per line: its name, the dialects it holds in, a text and the sanitized text. `same` means that nothing changes.
macro_rules! table {
    ($($name:ident: [$($dialect:ident),+] $text:expr => $expected:tt;)+) => {
        $(#[test]
        fn $name() {
            let text: &str = $text;
            for dialect in [$(Dialect::$dialect),+] {
                let clean = sql(text, dialect);
                assert_eq!(clean, table!(@expected $expected, text), "{dialect}: {text}");
                assert_eq!(sql(&clean, dialect), clean, "{dialect}, twice: {text}");
            }
        })+
    };
    (@expected same, $text:ident) => { $text };
    (@expected $expected:expr, $text:ident) => { $expected };
}

mod s1_everything_else_is_kept {
    use super::*;
    table! {
        case_and_blanks: [Generic, Postgres, MySql, MsSql] "SeLeCT  a ,\tb\nFROM  t " => same;
        operators: [Postgres] "SELECT a->'k', b#>>c, d @> e, f::int[] FROM t WHERE g ~* h" => "SELECT a->?, b#>>c, d @> e, f::int[] FROM t WHERE g ~* h";
        json_existence: [Postgres] "a ? b AND c ?| d AND e ?& f" => same;
        casts: [Postgres, Generic] "SELECT a::text, CAST(b AS varchar)" => same;
        quoted_identifiers: [Postgres, Oracle, Ansi] r#"SELECT "a 1", "b""c" FROM "d""# => same;
        backticks: [MySql, BigQuery, Spark, ClickHouse, Generic, Sqlite] "SELECT `a 1`, `b`.`c` FROM `d``e`" => same;
        brackets: [MsSql] "SELECT [a 1], [b]]c] FROM [d]" => same;
        brackets_of_sqlite: [Sqlite] "SELECT [a 1] FROM [d]" => same;
        empty: [Generic, MySql] "" => same;
        nul: [Generic, Postgres, MySql] "SELECT\0a\0" => same;
        letters_of_all_scripts: [Generic, Postgres, MySql] "SELECT größe1, имя2, 名3 FROM café4" => same;
    }

    #[test]
    fn unchanged_text_is_borrowed() {
        assert!(matches!(sql("SELECT a FROM b", Dialect::Generic), Cow::Borrowed(_)));
        assert!(matches!(sql("SELECT a FROM b WHERE c IN (?) -- d", Dialect::Generic), Cow::Borrowed(_)));
        assert!(matches!(sql("/* d */SELECT a", Dialect::Generic), Cow::Borrowed(_)));
        assert!(matches!(sql_bytes(b"\xffSELECT", Dialect::Generic), Cow::Borrowed(_)));
    }
}

mod s2_literals {
    use super::*;
    table! {
        strings: [Generic, Postgres, MySql, MsSql, Oracle] "SELECT 'a', 'it''s', ''" => "SELECT ?, ?, ?";
        prefixes_of_postgres: [Postgres, Generic] "SELECT E'a', B'01', x'1F', U&'d', N'e'" => "SELECT ?, ?, ?, ?, ?";
        prefixes_of_mysql: [MySql, Generic] "SELECT N'a', x'1F', b'01', _utf8mb4'c', _latin1 'd'" => "SELECT ?, ?, ?, ?, _latin1 ?";
        prefixes_of_bigquery: [BigQuery, Generic] "SELECT r'a', b'c', rb'd', BR'e'" => "SELECT ?, ?, ?, ?";
        prefixes_of_db2: [Db2, Ansi, Generic] "SELECT G'a', UX'1F', GX'2A', BX'3'" => "SELECT ?, ?, ?, ?";
        words_before_strings: [Generic, Postgres] "SELECT DATE'2026-01-01', abc'd'" => "SELECT DATE?, abc?";
        typed_literals: [Generic, Postgres, Ansi] "SELECT DATE '2026-01-01', INTERVAL '3' DAY" => "SELECT DATE ?, INTERVAL ? DAY";
        numbers: [Generic, Postgres, MySql, MsSql] "1, 1.5, .5, 1e5, 1e-5, 1.5E+10, 0x1F, 0b11, 0o17, 1_000" => "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
        suffixes: [Spark, Generic] "10L, 1.5BD, 3S, 4Y" => "?, ?, ?, ?";
        a_run_is_one_literal: [Generic, Postgres, MySql] "4f5e6d, 10L, 1.2.3.4, 12ab34" => "?, ?, ?, ?";
        trailing_dot: [Generic, Postgres] "SELECT 1., 2" => "SELECT ?, ?";
        ranges: [Oracle, Generic] "FOR i IN 1..10 LOOP" => "FOR i IN ?..? LOOP";
        booleans: [Generic, Postgres, MySql] "TRUE, false, t.true, true.x, is_true, NULL" => "?, ?, t.true, true.x, is_true, NULL";
        money: [MsSql] "SELECT $5.00, $1, -$7" => "SELECT ?, ?, ?";
        dollar_quotes: [Postgres, Generic] "SELECT $$it is$$, $tag$a $ b$tag$, $_1$x$_1$" => "SELECT ?, ?, ?";
        dollar_quotes_hold_quotes: [Postgres] "SELECT $$it's$$, $a$ $$ ' $b$ $a$, 1" => "SELECT ?, ?, ?";
        dollar_pairs: [Snowflake, Cassandra] "AS $$it's$$ x" => "AS ? x";
        uuids: [Generic, Cassandra, Postgres] "550e8400-e29b-41d4-a716-446655440000, abcdef12-e29b-41d4-a716-446655440000x" => "?, ?";
        durations: [Cassandra] "1h30m, P1DT2H, 89h4m48s, -2mo, Price1" => "?, ?, ?, ?, Price1";
        identifiers_of_digits: [MySql, BigQuery, Spark] "SELECT * FROM db.2019_orders, db.2019" => "SELECT * FROM db.2019_orders, db.?";
        identifiers_of_digits_elsewhere: [Postgres, Generic] "SELECT * FROM db.2019_orders" => "SELECT * FROM db.?";
        strings_in_double_quotes: [MySql, BigQuery, Spark] r#"SELECT "a", "it's" FROM t"# => "SELECT ?, ? FROM t";
        triple_quotes: [BigQuery] r#"SELECT '''it's''', """say "x" """, r'''\''' , x'''"# => "SELECT ?, ?, ?";
        q_quotes: [Oracle] "SELECT q'[it's]', nq'{a}', q'!b'c!', Q'(d))'" => "SELECT ?, ?, ?, ?";
    }
}

mod s3_signs {
    use super::*;
    table! {
        unary: [Generic, Postgres, MySql] "-1, (+2), = -3, SELECT -4, LIMIT -5, * -6" => "?, (?), = ?, SELECT ?, LIMIT ?, * ?";
        binary: [Generic, Postgres, MySql] "a-1, a -1, a - 1, 99+100, ?-1, (b)-2, c[d]-3" => "a-?, a -?, a - ?, ?+?, ?-?, (b)-?, c[d]-?";
        two_signs: [MySql] "SELECT --1, a--1" => "SELECT -?, a-?";
        before_words: [Generic, Postgres] "-a, - 1" => "-a, - ?";
    }
}

mod s4_digits_in_identifiers {
    use super::*;
    table! {
        stay: [Generic, Postgres, MySql, Oracle] "SELECT t1.c2, x_3, v$session4 FROM a5b6" => same;
        with_dashes: [BigQuery] "SELECT a-1 FROM my-project-123.b.c JOIN d-4.e.f" => "SELECT a-? FROM my-project-123.b.c JOIN d-4.e.f";
        with_number_signs: [Oracle, MsSql, Db2] "SELECT a#1 FROM #t2" => same;
    }
}

mod s5_placeholders {
    use super::*;
    table! {
        question_marks: [Generic, Postgres, MySql, Sqlite] "a = ? AND b = ?1 AND c IN (?, ?2)" => same;
        numbered: [Generic, Postgres, Sqlite] "a = $1 AND b = $99999 AND c = $1::int" => same;
        named: [Generic, Oracle, MsSql, Sqlite] "a = :name1 AND b = @p1 AND c = @@ROWCOUNT AND d = :1" => same;
        of_drivers: [Generic, Postgres, MySql] "a = %s AND b = %(name1)s" => same;
        with_types: [ClickHouse, Generic] "a = {id1:UInt64} AND b = {n:Array(String)}" => same;
        too_long: [Generic, Postgres] "?123456, $123456, :123456" => "?, ?, ?";
        amounts: [Generic, Postgres] "$5.00, $1x" => "?, ?";
        slices: [Generic, Postgres] "a[1:2], a[:3], b:4, (c):5, 12:30:45" => "a[?:?], a[:?], b:?, (c):?, ?:?:?";
    }
}

mod s6_double_quotes {
    use super::*;
    table! {
        joined_by_dots: [Generic, MsSql, Sqlite] r#"SELECT "a"."b", c."d", "e".f, "g" . "h""# => same;
        alone: [Generic, MsSql, Sqlite] r#"SELECT "a", b = "c" AND "d".1"# => "SELECT ?, b = ? AND ?.?";
        joined_to_nothing: [Generic, MsSql, Sqlite] r#"SELECT "a".'b', "c"., "d".*"# => "SELECT ?.?, ?., ?.*";
        after_keywords: [Generic, MsSql, Sqlite] r#"INSERT INTO "a"; UPDATE "b"; x JOIN "c"; TABLE "d""# => same;
        after_from: [Generic, MsSql, Sqlite] r#"SELECT x FROM "a"; DELETE FROM "b""# => same;
        after_from_elsewhere: [Generic, MsSql, Sqlite] r#"SELECT EXTRACT(YEAR FROM "a"), b FROM "c""# => r#"SELECT EXTRACT(YEAR FROM ?), b FROM "c""#;
        comparisons: [Generic, MsSql, Sqlite] r#"SELECT a FROM t WHERE b IS DISTINCT FROM "c" AND d IS NOT DISTINCT FROM "e""# => "SELECT a FROM t WHERE b IS DISTINCT FROM ? AND d IS NOT DISTINCT FROM ?";
        subqueries: [Generic, MsSql, Sqlite] r#"SELECT (SELECT x FROM "a") FROM "b", "c""# => r#"SELECT (SELECT x FROM "a") FROM "b", ?"#;
        without_select: [Generic] r#"x FROM "a""# => "x FROM ?";
    }
}

mod s7_comments {
    use super::*;
    table! {
        block: [Generic, Postgres, MySql, MsSql] "SELECT /* secret */ a" => "SELECT  a";
        line: [Generic, Postgres, MySql, MsSql] "SELECT a -- secret\nFROM b -- 'x" => "SELECT a \nFROM b ";
        hints: [Oracle, MySql] "SELECT /*+ INDEX(a) */ b" => "SELECT  b";
        number_sign: [MySql, BigQuery, ClickHouse] "SELECT a # secret 'x\nFROM b" => "SELECT a \nFROM b";
        number_sign_is_an_operator: [Postgres] "SELECT a # b" => same;
        slashes: [Snowflake, Cassandra] "SELECT a // secret 'x\nFROM b" => "SELECT a \nFROM b";
        slashes_are_operators: [Postgres] "SELECT a // b" => same;
        nested: [Postgres, MsSql, Spark, ClickHouse] "a /* b /* c */ d */ e" => "a  e";
        flat: [MySql, Oracle, Sqlite, Hive] "a /* b /* c */ d" => "a  d";
        glued_words: [Generic, Postgres, MySql] "SELECT/**/a/**//**/FROM/**/b" => "SELECT a FROM b";
        glued_operators: [Postgres, MySql] "a-/**/-b, c</**/= d, e /**// f" => "a- -b, c< = d, e / f";
        not_glued: [Postgres, MySql] "(/**/a/**/)/**/,/**/b" => "(a),b";
        executable: [MySql] "SELECT /*!50001 a, 'b', */ c /*! 5*/" => "SELECT /*!50001 a, ?, */ c /*! ?*/";
        executable_of_mariadb: [MySql] "/*M!100100 'b' */" => "/*M!100100 ? */";
        executable_elsewhere: [Generic, Postgres] "SELECT /*!50001 a, 'b', */ c" => "SELECT  c";
        executable_with_quotes: [MySql] "SELECT /*! a, '*/ b' */ secret" => "SELECT /*! a, ?";
        dashes_without_blank: [MySql] "SELECT a --b" => same;
        dashes_become_a_comment: [MySql] "SELECT a --/**/ b" => "SELECT a ?";
    }

    #[test]
    fn kept_on_request() {
        let sanitizer = with(Dialect::Postgres, |options| options.keep_comments = true);
        assert_eq!(sanitizer.sql("SELECT 1 /* a */ -- b"), "SELECT ? /* a */ -- b");
    }
}

mod s8_unterminated {
    use super::*;
    table! {
        string: [Generic, Postgres, MySql] "SELECT 'secret AND b" => "SELECT ?";
        identifier: [Postgres, Oracle] "SELECT \"secret AND b" => "SELECT ?";
        backtick: [MySql, Generic] "SELECT `secret AND b" => "SELECT ?";
        bracket: [MsSql, Sqlite] "SELECT [secret AND b" => "SELECT ?";
        dollar: [Postgres, Generic] "SELECT $a$ secret $b$" => "SELECT ?";
        q_quote: [Oracle] "SELECT q'[secret'" => "SELECT ?";
        triple: [BigQuery] "SELECT '''secret''" => "SELECT ?";
        comment: [Generic, Postgres, MySql] "SELECT a /* secret" => "SELECT a ";
        nested_comment: [Postgres] "SELECT a /* /* secret */" => "SELECT a ";
    }
}

mod s9_ambiguity {
    use super::*;
    table! {
        backslash_before_quote: [Generic, Redshift] r"SELECT 'a\' , secret , 'b' FROM t" => "SELECT ?";
        backslash_in_double_quotes: [Generic] r#"SELECT "a\" , secret , "b" FROM t"# => "SELECT ?";
        even_backslashes: [Generic, Redshift, Postgres, MySql] r"SELECT 'a\\', 'b\\\\' FROM t" => "SELECT ?, ? FROM t";
        known_dialects: [Postgres, Oracle] r"SELECT 'a\', 'b' FROM t" => "SELECT ?, ? FROM t";
        escapes: [MySql, Snowflake, ClickHouse] r"SELECT 'a\'b', c FROM t" => "SELECT ?, c FROM t";
        escape_strings: [Postgres] r"SELECT E'a\'b', c FROM t" => "SELECT ?, c FROM t";
        strings_on_two_lines: [Postgres, Redshift] "SELECT E'a'\n'b\\' secret \\''" => "SELECT ?\n?";
        strings_on_two_lines_with_a_comment: [Postgres] "SELECT E'a' -- c\n'b\\' secret \\''" => "SELECT ? \n?";
        strings_on_two_lines_that_agree: [Postgres] "SELECT E'a'\n'b', E'c', 'd\\', e" => "SELECT ?\n?, ?, ?, e";
        open_end_after_doubt: [Postgres, Oracle] r"SELECT a, 'b\' AND secret = 'c" => "SELECT a, ?";
        open_end_after_doubt_in_a_list: [Postgres] r"a IN ('b\', 'c') AND secret = 'd" => "a IN (?";
        glued_after_doubt: [Postgres, Oracle] r"SELECT 'a\'secret', b" => "SELECT ?";
        glued_number_after_doubt: [MySql] r"SELECT 'a\'b'5 secret" => "SELECT ?";
        nested_comment: [Generic] "SELECT a /* b /* c */ secret */ d" => "SELECT a ?";
        dashes: [Generic] "SELECT a --b's\nsecret" => "SELECT a ?";
        dashes_balanced: [Generic] "SELECT a --b\nFROM c" => "SELECT a \nFROM c";
        number_sign: [Generic] "SELECT a #> '{b,\nsecret}'" => "SELECT a ?";
        number_sign_opens_comment: [Generic] "SELECT a # /* b\nsecret */" => "SELECT a ?";
        slashes: [Generic] "SELECT a // it's\nsecret" => "SELECT a ?";
        brackets: [Generic] "SELECT [it's], 'secret', [b]" => "SELECT [it?";
        brackets_balanced: [Generic] "SELECT [a b], c['d'], e[1]" => "SELECT [a b], c[?], e[?]";
        dollar_body: [Generic] "SELECT $$it's$$, secret" => "SELECT ?";
        q_quotes: [Generic] "SELECT q'[it's]', secret" => "SELECT ?";
        q_quotes_that_agree: [Generic] "SELECT q'[its]', b" => "SELECT ?, b";
        triple_quotes: [Generic] "SELECT '''it's''', secret" => "SELECT ?";
        triple_quotes_that_agree: [Generic] "SELECT '''its''', b" => "SELECT ?, b";
        executable_comment: [Generic] "SELECT /*! '*/ secret' */" => "SELECT ?";
        executable_comment_with_dashes: [Generic] "SELECT /*! a -- b */ secret\n, c" => "SELECT ?";
        dollar_body_with_comment: [Generic] "SELECT $$ a # b $$ secret\n, c" => "SELECT ?";
        dollar_body_with_closed_comment: [Generic] "SELECT $$ a -- b\n $$ c" => "SELECT ? c";
        backticks: [Generic] "SELECT `a 'secret' b`" => "SELECT ?";
        backticks_joined: [Generic] "SELECT \"a\".`it's`" => "SELECT ?.?";
        identifier_joined_to_a_doubtful_one: [Generic] "SELECT [a, \"b\".\"c]\", d" => "SELECT [a, ?.?";
        carriage_return: [Generic, MySql] "SELECT a -- b\r'c\nsecret'" => "SELECT a ?";
        line_end: [Generic, MySql, Postgres] "SELECT a -- b's\r\nFROM c" => "SELECT a \nFROM c";
    }
}

mod s10_secrets_without_quotes {
    use super::*;
    table! {
        identified_by: [Generic, Oracle, Snowflake] "CREATE USER a IDENTIFIED BY secret DEFAULT TABLESPACE b" => "CREATE USER a IDENTIFIED BY ?";
        identified_by_quoted: [Generic, Oracle] "ALTER USER a IDENTIFIED BY \"secret\" REPLACE old" => "ALTER USER a IDENTIFIED BY ?";
        identified_by_values: [Oracle] "ALTER USER a IDENTIFIED BY VALUES 'secret' x" => "ALTER USER a IDENTIFIED BY VALUES ? x";
        identified_by_values_bare: [Oracle, Generic] "ALTER USER a IDENTIFIED BY VALUES secret x" => "ALTER USER a IDENTIFIED BY VALUES ?";
        identified_with: [MySql, Generic] "CREATE USER a IDENTIFIED WITH plugin BY secret x" => "CREATE USER a IDENTIFIED WITH plugin BY ?";
        identified_by_string: [Generic, MySql] "CREATE USER a IDENTIFIED BY 'secret' ACCOUNT LOCK" => "CREATE USER a IDENTIFIED BY ? ACCOUNT LOCK";
        next_statement: [Generic, Oracle] "GRANT x TO a IDENTIFIED BY secret; SELECT b" => "GRANT x TO a IDENTIFIED BY ?; SELECT b";
        next_statement_in_doubt: [Generic, Oracle] "GRANT x TO a IDENTIFIED BY sec'ret; SELECT b" => "GRANT x TO a IDENTIFIED BY ?";
        password: [Generic, Postgres, SapHana] "CREATE USER a PASSWORD secret x" => "CREATE USER a PASSWORD ?";
        password_equals: [MsSql, Generic, Snowflake] "ALTER LOGIN a WITH PASSWORD = \"secret\", b = c" => "ALTER LOGIN a WITH PASSWORD = ?";
        password_of_digits: [Generic] "ALTER USER a PASSWORD 12ab#secret" => "ALTER USER a PASSWORD ?";
        set_password: [MySql, Generic] "SET PASSWORD FOR a = secret" => "SET PASSWORD ?";
        other_statements: [SapHana, Generic] "CONNECT a PASSWORD secret" => "CONNECT a PASSWORD ?";
        validate: [SapHana] "VALIDATE USER a PASSWORD \"secret\"" => "VALIDATE USER a PASSWORD ?";
        backup: [Generic] "BACKUP DATABASE a TO b WITH PASSWORD = secret" => "BACKUP DATABASE a TO b WITH PASSWORD = ?";
        placeholders: [Generic, Postgres] "ALTER USER a PASSWORD $1 VALID" => same;
        named_placeholders: [Generic, Oracle] "ALTER USER a IDENTIFIED BY :pw REPLACE :old" => same;
        columns: [Generic, Postgres] "CREATE TABLE a (password text); ALTER TABLE a ADD password text" => same;
        columns_in_queries: [Generic, Postgres] "SELECT password FROM a; UPDATE a SET password = b" => same;
        after_modifiers: [Generic] "CREATE OR REPLACE VIEW v AS SELECT password FROM a" => same;
        connect_with_slash: [Oracle, Generic] "CONNECT scott/tiger@db" => "CONNECT scott/?";
        connect_without_password: [Oracle, Generic] "CONNECT / AS SYSDBA; CONNECT a/; CONNECT b/" => same;
        connect_using: [Db2] "CONNECT TO db USER a USING secret" => "CONNECT TO db USER a USING ?";
        connect_with_quotes: [Oracle] "CONNECT \"scott\" / \"tiger\"@db" => "CONNECT \"scott\" / ?";
        connect_with_new_password: [Db2] "CONNECT TO db USER a USING 'b' NEW secret CONFIRM secret" => "CONNECT TO db USER a USING ? NEW ?";
        attach: [Sqlite, Generic] "ATTACH DATABASE 'a' AS b KEY secret; ATTACH DATABASE 'a' AS c" => "ATTACH DATABASE ? AS b KEY ?; ATTACH DATABASE ? AS c";
        pragma: [Sqlite, Generic] "PRAGMA key = secret; PRAGMA rekey(secret); PRAGMA foreign_keys = a" => "PRAGMA key = ?; PRAGMA rekey?; PRAGMA foreign_keys = a";
        settings: [Spark, Hive, Postgres] "SET spark.fs.s3a.secret.key=se/cret" => "SET spark.fs.s3a.secret.key=?";
        settings_of_a_session: [Postgres, Generic] "SET LOCAL app.password = secret; SET search_path = a" => "SET LOCAL app.password = ?; SET search_path = a";
        within_blocks: [Generic, MsSql] "IF a THEN ALTER USER b PASSWORD secret" => "IF a THEN ALTER USER b PASSWORD ?";
        explained: [Generic, Postgres] "EXPLAIN ANALYZE ALTER USER b PASSWORD secret" => "EXPLAIN ANALYZE ALTER USER b PASSWORD ?";
        columns_altered: [Generic, Postgres] "ALTER TABLE a ALTER COLUMN password TYPE text" => same;
        comments_between: [Generic] "ALTER USER a PASSWORD /* x */ -- y\n secret" => "ALTER USER a PASSWORD  \n ?";
        comments_before_signs: [Generic, Postgres] "OPEN x signature /* y */ = secret" => "OPEN x signature  = ?";
        comments_in_settings: [Generic, MySql] "SET a.b /* x */ = /* secret */ secret" => "SET a.b  =  ?";
        comments_behind_words: [Generic, Postgres] "SET a = secret /* x */, b TO/* y */secret -- z" => "SET a = ? , b TO ? ";
        comments_before_accounts: [Generic, Postgres] "CREATE TABLE a (b int) ALTER /* x */ USER c PASSWORD secret" => "CREATE TABLE a (b int) ALTER  USER c PASSWORD ?";
        comments_before_commands: [Generic] "/* x */ SET /* y */ session:1 secret" => " SET  session:1 ?";
        comments_before_keys: [Generic] "-- x\nSET/* y */ key/* z */secret" => "\nSET key ?";
        blanks_before_signs: [Generic, Postgres] "OPEN x signature\u{a0}= secret" => "OPEN x signature\u{a0}= ?";
        keys_with_quotes: [Generic] "SET a=b,c:'secret' d" => "SET a=?,c:?";
        names_that_start_with_digits: [Generic, Hive] "SET 5x=secret, 6y=secret" => "SET 5x=?, 6y=?";
        qualified_arguments: [Generic, MsSql] "EXEC p \"a\" . true, secret" => "EXEC p \"a\" . true, ?";
    }
}

mod s11_inline_data {
    use super::*;
    table! {
        copy: [Generic, Postgres] "COPY t (a) FROM STDIN;\n1\tsecret\n\\." => "COPY t (a) FROM STDIN;";
        copy_without_semicolon: [Generic, Postgres] "COPY t FROM STDIN WITH (FORMAT csv)\n1,secret" => "COPY t FROM STDIN WITH (FORMAT csv)";
        copy_with_options: [Postgres] "copy t from stdin delimiter ';' csv\nsecret" => "copy t from stdin delimiter ?";
        copy_from_elsewhere: [Postgres] "COPY t FROM 'file'; SELECT a" => "COPY t FROM ?; SELECT a";
        format: [ClickHouse, Generic] "INSERT INTO t FORMAT CSV 1,secret" => "INSERT INTO t FORMAT CSV";
        format_values: [ClickHouse] "INSERT INTO t FORMAT Values (1, secret)" => "INSERT INTO t FORMAT Values";
        no_format: [ClickHouse, Generic] "INSERT INTO t (format, a) SELECT format, a FROM u" => same;
        stdin_elsewhere: [Generic] "SELECT stdin FROM stdin; b" => same;
    }
}

mod s12_unicode {
    use super::*;
    table! {
        curly_quotes: [Generic, Postgres, MySql] "SELECT ‘secret’, “secret”, „secret“, ”secret”" => "SELECT ?, ?, ?, ?";
        other_quotes: [Generic, Postgres, MySql] "SELECT «secret», »secret«, ‹secret›, ´secret´, ′secret′" => "SELECT ?, ?, ?, ?, ?";
        curly_quotes_after_words: [Generic] "SELECT N‘secret’, a" => "SELECT N?, a";
        open_curly_quotes: [Generic, Postgres] "SELECT ‘secret" => "SELECT ?";
        nested_curly_quotes: [Generic] "SELECT “a “secret” b” c" => "SELECT ?";
        mixed_quotes: [Generic] "SELECT ‘a' secret’" => "SELECT ?";
        blanks: [Generic, Postgres] "SELECT\u{a0}1\u{2003}TRUE\u{3000}a" => "SELECT\u{a0}?\u{2003}?\u{3000}a";
        invisible: [Generic, Postgres] "SELECT a\u{200b}1\u{feff}2" => "SELECT a\u{200b}?\u{feff}?";
        blanks_in_keywords: [Generic] "ALTER USER a IDENTIFIED\u{a0}BY\u{2003}secret" => "ALTER USER a IDENTIFIED\u{a0}BY\u{2003}?";
        digits: [Generic, Postgres] "SELECT ٣٤٥, १२, 1٣, a٣" => "SELECT ?, ?, ?, a٣";
        money: [MsSql, Generic] "SELECT £500, €1.5" => "SELECT £?, €?";
    }
}

mod s13_lists {
    use super::*;
    table! {
        in_lists: [Generic, Postgres, MySql] "a IN (1, 'b', ?, -3, TRUE) AND b in(4)" => "a IN (?) AND b in(?)";
        in_lists_with_comments: [Generic] "a IN (1, /* b */ 2 -- c\n)" => "a IN (?)";
        not_only_literals: [Generic] "a IN (1, b), IN (NULL, 1), IN ($1, $2), IN ((1), 2), IN (SELECT 1)" => "a IN (?, b), IN (NULL, ?), IN ($1, $2), IN ((?), ?), IN (SELECT ?)";
        empty_lists: [Generic] "a IN (), b IN (?)" => same;
        other_lists: [Generic] "f(1, 2), a.in (1, 2)" => "f(?, ?), a.in (?, ?)";
        values: [Generic] "VALUES (1, 2), (3, 4)" => "VALUES (?, ?), (?, ?)";
        types: [Generic, Postgres] "CREATE TABLE t (a varchar(20), b numeric(10, 2))" => "CREATE TABLE t (a varchar(?), b numeric(?, ?))";
    }

    #[test]
    fn options() {
        let lists = with(Dialect::Generic, |options| options.collapse_in_lists = false);
        assert_eq!(lists.sql("a IN (1, 2)"), "a IN (?, ?)");
        let rows = with(Dialect::Generic, |options| options.collapse_values_rows = true);
        for (text, expected) in [
            ("VALUES (1, 2), (3, 4), (5, NULL) RETURNING a", "VALUES (?, ?) RETURNING a"),
            ("VALUES (1, f(2)), (3, 4)", "VALUES (?, f(?))"),
            ("VALUES (1), (f(2)), (3)", "VALUES (?), (f(?)), (?)"),
            (
                "ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)",
                "ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)",
            ),
        ] {
            assert_eq!(rows.sql(text), expected);
            assert_eq!(rows.sql(expected), expected);
        }
    }
}

mod s14_bytes_and_limits {
    use super::*;

    #[test]
    fn invalid_utf8_is_ordinary() {
        assert_eq!(
            &*sql_bytes(b"SELECT '\xff\xfe', \xffa, 5\xff", Dialect::Generic),
            b"SELECT ?, \xffa, ?\xff"
        );
        assert_eq!(&*sql_bytes(b"SELECT \xe2\x80", Dialect::Generic), b"SELECT \xe2\x80");
    }

    #[test]
    fn the_limit_cuts_at_tokens() {
        let text = "SELECT abc, 'secret', \"d e\" FROM t";
        let cut =
            |bytes| with(Dialect::Postgres, |options| options.max_output = bytes).sql(text).into_owned();
        assert_eq!(cut(100), "SELECT abc, ?, \"d e\" FROM t");
        assert_eq!(cut(8), "SELECT ");
        assert_eq!(cut(13), "SELECT abc, ?");
        assert_eq!(cut(17), "SELECT abc, ?, ");
        assert_eq!(cut(0), "");
    }

    #[test]
    fn the_limit_sees_what_lists_become() {
        let cut = with(Dialect::Postgres, |options| options.max_output = 12);
        assert_eq!(cut.sql("a IN (1, 2, 3, 4, 5, 6, 7, 8)"), "a IN (?)");
    }

    #[test]
    fn the_limit_does_not_undo_s9() {
        let cut = with(Dialect::Postgres, |options| options.max_output = 20);
        assert_eq!(cut.sql(r"SELECT 'a\', secret, more_columns, 'b"), "SELECT ?");
    }

    #[test]
    fn huge_and_deep_texts() {
        for piece in ["(", "[", "'a',", "/*", "{", "a.", "IN (", "$a$", "-", "\"a\"."] {
            for dialect in Dialect::ALL {
                let text = piece.repeat(100_000);
                assert!(sql(&text, dialect).len() <= text.len());
            }
        }
    }
}

mod s15_summary {
    use super::*;

    #[test]
    fn operations_and_targets_in_order() {
        for (text, expected) in [
            ("SELECT * FROM songs s, artists a WHERE x = EXTRACT(YEAR FROM d)", "SELECT songs artists"),
            ("INSERT INTO a.b (c) SELECT d FROM e", "INSERT a.b SELECT e"),
            ("update Public.T set a = 1 where b = (select max(c) from u)", "update Public.T select u"),
            ("CREATE TABLE IF NOT EXISTS users (id int)", "CREATE TABLE users"),
            ("DELETE FROM a; BEGIN; COMMIT", "DELETE a BEGIN COMMIT"),
            ("SELECT a FROM t JOIN u ON t.x = u.x LEFT JOIN v FOR UPDATE", "SELECT t u v"),
            ("INSERT INTO t VALUES ('secret') ON CONFLICT DO UPDATE SET a = 2", "INSERT t"),
            ("", ""),
        ] {
            assert_eq!(sql_summary(text, Dialect::Postgres), expected);
        }
        assert_eq!(sql_summary("SELECT a FROM [my table]", Dialect::MsSql), "SELECT [my table]");
    }

    #[test]
    fn cut_at_a_token() {
        let tables: Vec<_> = (0..100).map(|index| format!("table_é{index}")).collect();
        let summary = sql_summary(&format!("SELECT a FROM {}", tables.join(", ")), Dialect::Postgres);
        assert!(summary.chars().count() <= 255 && summary.chars().count() > 240, "{summary}");
        assert!(tables.iter().any(|table| summary.ends_with(table.as_str())), "{summary}");
    }
}

#[test]
fn dialects_have_names() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
        assert_eq!(dialect.name().to_lowercase(), dialect.name());
        assert_eq!(dialect.name().to_uppercase().parse(), Ok(dialect));
    }
    assert_eq!(Dialect::default(), Dialect::Generic);
    let error = "nosuch".parse::<Dialect>().expect_err("no such dialect");
    assert!(error.to_string().contains("postgres"), "{error}");
}

#[test]
fn dialects_of_opentelemetry() {
    for (name, dialect) in [
        ("other_sql", Dialect::Generic),
        ("nosuch", Dialect::Generic),
        ("postgresql", Dialect::Postgres),
        ("cockroachdb", Dialect::Postgres),
        ("aws.redshift", Dialect::Redshift),
        ("mysql", Dialect::MySql),
        ("mariadb", Dialect::MySql),
        ("microsoft.sql_server", Dialect::MsSql),
        ("oracle.db", Dialect::Oracle),
        ("sqlite", Dialect::Sqlite),
        ("clickhouse", Dialect::ClickHouse),
        ("cassandra", Dialect::Cassandra),
        ("ibm.db2", Dialect::Db2),
        ("sap.hana", Dialect::SapHana),
        ("hive", Dialect::Hive),
        ("trino", Dialect::Trino),
    ] {
        assert_eq!(Dialect::from_db_system_name(name), dialect, "{name}");
    }
}
