//! Rules G1–G4: the category filter and its `GODEBUG` settings.

use go_trace_sanitize::Filter;

#[test]
fn g1_bits_and_default() {
    let bits = [Filter::CORE, Filter::HTTP, Filter::SQL, Filter::TLS, Filter::NET, Filter::CUSTOM]
        .map(|category| category.bits());
    assert_eq!(bits, [1, 2, 4, 8, 16, 32]);
    assert_eq!(Filter::ALL.bits(), 63);
    assert_eq!(Filter::default().bits(), 33);
    assert_eq!(Filter::empty().with_godebug(""), Filter::default());
}

#[test]
fn g1_names() {
    for (text, bits) in [("core", 1), ("http,sql", 6), ("tls,net,custom", 56), ("all", 63), ("", 0)] {
        let filter = Filter::from_bits_truncate(bits);
        assert_eq!(text.parse(), Ok(filter));
        assert_eq!(filter.to_string(), text);
    }
    assert_eq!(" HTTP , Sql ".parse(), Ok(Filter::HTTP | Filter::SQL));
    assert_eq!("core,all".parse(), Ok(Filter::ALL));
    let error = "http,htpp".parse::<Filter>().expect_err("no such category");
    assert_eq!(error.index(), 1);
    assert!(error.to_string().contains("name 2"), "{error}");
    assert!("http,,sql".parse::<Filter>().is_err());
}

#[test]
fn g2_fields() {
    for (setting, on) in [
        ("tracehttp=1", Filter::HTTP),
        ("a=b,tracehttp=1,tracesql=1", Filter::HTTP | Filter::SQL),
        (" tracehttp=1", Filter::empty()),
        ("tracehttp =1", Filter::empty()),
        ("tracehttp", Filter::empty()),
        ("TraceHTTP=1", Filter::empty()),
        ("tracehttp=1=1", Filter::empty()),
        ("tracehttp=1;tracesql=1", Filter::empty()),
        (",,tracetls=1,,", Filter::TLS),
        ("tracecore=1", Filter::empty()),
    ] {
        assert_eq!(Filter::from_godebug(setting), Filter::default() | on, "{setting}");
    }
}

#[test]
fn g3_values() {
    for value in ["1", "+1", "01", "-1", "2147483647", "-2147483648", "0,tracenet=7"] {
        assert_eq!(
            Filter::from_godebug(&format!("tracenet={value}")),
            Filter::default() | Filter::NET,
            "{value}"
        );
    }
    for value in [
        "0",
        "+0",
        "-0",
        "",
        " 1",
        "1 ",
        "0x1",
        "1_0",
        "on",
        "2147483648",
        "1#x",
        "1,tracenet=0",
        "1.0",
        "\u{661}",
    ] {
        assert_eq!(Filter::from_godebug(&format!("tracenet={value}")), Filter::default(), "{value}");
    }
    assert_eq!(
        Filter::from_godebug("tracenet=1,tracenet=x"),
        Filter::default() | Filter::NET,
        "the earlier valid setting stays"
    );
}

/// The Go package `flight` reads the same settings to the same end, and is held against the same table.
#[test]
fn g2_to_g4_are_those_of_package_flight() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/go-flight/flight/testdata/filters.txt");
    let table = std::fs::read_to_string(table).expect("the table");
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let fields: Vec<_> = row.splitn(3, '\t').collect();
        let [base, wanted, setting] = fields[..] else { panic!("{row}") };
        let bits = |text: &str| Filter::from_bits(text.parse().expect("bits")).expect("categories");
        assert_eq!(bits(base).with_godebug(setting), bits(wanted), "{row}");
        count += 1;
    }
    assert!(count > 30, "{count} rows");
}

#[test]
fn g4_masks_only_grow() {
    assert_eq!(Filter::SQL.with_godebug("tracehttp=1"), Filter::SQL | Filter::HTTP);
    assert_eq!(Filter::ALL.with_godebug("tracehttp=0,traceall=0"), Filter::ALL);
    assert_eq!(Filter::CORE.with_godebug("traceall=1"), Filter::ALL);
}
