//! Rule T4: the values of the `baggage` headers, as they are read, changed and written.

use go_trace_context::{Baggage, BaggageError as Error, BaggageMember, ReceivedBaggage};

fn read(values: &[&str]) -> ReceivedBaggage {
    Baggage::from_headers(values)
}

#[track_caller]
fn assert_read(values: &[&str], expected: &str) {
    let received = read(values);
    assert_eq!(received.baggage.to_string(), expected);
    assert_eq!((received.invalid_members, received.excess_members), (0, 0));
}

#[track_caller]
fn assert_invalid(member: &str) {
    let received = read(&["a=1", member, "b=2"]);
    assert_eq!(received.baggage.to_string(), "a=1,b=2", "only {member:?} is dropped");
    assert_eq!(received.invalid_members, 1);
}

#[test]
fn t4_all_headers_are_joined_in_order() {
    assert_read(&["c=1,a=2", "b=3"], "c=1,a=2,b=3");
}

#[test]
fn t4_blanks_around_key_value_and_properties_are_trimmed() {
    assert_read(&[" a\t= 1 ; p ;\tq = 2 , b =3"], "a=1;p;q=2,b=3");
}

#[test]
fn t4_members_without_text_are_skipped() {
    assert_read(&["", ",a=1, ,\t,", ","], "a=1");
}

#[test]
fn t4_keys_are_tokens() {
    let token = "!#$%&'*+-.^_`|~09AZaz";
    assert_read(&[&format!("{token}=1")], &format!("{token}=1"));
    for other in
        ["(", ")", "<", ">", "@", ":", "\\", "\"", "/", "[", "]", "?", "{", "}", " ", "\0", "\u{7f}", "é"]
    {
        assert_invalid(&format!("a{other}b=1"));
    }
    assert_invalid("=1");
}

#[test]
fn t4_keys_are_not_decoded() {
    let received = read(&["a%20b=1"]);
    assert_eq!(received.baggage.get("a%20b").as_deref(), Some("1"));
    assert_eq!(received.baggage.get("a b"), None);
}

#[test]
fn t4_values_are_of_baggage_octets() {
    let octets: String = ('!'..='~').filter(|character| !"\",;\\".contains(*character)).collect();
    assert_read(&[&format!("a={octets}")], &format!("a={octets}"));
    for other in ["\"", "\\", " ", "\t", "\0", "\u{7f}", "é"] {
        assert_invalid(&format!("k=a{other}b"));
    }
    assert_read(&["a="], "a=");
}

#[test]
fn t4_values_may_contain_equals_signs() {
    assert_eq!(read(&["a==1=;p=="]).baggage.get("a").as_deref(), Some("=1="));
    assert_read(&["a==1=;p=="], "a==1=;p==");
}

#[test]
fn t4_a_member_needs_an_equals_sign_and_a_property_does_not() {
    assert_invalid("flag");
    assert_invalid("flag;p=1");
    assert_read(&["a=1;p"], "a=1;p");
}

#[test]
fn t4_a_bad_property_makes_a_bad_member() {
    for member in ["x=1;", "x=1;;p", "x=1;p q", "x=1;p=\"q\"", "x=1;=q", "x=1;p@=1"] {
        assert_invalid(member);
    }
}

#[test]
fn t4_values_are_percent_decoded_to_utf_8() {
    let received = read(&["a=Am%C3%A9lie%2c%20%e2%82%AC"]);
    assert_eq!(received.baggage.get("a").as_deref(), Some("Amélie, €"));
}

#[test]
fn t4_octets_that_are_not_utf_8_become_replacement_characters() {
    assert_eq!(read(&["a=x%FFy%C3"]).baggage.get("a").as_deref(), Some("x\u{fffd}y\u{fffd}"));
}

#[test]
fn t4_a_percent_sign_without_two_digits_stands_for_itself() {
    for (raw, decoded) in
        [("%", "%"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A"), ("%4%41", "%4A")]
    {
        assert_eq!(read(&[&format!("a={raw}")]).baggage.get("a").as_deref(), Some(decoded), "{raw}");
    }
}

#[test]
fn t4_a_plus_is_not_a_blank() {
    assert_eq!(read(&["a=1+2"]).baggage.get("a").as_deref(), Some("1+2"));
    assert_eq!(BaggageMember::new("a", "1+2").expect("valid").to_string(), "a=1+2");
}

#[test]
fn t4_handing_on_changes_nothing() {
    assert_read(&["a=%41%ff%2C;p=%42"], "a=%41%ff%2C;p=%42");
}

#[test]
fn t4_only_bad_members_are_dropped() {
    let received = read(&["a=1,b,c d=2,e=3", "f=\"4\"", "g=5"]);
    assert_eq!(received.baggage.to_string(), "a=1,e=3,g=5");
    assert_eq!((received.invalid_members, received.excess_members), (3, 0));
}

#[test]
fn t4_64_members_are_propagated() {
    let members: Vec<_> = (0..64).map(|number| format!("k{number}=v")).collect();
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    assert_read(&members, &members.join(","));

    let received = read(&[&*members.join(","), "more=1", "and-more=2"]);
    assert_eq!(received.baggage.len(), 64);
    assert_eq!((received.invalid_members, received.excess_members), (0, 2));
}

#[test]
fn t4_8192_bytes_are_propagated() {
    let value = "v".repeat(4093);
    let full = format!("a={value},b={value}x");
    assert_eq!(full.len(), 8192);
    assert_read(&[&full], &full);
    assert_read(&[&format!("a={}", "v".repeat(8190))], &format!("a={}", "v".repeat(8190)));
}

#[test]
fn t4_commas_count() {
    let member = |number: usize, length: usize| format!("{number:02}={}", "v".repeat(length - 3));
    let mut members: Vec<_> = (0..64).map(|number| member(number, 127)).collect();
    members[63] = member(63, 128);
    assert_eq!(members.join(",").len(), 8192);
    let joined = members.join(",");
    assert_read(&[&joined], &joined);

    members[63] = member(63, 129);
    let received = read(&[&members.join(",")]);
    assert_eq!((received.baggage.len(), received.excess_members), (63, 1));
    assert_eq!(received.baggage.clone().set("63", &"v".repeat(125)), Ok(()));
    assert_eq!(received.baggage.clone().set("63", &"v".repeat(126)), Err(Error::Full));
}

#[test]
fn t4_never_part_of_a_member() {
    let value = "v".repeat(4093);
    let received = read(&[&format!("a={value},b={value}xy,c=1")]);
    assert_eq!(received.baggage.to_string(), format!("a={value},c=1"), "the whole of b is left out");
    assert_eq!((received.invalid_members, received.excess_members), (0, 1));
}

#[test]
fn t4_repeated_keys_are_handed_on_and_the_last_counts() {
    assert_read(&["a=1,b=2,a=3"], "a=1,b=2,a=3");
    assert_eq!(read(&["a=1,b=2,a=3"]).baggage.get("a").as_deref(), Some("3"));
}

#[test]
fn t4_set_replaces_every_member_with_the_key() {
    let mut baggage = read(&["a=1,b=2,a=3"]).baggage;
    assert_eq!(baggage.set("a", "é, ü;\"\\%"), Ok(()));
    assert_eq!(baggage.to_string(), "b=2,a=%C3%A9%2C%20%C3%BC%3B%22%5C%25");
    assert_eq!(baggage.get("a").as_deref(), Some("é, ü;\"\\%"));
    let keys: Vec<_> = (&baggage).into_iter().map(BaggageMember::key).collect();
    assert_eq!(keys, ["b", "a"]);
    assert_eq!((baggage.remove("a"), baggage.remove("a")), (1, 0));
    assert_eq!((baggage.len(), baggage.is_empty()), (1, false));
}

#[test]
fn t4_what_does_not_fit_is_refused_and_changes_nothing() {
    let mut baggage = read(&[&format!("a={}", "v".repeat(8186))]).baggage; // 8188 bytes
    assert_eq!(baggage.set("b", "12"), Err(Error::Full));
    assert_eq!(baggage.set("b", "1"), Ok(()));
    assert_eq!(baggage.set("a", &"w".repeat(8186)), Ok(()), "a replaced member makes room");
    assert_eq!(baggage.set("a", &"w".repeat(8187)), Err(Error::Full));
    assert_eq!(baggage.to_string().len(), 8192);
}

#[test]
fn t4_what_the_grammar_forbids_cannot_be_set() {
    let mut baggage = Baggage::new();
    assert_eq!(baggage.set("a b", "1"), Err(Error::KeyCharacter { offset: 0 }));
    assert_eq!(baggage.set("", "1"), Err(Error::EmptyKey { offset: 0 }));
    let member = BaggageMember::new("a", "1").expect("valid");
    assert_eq!(member.with_property("p=", None), Err(Error::KeyCharacter { offset: 0 }));
    assert!(baggage.is_empty());
}

#[test]
fn t4_properties_are_read_and_written() {
    let member: BaggageMember = "a = 1 ; p ; q = x%20y".parse().expect("valid");
    assert_eq!((member.key(), member.raw_value()), ("a", "1"));
    let properties: Vec<_> = member.properties().collect();
    assert_eq!(properties, [("p", None), ("q", Some("x y".into()))]);

    let built = BaggageMember::new("a", "1").and_then(|member| member.with_property("p", None));
    assert_eq!(built.and_then(|member| member.with_property("q", Some("x y"))), Ok(member));
}

#[test]
fn t4_errors_say_what_and_where() {
    let error = |text: &str| text.parse::<BaggageMember>().expect_err("invalid");
    assert_eq!(error("a"), Error::NoEquals);
    assert_eq!(error("a=1;;"), Error::EmptyKey { offset: 4 });
    assert_eq!(error("a=1;p/q=1"), Error::KeyCharacter { offset: 4 });
    assert_eq!(error("a=1;p=\""), Error::ValueCharacter { offset: 6 });
    assert_eq!(error("a=1,b=2"), Error::ValueCharacter { offset: 2 });

    let messages = [
        (Error::NoEquals, "the baggage member has no '=' between key and value"),
        (Error::EmptyKey { offset: 4 }, "the key at byte 4 of the baggage member is empty"),
        (
            Error::KeyCharacter { offset: 4 },
            "the key at byte 4 of the baggage member has a byte that no HTTP token has; keys are ASCII letters, digits \
             and !#$%&'*+-.^_`|~",
        ),
        (
            Error::ValueCharacter { offset: 6 },
            "the value at byte 6 of the baggage member has a byte that has to be percent-encoded",
        ),
        (Error::Full, "the baggage would have more than 64 members or 8192 bytes"),
    ];
    for (error, message) in messages {
        assert_eq!(error.to_string(), message);
    }
}
