//! Rule T3: the values of the `tracestate` headers, as they are read, changed and written.

use go_trace_context::EntryProblem as Problem;
use go_trace_context::{TraceState, TraceStateError as Error};

fn read(values: &[&str]) -> Result<String, Error> {
    TraceState::from_headers(values).map(|state| state.to_string())
}

#[track_caller]
fn assert_read(values: &[&str], expected: &str) {
    assert_eq!(read(values).as_deref(), Ok(expected));
}

#[track_caller]
fn assert_discarded(values: &[&str], member: usize, problem: Problem) {
    assert_eq!(read(values), Err(Error::Member { member, problem }));
}

fn members(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("k{number}=v")).collect()
}

#[test]
fn t3_all_headers_are_joined_in_order() {
    assert_read(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3");
}

#[test]
fn t3_spaces_and_tabs_around_members_are_trimmed() {
    assert_read(&["\t foo=1 \t,\t bar=2 ", " baz=3"], "foo=1,bar=2,baz=3");
}

#[test]
fn t3_empty_members_are_skipped() {
    assert_read(&["", " ", ",", ",foo=1,,\t,bar=2,", ""], "foo=1,bar=2");
    assert_read(&[""], "");
    assert_read(&[], "");
}

#[test]
fn t3_empty_members_are_not_counted() {
    let text = members(32).join(", ,");
    assert_eq!(TraceState::from_headers([text]).map(|state| state.len()), Ok(32));
}

#[test]
fn t3_keys_start_with_a_letter_or_a_digit() {
    assert_read(&["a=1,0=2"], "a=1,0=2");
    for first in ["_", "-", "*", "/", "@", "A"] {
        assert_discarded(&[&format!("{first}a=1")], 0, Problem::KeyCharacter { offset: 0 });
    }
}

#[test]
fn t3_keys_go_on_with_more_characters() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
    assert_read(&[&format!("{key}=1")], &format!("{key}=1"));
    assert_read(&["foo@=1,foo@@bar=2,a@b@c=3"], "foo@=1,foo@@bar=2,a@b@c=3");
    for other in ["A", ".", " ", "\t", "+", "\u{7f}", "\0", "é"] {
        assert_discarded(&[&format!("foo{other}=1")], 0, Problem::KeyCharacter { offset: 3 });
    }
}

#[test]
fn t3_keys_have_1_to_256_characters() {
    let longest = "k".repeat(256);
    assert_read(&[&format!("{longest}=1")], &format!("{longest}=1"));
    assert_discarded(&[&format!("{longest}k=1")], 0, Problem::LongKey);
    assert_discarded(&["=1"], 0, Problem::EmptyKey);
}

#[test]
fn t3_values_have_1_to_256_characters() {
    let longest = "v".repeat(256);
    assert_read(&[&format!("k={longest}")], &format!("k={longest}"));
    assert_discarded(&[&format!("k={longest}v")], 0, Problem::LongValue);
    assert_discarded(&["k="], 0, Problem::EmptyValue);
    assert_discarded(&["k=  \t"], 0, Problem::EmptyValue);
}

#[test]
fn t3_values_are_printable_ascii_without_comma_and_equals_sign() {
    let value: String = (' '..='~').filter(|character| !",=".contains(*character)).collect();
    assert_read(&[&format!("k={value}")], &format!("k={value}"));
    for other in ["=", "\t", "\0", "\u{7f}", "é"] {
        assert_discarded(&[&format!("k=a{other}b")], 0, Problem::ValueCharacter { offset: 1 });
    }
}

#[test]
fn t3_bytes_that_are_no_text_are_refused() {
    let refused = TraceState::from_headers([b"k=a\xffb"]);
    let problem = Problem::ValueCharacter { offset: 1 };
    assert_eq!(refused, Err(Error::Member { member: 0, problem }));
}

#[test]
fn t3_leading_spaces_of_a_value_are_kept() {
    assert_read(&["k=  v ,l=1"], "k=  v,l=1");
}

#[test]
fn t3_a_member_needs_an_equals_sign() {
    assert_discarded(&["a=1", "b"], 1, Problem::NoEquals);
}

#[test]
fn t3_one_bad_member_discards_all() {
    assert_discarded(&["a=1,b=2", "c=3,D=4,e=5"], 3, Problem::KeyCharacter { offset: 0 });
}

#[test]
fn t3_more_than_32_members_discard_all() {
    assert_eq!(TraceState::from_headers(members(32)).map(|state| state.len()), Ok(32));
    assert_eq!(TraceState::from_headers(members(33)), Err(Error::TooManyMembers));
    assert_eq!(TraceState::from_headers([members(33).join(",")]), Err(Error::TooManyMembers));
}

#[test]
fn t3_members_with_a_repeated_key_count() {
    assert_eq!(TraceState::from_headers(["k=v"; 33]), Err(Error::TooManyMembers));
}

#[test]
fn t3_the_first_of_several_with_one_key_is_kept() {
    assert_read(&["a=1,b=2,a=3", "b=4,c=5"], "a=1,b=2,c=5");
}

#[test]
fn t3_set_adds_to_the_front() {
    let mut state: TraceState = "a=1".parse().expect("valid");
    assert_eq!(state.set("b", "2"), Ok(None));
    assert_eq!(state.to_string(), "b=2,a=1");
}

#[test]
fn t3_update_moves_to_the_front() {
    let mut state: TraceState = "a=1,b=2,c=3".parse().expect("valid");
    assert_eq!(state.set("c", "4"), Ok(None));
    assert_eq!(state.to_string(), "c=4,a=1,b=2");
}

#[test]
fn t3_adding_the_33rd_removes_the_last() {
    let mut state = TraceState::from_headers(members(32)).expect("valid");
    assert_eq!(state.set("new", "1"), Ok(Some(("k31".into(), "v".into()))));
    assert_eq!(state.len(), 32);
    assert_eq!(state.iter().next(), Some(("new", "1")));
    assert_eq!(state.iter().next_back(), Some(("k30", "v")));
    assert_eq!(state.set("k5", "2"), Ok(None), "an update takes no room");
}

#[test]
fn t3_what_the_grammar_forbids_cannot_be_set() {
    let mut state: TraceState = "a=1".parse().expect("valid");
    let problem = Problem::KeyCharacter { offset: 0 };
    assert_eq!(state.set("A", "1"), Err(Error::Entry(problem)));
    let problem = Problem::ValueCharacter { offset: 1 };
    assert_eq!(state.set("a", "2 "), Err(Error::Entry(problem)));
    assert_eq!(state.to_string(), "a=1", "nothing is changed");
}

#[test]
fn t3_entries_are_found_and_removed() {
    let mut state: TraceState = "a=1,b=2".parse().expect("valid");
    assert_eq!(state.get("b"), Some("2"));
    assert_eq!(state.remove("b"), Some("2".into()));
    assert_eq!(state.get("b"), None);
    assert_eq!(state.remove("b"), None);
    assert_eq!(state.to_string(), "a=1");
    assert_eq!((state.len(), state.is_empty()), (1, false));
}

#[test]
fn t3_long_entries_go_first_where_there_is_no_room() {
    let long = |key: &str| format!("{key}={}", "x".repeat(127)); // 129 characters
    let mut state =
        TraceState::from_headers([long("a"), "b=1".into(), long("c"), "d=2".into()]).expect("valid");
    assert_eq!(state.characters(), state.to_string().len());
    assert_eq!(state.shorten(200), 1, "one is enough");
    assert_eq!(state.to_string(), format!("{},b=1,d=2", long("a")));
    assert_eq!(state.shorten(100), 1);
    assert_eq!(state.to_string(), "b=1,d=2");
}

#[test]
fn t3_an_entry_of_128_characters_is_not_long() {
    let entry = format!("a={}", "x".repeat(126));
    let mut state = TraceState::from_headers([&*entry, "b=1"]).expect("valid");
    assert_eq!(state.shorten(128), 1);
    assert_eq!(state.to_string(), entry);
}

#[test]
fn t3_then_entries_go_from_the_end() {
    let mut state: TraceState = "a=1,b=2,c=3".parse().expect("valid");
    assert_eq!(state.shorten(11), 0);
    assert_eq!(state.shorten(10), 1);
    assert_eq!(state.to_string(), "a=1,b=2");
    assert_eq!(state.shorten(0), 2);
    assert!(state.is_empty());
}

#[test]
fn t3_errors_say_what_and_where() {
    let messages = [
        ("a", "there is no '=' between key and value"),
        ("=1", "the key is empty"),
        ("aB=1", "byte 1 of the key is none of a-z, 0-9 and, from the second byte on, _ - * / @"),
        ("a=", "the value is empty"),
        ("a=1=", "byte 1 of the value is no printable ASCII character, or ',' or '=', or a space at the end"),
    ];
    for (text, message) in messages {
        let error = read(&["x=1", text]).expect_err("invalid").to_string();
        assert_eq!(error, format!("member 1 of the tracestate: {message}"));
    }
    assert_eq!(Error::TooManyMembers.to_string(), "the tracestate has more than 32 members");
    assert_eq!(Problem::LongKey.to_string(), "the key has more than 256 characters");
    assert_eq!(Problem::LongValue.to_string(), "the value has more than 256 characters");
    let error = TraceState::new().set("", "1").expect_err("invalid");
    assert_eq!(error.to_string(), "not an entry of a tracestate: the key is empty");
}
