//! What serde makes of events.
#![cfg(feature = "serde")]

use go_trace_format::{EventType, Reader, Time, WallTime, event::GoroutineId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const TASKS: &[u8] = include_bytes!("../../examples/tasks.trace");
const GC: &[u8] = include_bytes!("../../examples/gc.trace");

fn events(trace: &[u8]) -> Vec<Value> {
    let mut reader = Reader::from_slice(trace).unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        events.push(serde_json::to_value(event).unwrap());
    }
    events
}

#[test]
fn events_say_what_they_are() {
    let events = events(TASKS);
    let begins: Vec<_> = events.iter().filter(|event| event["type"] == "UserTaskBegin").collect();
    assert_eq!(begins.len(), 15);
    let task = begins[0];
    assert_eq!(task["kind"]["TaskBegin"]["id"], 2);
    assert_eq!(task["kind"]["TaskBegin"]["parent"], Value::Null);
    assert!(task["kind"]["TaskBegin"]["name"].is_string());
    assert!(task["goroutine"].is_i64() && task["wall_time"].is_u64(), "{task}");
    assert_eq!(task["stack"][0]["function"], "main.(*recorder).task.func1");
    let block = events.iter().find(|event| event["type"] == "GoBlock").unwrap();
    let change = &block["kind"]["Goroutine"];
    assert_eq!((&change["from"], &change["to"]), (&json!("Running"), &json!("Waiting")));
}

#[test]
fn metrics_and_ranges_have_the_names_of_go() {
    let events = events(GC);
    let first = |event_type: &str, kind: &str| {
        let event = events.iter().find(|event| event["type"] == event_type).unwrap();
        event["kind"][kind].clone()
    };
    assert_eq!(first("ProcsChange", "Metric")["name"], "/sched/gomaxprocs:threads");
    let collection = json!({ "kind": "GC concurrent mark phase", "scope": "Process", "sweep": null });
    assert_eq!(first("GCBegin", "RangeBegin"), collection);
}

#[test]
fn ids_and_types_come_back() {
    let all = (GoroutineId(7), Time(-1), EventType::GoBlock);
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(json, r#"[7,-1,"GoBlock"]"#);
    assert_eq!(serde_json::from_str::<(GoroutineId, Time, EventType)>(&json).unwrap(), all);
    assert!(serde_json::from_str::<EventType>(r#""GoBlocked""#).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Moment {
    wall: WallTime,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    moment: Moment,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Moment(Moment),
}

#[test]
fn wall_times_come_back_whatever_holds_them() {
    for (nanoseconds, expected) in [
        (0, json!(0)),
        (-1, json!(-1)),
        (i128::from(i64::MIN), json!(i64::MIN)),
        (i128::from(u64::MAX), json!(u64::MAX)),
        (i128::from(u64::MAX) + 1, json!("18446744073709551616")),
        (i128::from(i64::MIN) - 1, json!("-9223372036854775809")),
        (i128::MAX, json!(i128::MAX.to_string())),
    ] {
        let moment = || Moment { wall: WallTime(nanoseconds) };
        let value = serde_json::to_value(moment()).unwrap();
        assert_eq!(value, json!({ "wall": expected }));
        let (flattened, untagged) = (Flattened { moment: moment() }, Untagged::Moment(moment()));
        assert_eq!(serde_json::to_value(&flattened).unwrap(), value);
        assert_eq!(serde_json::to_value(&untagged).unwrap(), value);
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<Moment>(&text).unwrap(), moment());
        assert_eq!(serde_json::from_str::<Flattened>(&text).unwrap(), flattened);
        assert_eq!(serde_json::from_str::<Untagged>(&text).unwrap(), untagged);
    }
    for wrong in ["1.5", r#""soon""#, "null", "[]"] {
        assert!(serde_json::from_str::<WallTime>(wrong).is_err(), "{wrong}");
    }
}
