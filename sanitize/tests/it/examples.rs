//! What the examples make of a log.

#[path = "../../examples/clean_log.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod clean_log;
#[path = "../../examples/queries.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod queries;

use go_trace_sanitize::Dialect;

#[test]
fn log_without_its_secrets() {
    let log = b"level=info msg=\"login\" user=bob password=hunter2\n\
        GET https://bob:hunter2@shop.test/cart?token=x \xff\n\
        sent acme_0123456789 away";
    let mut out = Vec::new();
    clean_log::clean_log(&log[..], &mut out, ["acme_".to_owned()]).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(
        out,
        "level=info msg=\"login\" user=bob password=REDACTED\nGET https://shop.test/cart \u{fffd}\nsent REDACTED away"
    );
}

#[test]
fn queries_of_a_log() {
    let log = "SELECT name FROM users WHERE id = 7\n\
        SELECT name FROM users WHERE id = 'bob'\n\
        INSERT INTO orders VALUES (1, 2), (3, 4)\n\
        INSERT INTO orders VALUES (5, 6)\n";
    let mut out = Vec::new();
    queries::queries(log.as_bytes(), Dialect::Postgres, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "    2  INSERT orders            INSERT INTO orders VALUES (?, ?)\n    \
         2  SELECT users             SELECT name FROM users WHERE id = ?\n"
    );
}
