//! Damaged recordings, read by this crate in strict mode and by Go: both must accept the same ones, and print the
//! same events up to where they fail.
//!
//! It needs Go 1.27's trace tool, and time, so it runs only when asked:
//!
//! ```text
//! GO_TRACE=$(go tool -n trace) PROPTEST_CASES=2000 cargo test --release --test differential -- --ignored
//! ```

use std::{
    cell::RefCell,
    env, fs,
    process::{Command, Output},
};

use go_trace_format::{Mode, ReaderOptions};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use crate::support::{
    self,
    dump::{exact, print, sort_samples_of_one_time, split},
    mutate::damage,
};

/// How Go's reader ended.
#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Rejected(String),
    /// It panicked: the trace means nothing in particular.
    Undefined,
}

#[test]
#[ignore = "needs Go 1.27.3 and its trace tool, named by GO_TRACE"]
fn damaged_recordings() {
    let tool = env::var("GO_TRACE").expect("GO_TRACE: the path that `go tool -n trace` prints");
    // Small ones, so that each case is quick and each mutation likely to matter.
    let mut recordings = support::stock_testdata();
    recordings.retain(|recording| recording.bytes.len() < 16 << 10 && !recording.is_v1());
    let file = env::temp_dir().join(format!("differential-{}.trace", std::process::id()));
    let verdicts = RefCell::new([0; 3]);
    let mut runner =
        TestRunner::new(Config { max_shrink_iters: 2_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&damage(&recordings), |damage| {
        let trace = damage.apply(&recordings);
        fs::write(&file, &trace)?;
        let output = Command::new(&tool).arg("-d=parsed").arg(&file).env("TZ", "UTC").output()?;
        let verdict = compare(&trace, &output)?;
        verdicts.borrow_mut()[match verdict {
            Verdict::Accepted => 0,
            Verdict::Rejected(_) => 1,
            Verdict::Undefined => 2,
        }] += 1;
        Ok(())
    });
    let [accepted, rejected, undefined] = verdicts.into_inner();
    eprintln!("Go accepted {accepted} traces, rejected {rejected} and panicked on {undefined}");
    match result {
        Ok(()) => fs::remove_file(&file).expect("the file written last"),
        Err(TestError::Fail(reason, damage)) => panic!("{}: {reason}", damage.report(&recordings, &file)),
        Err(error) => panic!("{error}"),
    }
}

fn compare(trace: &[u8], output: &Output) -> Result<Verdict, TestCaseError> {
    let (mut ours, error) = match ReaderOptions::new().mode(Mode::Strict).read_slice(trace) {
        Ok(reader) => print(reader),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut theirs = split(&exact(&output.stdout));
    let verdict = verdict(output);
    if verdict == Verdict::Undefined {
        return Ok(Verdict::Undefined);
    }
    sort_samples_of_one_time(&mut ours, &mut theirs);
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        prop_assert_eq!(&ours.text, theirs, "event {}", i);
    }
    prop_assert_eq!(ours.len(), theirs.len(), "number of events; {:?}, {:?}", error, verdict);
    prop_assert_eq!(error.is_some(), verdict != Verdict::Accepted, "{:?}, {:?}", error, verdict);
    Ok(verdict)
}

fn verdict(output: &Output) -> Verdict {
    let message = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Verdict::Accepted
    } else if message.contains("goroutine 1 [") || message.contains("fatal error:") {
        Verdict::Undefined
    } else {
        Verdict::Rejected(message.lines().next().unwrap_or_default().to_owned())
    }
}
