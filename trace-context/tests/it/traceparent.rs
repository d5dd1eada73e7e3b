//! Rule T1: the value of a `traceparent` header, as it is read and as it is written.

use go_trace_context::ParseTraceParentError as Error;
use go_trace_context::{ParseIdError, SpanId, TraceFlags, TraceId, TraceParent};

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn parse(text: &str) -> Result<TraceParent, Error> {
    text.parse()
}

/// `VALID` with other bytes from `offset` on.
fn with(offset: usize, bytes: &str) -> String {
    format!("{}{bytes}{}", &VALID[..offset], &VALID[offset + bytes.len()..])
}

#[test]
fn t1_the_fields_of_version_00() {
    let parent = parse(VALID).expect("valid");
    assert_eq!(parent.trace_id().as_u128(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(parent.span_id().as_u64(), 0xb7ad_6b71_6920_3331);
    assert_eq!(parent.flags(), TraceFlags::SAMPLED);
    assert_eq!(parent.to_string(), VALID);
}

#[test]
fn t1_spaces_and_tabs_around_it_are_trimmed() {
    for text in [format!(" {VALID}"), format!("{VALID}\t"), format!(" \t {VALID} \t ")] {
        assert_eq!(parse(&text), parse(VALID), "{text:?}");
    }
}

#[test]
fn t1_no_other_white_space_is_trimmed() {
    assert_eq!(parse(&format!("\n{VALID}")), Err(Error::NotHex { offset: 0 }));
    assert_eq!(parse(&format!("{VALID}\r\n")), Err(Error::TooLong { length: 57 }));
    assert_eq!(parse(&with(10, " ")), Err(Error::NotHex { offset: 10 }));
    assert_eq!(parse(&format!("{VALID}\u{a0}")), Err(Error::TooLong { length: 57 }));
}

#[test]
fn t1_digits_are_lower_case_hexadecimal() {
    for offset in [0, 1, 3, 34, 36, 51, 53, 54] {
        for byte in ["A", "F", "g", "/", ":", "`", "-", "."] {
            assert_eq!(parse(&with(offset, byte)), Err(Error::NotHex { offset }), "{byte:?} at {offset}");
        }
    }
}

#[test]
fn t1_fields_are_separated_by_dashes() {
    for offset in [2, 35, 52] {
        assert_eq!(parse(&with(offset, "0")), Err(Error::NoDash { offset }));
        assert_eq!(parse(&with(offset, "_")), Err(Error::NoDash { offset }));
    }
}

#[test]
fn t1_offsets_count_the_blanks_in_front() {
    assert_eq!(parse(&format!("\t {}", with(3, "X"))), Err(Error::NotHex { offset: 5 }));
    assert_eq!(parse(&format!("\t {}", with(35, "X"))), Err(Error::NoDash { offset: 37 }));
}

#[test]
fn t1_version_ff_is_invalid() {
    assert_eq!(parse(&with(0, "ff")), Err(Error::ForbiddenVersion));
}

#[test]
fn t1_ids_of_zeros_are_invalid() {
    assert_eq!(parse(&with(3, &"0".repeat(32))), Err(Error::ZeroTraceId));
    assert_eq!(parse(&with(36, &"0".repeat(16))), Err(Error::ZeroSpanId));
}

#[test]
fn t1_version_00_is_exactly_55_bytes() {
    assert_eq!(parse(&format!("{VALID}-")), Err(Error::TooLong { length: 56 }), "a trailing dash");
    assert_eq!(parse(&format!("{VALID}-00")), Err(Error::TooLong { length: 58 }));
    assert_eq!(parse(&format!("{VALID}0")), Err(Error::TooLong { length: 56 }));
    for length in 0..VALID.len() {
        assert_eq!(parse(&VALID[..length]), Err(Error::TooShort { length }));
    }
}

#[test]
fn t1_later_versions_may_go_on_behind_a_dash() {
    for version in ["01", "cc", "fe"] {
        let text = with(0, version);
        assert_eq!(parse(&text), parse(VALID));
        assert_eq!(parse(&format!("{text}-")), parse(VALID));
        assert_eq!(parse(&format!("{text}-what the future\u{1f680}brings")), parse(VALID));
        assert_eq!(parse(&format!("{text}.")), Err(Error::NoDash { offset: 55 }));
        assert_eq!(parse(&text[..54]), Err(Error::TooShort { length: 54 }));
    }
}

#[test]
fn t1_unknown_flags_are_accepted_and_not_handed_on() {
    for byte in 0..=255 {
        let parent = parse(&with(53, &format!("{byte:02x}"))).expect("any flags are valid");
        assert_eq!(parent.flags().to_byte(), byte & 3);
        assert_eq!(parent.to_string(), with(53, &format!("{:02x}", byte & 3)));
    }
}

#[test]
fn t1_outgoing_version_is_00() {
    let parent = parse(&format!("{}-more", with(0, "cc"))).expect("valid");
    assert_eq!(parent.to_string(), VALID);
}

#[test]
fn t1_the_random_flag_stays_as_received() {
    let own_span = SpanId::from_u64(1).expect("not zero");
    for (received, sent) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03")] {
        let outgoing = parse(&with(53, received)).expect("valid").with_span_id(own_span);
        assert_eq!(outgoing.to_string(), with(36, &format!("0000000000000001-{sent}")));
    }
}

#[test]
fn t1_flags_are_set_and_cleared_one_by_one() {
    let both = TraceFlags::NONE.with_sampled(true).with_random(true);
    assert_eq!(both.to_byte(), 3);
    assert_eq!(both.with_sampled(false), TraceFlags::RANDOM);
    assert_eq!(both.with_random(false), TraceFlags::SAMPLED);
    assert_eq!(both.with_sampled(true).with_random(true), both, "setting a set flag changes nothing");
    let told = |flags: TraceFlags| (flags.is_sampled(), flags.is_random());
    assert_eq!(told(both), (true, true));
    assert_eq!(told(TraceFlags::NONE), (false, false));
    assert_eq!(told(TraceFlags::SAMPLED), (true, false));
    assert_eq!(told(TraceFlags::RANDOM), (false, true));
    let parent = parse(VALID).expect("valid").with_flags(both);
    assert!(parent.flags().is_sampled() && parent.flags().is_random());
}

#[test]
fn t1_everything_is_built_at_compile_time() {
    const TRACE_ID: TraceId = TraceId::from_u128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c).unwrap();
    const SPAN_ID: SpanId = SpanId::from_bytes([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]).unwrap();
    const PARENT: TraceParent = TraceParent::new(TRACE_ID, SPAN_ID, TraceFlags::SAMPLED);
    assert_eq!(PARENT.to_string(), VALID);
}

#[test]
fn t1_ids_are_never_zero_and_say_what_is_wrong() {
    assert_eq!(TraceId::from_bytes([0; 16]), None);
    assert_eq!(SpanId::from_u64(0), None);
    assert_eq!("0".repeat(32).parse::<TraceId>(), Err(ParseIdError::Zero));
    assert_eq!("0".repeat(16).parse::<SpanId>(), Err(ParseIdError::Zero));
    assert_eq!("12".parse::<SpanId>(), Err(ParseIdError::Length { expected: 16, found: 2 }));
    assert_eq!("B7ad6b7169203331".parse::<SpanId>(), Err(ParseIdError::NotHex { offset: 0 }));
    assert_eq!("b7ad6b716920333é".parse::<SpanId>(), Err(ParseIdError::Length { expected: 16, found: 17 }));
}

#[test]
fn t1_ids_show_themselves_in_hexadecimal() {
    let parent = parse(VALID).expect("valid");
    assert_eq!(format!("{:?}", parent.trace_id()), "TraceId(0af7651916cd43dd8448eb211c80319c)");
    assert_eq!(format!("{:?}", parent.span_id()), "SpanId(b7ad6b7169203331)");
    assert_eq!(format!("{:<18}|", parent.span_id()), "b7ad6b7169203331  |");
}

#[test]
fn t1_errors_say_what_and_where() {
    let messages = [
        ("00-".to_owned(), "3 bytes are fewer than the 55 it has"),
        (format!("{VALID}-0"), "version 00 has exactly 55 bytes, not 57"),
        (with(4, "X"), "byte 4 is not a digit (0-9, a-f)"),
        (with(35, "X"), "byte 35 is not the dash between two fields"),
        (with(0, "ff"), "version ff is forbidden"),
        (with(3, &"0".repeat(32)), "the trace id is all zeros"),
        (with(36, &"0".repeat(16)), "the span id is all zeros"),
    ];
    for (text, message) in messages {
        let error = parse(&text).expect_err("invalid").to_string();
        assert_eq!(error, format!("not a traceparent: {message}"));
    }
}

#[test]
fn t1_errors_of_ids_say_what_and_where() {
    let messages = [
        ("12", "an id of 16 hexadecimal digits was expected, but the text has 2 bytes"),
        ("00000000000000G0", "byte 14 of the id is not a lower-case hexadecimal digit (0-9, a-f)"),
        ("0000000000000000", "the id is all zeros, which W3C Trace Context forbids"),
    ];
    for (text, message) in messages {
        assert_eq!(text.parse::<SpanId>().expect_err("invalid").to_string(), message);
    }
}
