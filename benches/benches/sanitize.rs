//! The SQL sanitizer beside its peers, in one run: short queries, queries of a transaction, bulk INSERTs. And the sanitizers of
//! URLs, connection strings and free text.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use go_trace_sanitize::Dialect;
use libdd_trace_obfuscation::http::obfuscate_url_string;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::Tokenizer;

/// Short queries of many kinds, 55 bytes each on the average.
const MIXED: [&str; 10] = [
    "SELECT id, name FROM users WHERE id = 42",
    "SELECT COUNT(*) FROM orders WHERE status = 'open' AND total > 99.5",
    "UPDATE users SET email = 'bob@example.com' WHERE id = 7",
    "DELETE FROM sessions WHERE expires < '2026-01-01'",
    "INSERT INTO logs (level, message) VALUES (3, 'disk is full')",
    "SELECT * FROM items WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8)",
    "SELECT a.x, b.y FROM a JOIN b ON a.id = b.a_id WHERE b.z = $1 LIMIT 10",
    "BEGIN",
    "SELECT data->>'name' FROM events WHERE kind = ? ORDER BY created_at DESC LIMIT 50 OFFSET 100",
    "CALL refresh_totals(2026, 'north', TRUE, NULL, 0x1F, -1.5e10, 'x')",
];

/// Queries of an online shop, about 200 bytes each.
const OLTP: [&str; 4] = [
    "SELECT o.id, o.created_at, o.status, c.name, c.email FROM orders o INNER JOIN customers c ON c.id = o.customer_id \
     WHERE o.status = 'shipped' AND o.total > 100.50 AND c.country = 'DE' ORDER BY o.created_at DESC LIMIT 20",
    "UPDATE inventory SET quantity = quantity - 3, updated_at = '2026-11-23 15:04:05', updated_by = 'checkout' \
     WHERE product_id = 918273 AND warehouse_id = 12 AND quantity >= 3 AND reserved = FALSE",
    "INSERT INTO payments (order_id, customer_id, amount, currency, method, reference, created_at) \
     VALUES (48151623, 42108, 129.99, 'EUR', 'card', 'pi_3NnBkq2eZvKYlo2C0aXbYcZd', '2026-11-23T15:04:05Z')",
    "SELECT p.id, p.title, p.price FROM products p WHERE p.category_id IN (3, 17, 21, 99) AND p.price BETWEEN 10 AND 250 \
     AND p.title LIKE '%lamp%' AND p.deleted_at IS NULL ORDER BY p.rank LIMIT 48 OFFSET 96",
];

/// One INSERT of 650 kB with many rows.
fn bulk() -> String {
    let mut text = String::from("INSERT INTO events (id, user_name, body, amount, created_at) VALUES ");
    for row in 0.. {
        let body = "The quick brown fox jumps over the lazy dog and runs away from it. ".repeat(1 + row % 3);
        write!(text, "({row}, 'user{row}@example.com', '{body}', {}.25, '2026-11-23 15:04:05')", row * 7)
            .expect("a string takes it");
        if text.len() > 650_000 {
            return text;
        }
        text.push_str(", ");
    }
    unreachable!("the rows do not end")
}

/// One INSERT of 650 kB with many short rows, whose literals are of a few bytes.
fn bulk_of_short_rows() -> String {
    let mut text = String::from("INSERT INTO points (id, name, x, y) VALUES ");
    for row in 0.. {
        write!(text, "({row}, 'p{}', {}.5, -{})", row % 977, row % 1000, row % 60)
            .expect("a string takes it");
        if text.len() > 650_000 {
            return text;
        }
        text.push_str(", ");
    }
    unreachable!("the rows do not end")
}

const URLS: [&str; 6] = [
    "https://api.example.com/v1/users/42/orders?page=2&sort=created_at",
    "https://example.com/static/app.js",
    "http://bob:hunter2@internal.example.com:8080/admin?token=abcdef#top",
    "https://bucket.s3.amazonaws.com/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261123&X-Amz-Signature=0123456789abcdef",
    "/healthz",
    "https://example.com/search?q=red+shoes&utm_source=mail&session=0123456789",
];

const CONNECTIONS: [&str; 5] = [
    "postgres://bob:hunter2@db.example.com:5432/shop?sslmode=verify-full",
    "bob:hunter2@tcp(db.example.com:3306)/shop?parseTime=true&loc=UTC",
    "host=db.example.com port=5432 user=bob password='hun ter2' dbname=shop sslmode=disable",
    "Server=tcp:db.example.com,1433;Initial Catalog=shop;User ID=bob;Password=hunter2;Encrypt=True",
    "mongodb://bob:hunter2@a.example.com:27017,b.example.com:27017/shop?replicaSet=rs0",
];

const MESSAGES: [&str; 6] = [
    "cache miss for user 42 at 12:30:45, retrying in 200ms",
    r#"{"level":"info","msg":"request done","method":"GET","path":"/v1/users","status":200,"duration":0.0123}"#,
    "level=warn msg=\"slow query\" duration=1.2s table=orders rows=1024",
    "dial tcp 10.0.0.7:5432: connect: connection refused",
    "GET https://bob:hunter2@api.example.com/v1/users?token=abcdef 200 in 12ms",
    "login failed for bob, password=hunter2, trace 4bf92f3577b34da6a3ce929d0e0e4736",
];

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, dialect: Dialect, texts: &[&str]) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            texts.iter().map(|text| go_trace_sanitize::sql(black_box(text), dialect).len()).sum::<usize>()
        });
    });
}

fn compare(criterion: &mut Criterion, name: &str, texts: &[&str]) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum()));
    ours(&mut group, "ours, generic", Dialect::Generic, texts);
    ours(&mut group, "ours, postgres", Dialect::Postgres, texts);
    ours(&mut group, "ours, mysql", Dialect::MySql, texts);
    group.bench_function("libdd-trace-obfuscation", |bencher| {
        let obfuscated = |text: &&str| {
            libdd_trace_obfuscation::sql::obfuscate_sql_string(black_box(text)).map_or(0, |text| text.len())
        };
        bencher.iter(|| texts.iter().map(obfuscated).sum::<usize>());
    });
    group.bench_function("sql_lexer", |bencher| {
        bencher.iter(|| {
            texts
                .iter()
                .map(|text| sql_lexer::sanitize_string(black_box(text).to_string()).len())
                .sum::<usize>()
        });
    });
    group.bench_function("sqlparser, tokens only", |bencher| {
        let tokens = |text: &&str| {
            Tokenizer::new(&GenericDialect {}, black_box(text)).tokenize().map_or(0, |tokens| tokens.len())
        };
        bencher.iter(|| texts.iter().map(tokens).sum::<usize>());
    });
    group.finish();
}

fn sql(criterion: &mut Criterion) {
    compare(criterion, "mixed", &MIXED);
    compare(criterion, "oltp", &OLTP);
    compare(criterion, "bulk", &[&bulk()]);
    compare(criterion, "bulk of short rows", &[&bulk_of_short_rows()]);
}

fn set(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, texts: &[&str], clean: impl Fn(&str) -> usize) {
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum()));
    group.bench_function(name, |bencher| {
        bencher.iter(|| texts.iter().map(|text| clean(black_box(text))).sum::<usize>());
    });
}

fn locations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("url");
    set(&mut group, "ours", &URLS, |text| go_trace_sanitize::url(text).len());
    set(&mut group, "libdd-trace-obfuscation", &URLS, |text| obfuscate_url_string(text, true, false).len());
    group.finish();
    let mut group = criterion.benchmark_group("ours");
    set(&mut group, "dsn", &CONNECTIONS, |text| go_trace_sanitize::dsn(text).len());
    set(&mut group, "text", &MESSAGES, |text| go_trace_sanitize::text(text).len());
    group.finish();
}

criterion_group!(benches, sql, locations);
criterion_main!(benches);
