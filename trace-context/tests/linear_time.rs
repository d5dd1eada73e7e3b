//! The work grows no faster than the input, counted in instructions: each shape runs under valgrind with an input and
//! with one four times as long.
//!
//! ```sh
//! .ci/linear-time     # cargo test --test linear_time -- --ignored, with valgrind
//! ```

use std::env;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::Command;

use go_trace_context::{Baggage, FoldIndex, TraceId, TraceParent, TraceState, extract};

/// What else there is than the text of a single header.
const HEADERS: &str = "many headers";
const ONE_FOLD: &str = "ids of one fold";
const MANY_FOLDS: &str = "ids of many folds";

/// What is read, and the piece that its input consists of. Each is the worst of its kind: it comes as close as possible
/// to being accepted, so that nothing ends early.
const SHAPES: [(&str, &str); 14] = [
    ("traceparent", "a"),
    ("traceparent", " "),
    ("tracestate", ","),
    ("tracestate", " \t"),
    ("tracestate", "a"),
    ("baggage", "a=1,"),
    ("baggage", "a=%41%"),
    ("baggage", "a=1;b"),
    ("baggage", ",;= "),
    (HEADERS, "traceparent"),
    (HEADERS, "tracestate"),
    (HEADERS, "baggage"),
    (ONE_FOLD, "0123456789abcdef"),
    (MANY_FOLDS, "0123456789abcdef"),
];
const BYTES: usize = 1 << 16;
const VARIABLE: &str = "LINEAR_TIME_INPUT";

#[test]
#[ignore = "needs valgrind"]
fn work_grows_with_the_input_and_no_faster() {
    for (index, shape) in SHAPES.iter().enumerate() {
        let [idle, once, four_times] = [0, 1, 4].map(|times| instructions(index, times));
        let ratio = (four_times - idle) as f64 / (once - idle).max(1) as f64;
        assert!(ratio < 5.0, "{shape:?}: 4 times the input took {ratio:.2} times the instructions");
        assert!(four_times > once, "{shape:?} does not depend on the input");
        println!("{shape:?}: {} instructions a byte, {ratio:.2}", (once - idle) / BYTES as u64);
    }
}

/// Counts the instructions of `workload` in a process of its own.
fn instructions(shape: usize, times: usize) -> u64 {
    let test = env::current_exe().expect("the path of this test");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(test)
        .args(["--exact", "workload", "--test-threads=1"])
        .env(VARIABLE, format!("{shape} {times}"))
        .output()
        .expect("valgrind is installed");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let count = report.lines().find_map(|line| line.split_once("Collected : ")).expect("a count").1;
    count.trim().parse().expect("a number")
}

/// Does nothing unless `instructions` asks for it.
#[test]
fn workload() {
    let Ok(input) = env::var(VARIABLE) else { return };
    let (shape, times) = input.split_once(' ').expect("two numbers");
    let [shape, times] = [shape, times].map(|number| number.parse::<usize>().expect("a number"));
    let (kind, piece) = SHAPES[shape];
    let count = BYTES * times / piece.len();
    match kind {
        HEADERS => drop(black_box(extract(std::iter::repeat_n((piece, "a=1"), count)))),
        ONE_FOLD => index(count, |number| number << 64 | (number ^ 7)),
        MANY_FOLDS => index(count, |number| number),
        header => read(header, &piece.repeat(count)),
    }
}

fn read(header: &str, text: &str) {
    match header {
        "traceparent" => drop(black_box(TraceParent::from_bytes(text.as_bytes()))),
        "tracestate" => drop(black_box(TraceState::from_headers([text]))),
        _ => {
            let baggage = Baggage::from_headers([text]).baggage;
            black_box(baggage.iter().map(|member| member.value().len()).sum::<usize>());
        }
    }
    black_box(extract([(header, text)]));
}

/// More ids than the index has room for.
fn index(count: usize, id: impl Fn(u128) -> u128) {
    let mut index = FoldIndex::with_limit(NonZeroUsize::new(256).expect("not zero"));
    index.extend((1..=count as u128).filter_map(|number| TraceId::from_u128(id(number))));
    black_box(index);
}
