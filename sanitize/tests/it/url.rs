//! Rules U1–U8, one table each: a name, a URL or connection string, and what leaves.

use std::borrow::Cow;

use go_trace_sanitize::{Sanitizer, SensitiveKeys, UrlMode, UrlOptions, dsn, url};

/// One test per line. `same` means that nothing changes.
macro_rules! table {
    ($clean:expr; $($name:ident: $text:expr => $expected:tt;)+) => {
        $(#[test]
        fn $name() {
            let clean = $clean;
            let text: &str = $text;
            let once: Cow<'_, str> = clean(text);
            assert_eq!(once, table!(@expected $expected, text), "{text}");
            assert_eq!(clean(&once), once, "twice: {text}");
        })+
    };
    (@expected same, $text:ident) => { $text };
    (@expected $expected:expr, $text:ident) => { $expected };
}

fn redacting() -> Sanitizer {
    let mut options = UrlOptions::default();
    options.mode = UrlMode::Redact;
    Sanitizer::new().with_url(options)
}

fn redact(text: &str) -> Cow<'_, str> {
    redacting().url(text)
}

mod u1_remove {
    use super::*;
    table! { url;
        all_parts: "https://u:p@h.test/a;x=1/b;y?q=1#f" => "https://h.test/a/b";
        nothing: "https://h.test:8080/a/b%20c/" => same;
        query_without_path: "https://h.test?q" => "https://h.test";
        fragment_without_query: "https://h.test/#secret" => "https://h.test/";
        relative: "/a/b?token=x" => "/a/b";
        query_alone: "?token=x" => "";
        host_and_port: "h.test:443" => same;
        empty: "" => same;
    }

    #[test]
    fn unchanged_text_is_borrowed() {
        assert!(matches!(url("https://h.test/a"), Cow::Borrowed(_)));
        assert!(matches!(url("https://h.test?q"), Cow::Owned(_) | Cow::Borrowed(_)));
    }
}

mod u1_redact {
    use super::*;
    table! { redact;
        user_information: "https://u:p@h.test/a" => "https://REDACTED:REDACTED@h.test/a";
        user_alone: "https://u@h.test/a" => "https://REDACTED:REDACTED@h.test/a";
        sensitive_keys: "https://h.test/?page=1&sig=x&AWSAccessKeyId=y" => "https://h.test/?page=1&sig=REDACTED&AWSAccessKeyId=REDACTED";
        fragment: "https://h.test/#access_token=x&state=ok" => "https://h.test/#access_token=REDACTED&state=ok";
        parameters: "https://h.test/a;jsessionid=x/b;v=1" => "https://h.test/a;jsessionid=REDACTED/b;v=1";
        semicolons: "https://h.test/?a=1;token=x;b=2" => "https://h.test/?a=1;token=REDACTED;b=2";
        value_with_separator: "https://h.test/?token=a&rest&b=2" => "https://h.test/?token=REDACTED&&b=2";
        nothing: "https://h.test/a?page=1&q=x#top" => same;
    }
}

mod u2_keys {
    use super::*;
    table! { redact;
        names_are_exact: "?sig=x&SIG=y&X-Amz-Signature=z" => "?sig=REDACTED&SIG=y&X-Amz-Signature=REDACTED";
        patterns_are_not: "?Api-Key=x&CLIENT_SECRET=y&refreshToken=z&authX=1&code=2&zipcode=3" => "?Api-Key=REDACTED&CLIENT_SECRET=REDACTED&refreshToken=REDACTED&authX=REDACTED&code=REDACTED&zipcode=3";
        encoded_keys: "?p%61ssword=x&%70wd=y" => "?p%61ssword=REDACTED&%70wd=REDACTED";
        urls_as_values: "?next=https%3A%2F%2Fh%2F%3Ftoken%3Dx&to=http://u:p@h" => "?next=REDACTED&to=REDACTED";
        escaped_twice: "?next=%252Fx%253Ftoken%253Dsecret" => "?next=REDACTED";
        json_as_value: "?q={\"token\":\"secret\"}" => "?q=REDACTED";
        keys_with_brackets: "?user[pass]=x&password[]=y" => "?user[pass]=REDACTED&password[]=REDACTED";
        credentials_as_value: "?to=http:u:p@h&mail=bob@h.test" => "?to=REDACTED&mail=bob@h.test";
        tokens_as_values: "?x=ghp_abcdef" => "?x=REDACTED";
        ordinary_keys: "?author=a&bypass=b&compass=c&tokentype=d" => same;
        routes: "#/login?sig=x" => "#/login?sig=REDACTED";
    }

    #[test]
    fn the_list_can_be_replaced() {
        let keys = SensitiveKeys::none().with_name("page").with_pattern("my*");
        let own = redacting().with_keys(keys);
        assert_eq!(own.url("?page=1&sig=2&My_Key=3"), "?page=REDACTED&sig=2&My_Key=REDACTED");
        let only = redacting().with_keys(SensitiveKeys::opentelemetry());
        assert_eq!(only.url("?sig=1&token=2"), "?sig=REDACTED&token=2");
    }
}

mod u3_user_information {
    use super::*;
    table! { url;
        last_at: "http://u:p@q@h.test/" => "http://h.test/";
        slash_in_password: "http://u:p/q@h.test/a" => "http://h.test/a";
        question_mark_in_password: "http://u:p?q@h.test/a" => "http://h.test/a";
        number_sign_in_password: "http://u:p#q@h.test/a" => "http://h.test/a";
        backslash_ends: "http://u:p@h.test\\a" => "http://h.test\\a";
        escaped_at: "http://u%40x:1/p@h.test/a" => "http://h.test/a";
        escaped_at_alone: "http://u%3Ap%40h.test/a" => "http://h.test/a";
        at_in_path: "http://h.test:80/@user" => same;
        no_slashes: "http:u:p@h.test/a" => "http:h.test/a";
        one_slash: "https:/u:p@h.test/a" => "https:/h.test/a";
        many_slashes: "https:////u:p@h.test/a" => "https:////h.test/a";
        backslashes: "http:\\\\u:p@h.test/a" => "http:\\\\h.test/a";
        scheme_relative: "//u:p@h.test/a" => "//h.test/a";
        without_scheme: "u:p@h.test/a" => "h.test/a";
        user_without_scheme: "u@h.test" => "h.test";
        url_after_user: "u:p@http://v:q@h.test/" => "http://h.test/";
        empty_user: "redis://:p@h.test" => "redis://h.test";
        ipv6: "http://u:p@[2001:db8::1]:8080/a" => "http://[2001:db8::1]:8080/a";
        ipv6_without_port: "http://[::1]/a" => same;
        several_hosts: "mongodb://u:p@a:1,b:2/c" => "mongodb://a:1,b:2/c";
        password_cut_off: "http://u:secr" => "http://u";
        parameters_after_host: "jdbc:sqlserver://h:1433;user=sa;password=x" => "jdbc:sqlserver://h:1433";
        at_and_slash_in_password: "http://u:p@s/secret@h.test/" => "http://REDACTED";
        at_and_question_mark_in_password: "http://u:p@s?secret@h.test/" => "http://REDACTED";
        no_authority_before_password: "amqp:////u:secret#p@h.test/" => "amqp://REDACTED";
        digits_before_number_sign_in_password: "http://u:1#secret@h.test/" => "http://REDACTED";
        digits_before_backslash_in_password: "postgres://u:1\\secret@h.test/" => "postgres://REDACTED";
        parenthesis_in_password: "http://u:)\\secret@h.test/" => "http://h.test/";
        comma_in_password: "mongodb://u:,secret#p@h.test/" => "mongodb://h.test/";
        password_cut_off_behind_slash: "http://u:p/secret" => "http://u";
        slash_after_colon: "http://u:/secret@h.test/a" => "http://h.test/a";
        quoted: "\"http://u:secret@h.test/a\"" => "h.test/a\"";
        in_angle_brackets: "<http://u:secret@h.test>" => "h.test>";
        after_an_equals_sign: "url=http://u:secret@h.test" => "h.test";
        scheme_that_is_none: "1http://u:secret@h.test" => "h.test";
        two_urls: "http://u:secret@a.test,http://u:secret@b.test" => "http://b.test";
        url_in_path: "http://h.test/to/http://u:secret@b.test/x" => "http://h.test/to/http://REDACTED";
        user_of_url_in_path: "http://h.test/to/http://secret@b.test" => "http://h.test/to/http://REDACTED";
        credentials_in_path: "http://h.test/u:secret@b" => "http://h.test/u:REDACTED";
        scope_in_path: "https://h.test/@scope/pkg@1.2.3" => same;
        drivers_network: "mysql://u:secret@tcp(h.test:3306)/d" => "mysql://tcp(h.test:3306)/d";
        hosts_in_parentheses: "jdbc:mysql://u:secret@(a.test:1,b.test:2)/d" => "jdbc:mysql://(a.test:1,b.test:2)/d";
        properties_as_host: "jdbc:mysql://address=(host=h)(password=secret)/d" => "jdbc:mysql://REDACTED";
        pairs_after_host: "redis://h.test,password=secret" => "redis://REDACTED";
        pairs_in_path: "jdbc:db2://h.test:1/d:password=sec/ret;user=u" => "jdbc:db2://h.test:1/d:password=REDACTED";
        pairs_as_path: "jdbc:teradata://h.test/USER=u,PASSWORD=secret" => "jdbc:teradata://h.test/USER=u,PASSWORD=REDACTED";
        at_in_parameters: "jdbc:sqlserver://h;password=a@b" => "jdbc:sqlserver://REDACTED";
    }
}

mod u4_blanks {
    use super::*;
    table! { url;
        around: " \0\t https://h.test/a \n" => "https://h.test/a";
        within: "ht\ntps://u:p\t@h.te\rst/a" => "https://h.test/a";
        kept_as_written: "HTTP://H.Test/%7Ea/../B" => same;
    }
}

mod u5_opaque {
    use super::*;
    table! { url;
        mailto: "mailto:bob@h.test" => "mailto:REDACTED";
        data: "data:text/plain,secret" => "data:REDACTED";
        javascript: "javascript:alert('secret')" => "javascript:REDACTED";
        unknown: "custom:secret" => "custom:REDACTED";
        unknown_with_slash: "custom:/secret" => "custom:REDACTED";
        data_with_slashes: "data://secret/x" => "data:REDACTED";
        javascript_with_slashes: "javascript://%0asecret" => "javascript:REDACTED";
        jdbc: "jdbc:postgresql://u:p@h:5432/d?password=x" => "jdbc:postgresql://h:5432/d";
        jdbc_of_oracle: "jdbc:oracle:thin:u/p@//h:1521/s" => "jdbc:oracle:REDACTED";
        view_source: "view-source:http://u:p@h.test/" => "view-source:http://h.test/";
        blob: "blob:https://u:p@h.test/550e8400" => "blob:https://h.test/550e8400";
        nested: "feed:view-source:http:u:p@h" => "feed:view-source:http:h";
        file: "file:///etc/a?b" => "file:///etc/a";
    }
}

mod u6_dsn {
    use super::*;
    table! { dsn;
        url_form: "postgres://u:p@h:5432/d?sslmode=off" => "postgres://h:5432/d";
        mysql_driver: "u:p@tcp(h:3306)/d?parseTime=true" => "tcp(h:3306)/d";
        mysql_driver_password: "u:p/q@r:s?t@tcp(h:3306)/d" => "tcp(h:3306)/d";
        mysql_driver_slash_in_query: "u:p@tcp(h)/d?loc=US/Pacific" => "tcp(h)/d";
        mysql_driver_socket: "u:p@unix(/tmp/a.sock)/d" => "unix(/tmp/a.sock)/d";
        mysql_driver_defaults: "u:p@/d" => "/d";
        pairs: "host=h user=u password=p dbname=d" => "host=h user=u password=REDACTED dbname=d";
        quoted_pairs: "host=h password='a b' dbname=d" => "host=h password=REDACTED dbname=d";
        pairs_with_blanks: "password = p host = h" => "password = REDACTED host = h";
        escaped_quotes: r"password='a\'b' host=h" => "password=REDACTED";
        open_quotes: "password='a b host=h" => "password=REDACTED";
        semicolons: "Server=h;User Id=u;Password=p w;Database=d" => "Server=h;User Id=u;Password=REDACTED;Database=d";
        semicolons_in_quotes: "Server=h;Password=\"a;b\";Database=d" => "Server=h;Password=REDACTED;Database=d";
        braces: "Driver={X};Pwd={a;b}};c};Server=h" => "Driver={X};Pwd=REDACTED;Server=h";
        either_separator: "host=h password=a;b=c user=u" => "host=h password=REDACTED";
        rest_of_a_value: "password=a b host=h" => "password=REDACTED  host=h";
        commas: "h:6379,password=a,ssl=True" => "h:6379,password=REDACTED";
        credentials_in_a_value: "Data Source=tcp:u:p@h;x=1" => "Data Source=REDACTED;x=1";
        oracle: "scott/tiger@h" => "h";
        oracle_service: "scott/tiger@//h:1521/s" => "//h:1521/s";
        oracle_short: "scott/tiger@h:1521/s" => "h:1521/s";
        oracle_ambiguous: "scott/tiger@h/s" => "h";
        oracle_password: "scott/ti@ger@h" => "h";
        oracle_doubtful: "scott/ti?ger@h" => "REDACTED";
        without_address: "scott/tiger" => "REDACTED";
        pairs_in_a_value: "host=h options='-c password=secret'" => "host=h options=REDACTED";
        pairs_with_commas: "host=h,password=secret" => "host=REDACTED";
        azure: "AccountName=x;AccountKey=secret==;EndpointSuffix=y" => "AccountName=x;AccountKey=REDACTED;EndpointSuffix=y";
        mysql_driver_equals_sign: "u:p;secret=q@tcp(h:3306)/d" => "tcp(h:3306)/d";
        semicolon_among_blanks: "host=h password=;secret dbname=d" => "host=REDACTED";
        mysql_driver_url: "mysql://u:p@tcp(h:3306)/d?x=y" => "mysql://tcp(h:3306)/d";
        two_urls: "nats://u:secret@a:1,nats://u:secret@b:2" => "nats://b:2";
        two_urls_with_a_blank: "postgres://u:secret@a postgres://u:secret@b" => "postgres://b";
        relative_path: "./a.db?_key=secret" => "./a.db";
        memory: ":memory:" => same;
        host: "db.test:5432" => same;
        path: "/var/lib/a.db?key=x" => "/var/lib/a.db";
        file: "file:a.db?_auth_pass=x" => "file:a.db";
        empty: "" => same;
    }

    #[test]
    fn keys_can_be_added() {
        let own = Sanitizer::new().with_keys(SensitiveKeys::default().with_pattern("dbname"));
        assert_eq!(own.dsn("host=h password=p dbname=d"), "host=h password=REDACTED dbname=REDACTED");
    }
}

mod u7_paths {
    use super::*;

    fn scrub(text: &str) -> Cow<'_, str> {
        let mut options = UrlOptions::default();
        options.scrub_path = true;
        Sanitizer::new().with_url(options).url(text)
    }

    table! { scrub;
        uuid: "/users/550e8400-e29b-41d4-a716-446655440000/edit" => "/users/REDACTED/edit";
        number: "https://h.test/orders/42?x" => "https://h.test/orders/REDACTED";
        hexadecimal: "/blobs/0123456789abcdef/deadbeef" => "/blobs/REDACTED/deadbeef";
        address: "/users/bob@h.test/a%40b" => "/users/REDACTED/REDACTED";
        tokens: "/t/eyJhbGciOi.eyJzdWIi.sig/ghp_abcdef/AKIAIOSFODNN7EXAMPLE" => "/t/REDACTED/REDACTED/REDACTED";
        names: "/api/v1/orders_2" => same;
    }

    #[test]
    fn kept_by_default() {
        assert_eq!(url("https://h.test/orders/42"), "https://h.test/orders/42");
    }
}

mod u8_bytes {
    use super::*;

    #[test]
    fn invalid_utf8_becomes_text() {
        assert_eq!(Sanitizer::new().url(b"http://u:\xff@h/\xfe"), "http://h/\u{fffd}");
        assert_eq!(Sanitizer::new().dsn(b"u:\xff@tcp(h)/d"), "tcp(h)/d");
        assert_eq!(Sanitizer::new().dsn(b"\xff\xfe/"), "REDACTED");
    }
}
