//! What somebody or something has changed behind the program's back: it costs what it concerns, is told, and nothing else.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::PathBuf,
    thread,
};

use crate::{
    http::{get, post},
    receiver::{Receiver, Reply},
    sidecar::{Home, otlp},
    truth::{self, Truth, assert_all, assert_once},
};

const TRACE: &str = "go1.27/tasks.trace";

/// Traces of the services `0`, `1` and so on in the spool, and no program any more.
fn spooled(receiver: &Receiver, count: usize) -> (Home, Vec<PathBuf>) {
    receiver.answer(|_, _, _| Reply::Refuse(503, ""));
    let home = Home::empty().with(&otlp(&receiver.endpoint())).listening("");
    let sidecar = home.start();
    let address = sidecar.push_address();
    for service in 0..count {
        let answer = post(address, &format!("/?service={service}"), "", &truth::read(TRACE)).unwrap();
        assert_eq!(answer.status, 202);
    }
    sidecar.kill();
    receiver.until_left();
    receiver.answer(|_, _, _| Reply::Accept);
    let mut files: Vec<_> = home.contents("state/spool/whole").into_iter().map(|(path, _)| path).collect();
    files.sort_by_key(|path| path.file_name().map(OsStr::to_owned));
    assert_eq!(files.len(), count);
    (home, files)
}

#[track_caller]
fn assert_delivered(receiver: &Receiver, services: &[u32]) {
    for service in services {
        let (seen, truth) = (receiver.spans_of(&service.to_string()), Truth::of(&truth::read(TRACE)));
        assert_once(&seen, &truth.all(), &service.to_string());
    }
}

#[test]
fn a_changed_bit_in_the_spool() {
    let receiver = Receiver::start();
    let (home, files) = spooled(&receiver, 3);
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], &bytes).unwrap();
    home.once_without_source();
    assert_delivered(&receiver, &[0, 2]);
    assert_eq!(receiver.spans_of("1"), []);
    let reasons = home.reasons();
    assert!(reasons.len() == 1 && reasons[0].contains("checksum"), "{reasons:?}");
    assert!(home.contents("state/quarantine").iter().any(|(_, kept)| *kept == bytes), "it is kept");
    assert!(home.contents("state/spool").is_empty());
}

/// Whatever lies in the spool, the program starts, and what is well is delivered.
#[test]
fn what_does_not_belong_into_the_spool() {
    let receiver = Receiver::start();
    let (home, files) = spooled(&receiver, 3);
    let folder = files[0].parent().unwrap();
    fs::create_dir(folder.join("0-folder.trace")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.join("0-link.trace")).unwrap();
    fs::create_dir_all(home.path("state/spool/incoming/folder/inside")).unwrap();
    fs::write(home.path("state/spool/whole/stray.txt"), b"not a trace").unwrap();
    home.once_without_source();
    assert_delivered(&receiver, &[0, 1, 2]);
    let reasons = home.reasons().concat();
    for name in ["0-folder.trace", "0-link.trace", "incoming/folder", "stray.txt"] {
        assert!(reasons.contains(name), "{name} in {reasons}");
    }
}

#[test]
fn what_vanishes_from_the_spool_is_told() {
    // More than can be under way at once.
    const MANY: usize = 10;
    let receiver = Receiver::start();
    let (home, files) = spooled(&receiver, MANY);
    receiver.answer(|_, _, _| Reply::Refuse(503, ""));
    let sidecar = home.start();
    // The first is under way; the last waits.
    sidecar.until("it is tried", || sidecar.says("it will be sent again") + sidecar.says("ERROR") > 0);
    fs::remove_file(&files[MANY - 1]).unwrap();
    receiver.answer(|_, _, _| Reply::Accept);
    sidecar.until_it_says("it has vanished from the spool");
    sidecar.until_delivered(MANY - 1);
    // What was delivered goes a moment after it is told.
    let metrics = || get(sidecar.telemetry_address(), "/metrics").unwrap().body;
    sidecar.until("the spool is empty", || metrics().contains("trace_sidecar_spool_bytes 0\n"));
    let (metrics, bytes) = (metrics(), truth::read(TRACE).len());
    for (what, count) in [("traces that have", 1), ("bytes of traces that have", bytes)] {
        let line = format!("{{reason=\"{what} vanished from the spool\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    sidecar.terminate();
}

/// A home that has delivered a trace of each of 20 services, its state, and what is in that.
fn with_state(receiver: &Receiver, trace: &[u8]) -> (Home, PathBuf, Vec<u8>) {
    let home = Home::new(receiver);
    for service in 0..20 {
        home.put(&format!("{service}/1.trace"), trace);
    }
    home.once();
    let state = home.path("state/state.redb");
    let bytes = fs::read(&state).unwrap();
    (home, state, bytes)
}

/// Wherever a byte of the state is another one: the program starts, and everything is delivered, if need be once more.
#[test]
fn a_changed_byte_in_the_state() {
    let receiver = Receiver::start();
    let trace = truth::read(TRACE);
    let (home, state, bytes) = with_state(&receiver, &trace);
    let used: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    for (number, at) in used.iter().step_by(used.len() / 8).enumerate() {
        let mut damaged = bytes.clone();
        damaged[*at] ^= 0x40;
        fs::write(&state, &damaged).unwrap();
        home.put(&format!("new-{number}/1.trace"), &trace);
        home.once();
        assert_once(&receiver.spans_of(&format!("new-{number}")), &Truth::of(&trace).all(), "the new one");
        fs::write(&state, &bytes).unwrap();
    }
    for service in 0..20 {
        assert_all(&receiver.spans_of(&service.to_string()), &Truth::of(&trace).all(), "an old one");
    }
}

/// Wherever many bits of it are others: what cannot be read does not keep the program from starting, nor from ending.
#[test]
fn many_changed_bits_in_the_state() {
    let receiver = Receiver::start();
    let trace = truth::read(TRACE);
    let (home, state, bytes) = with_state(&receiver, &trace);
    let mut random = fastrand::Rng::with_seed(4);
    for number in 0..16 {
        let mut damaged = bytes.clone();
        for _ in 0..40 {
            damaged[random.usize(..bytes.len())] ^= 1 << random.u8(..8);
        }
        fs::write(&state, &damaged).unwrap();
        home.put(&format!("new-{number}/1.trace"), &trace);
        home.once();
        assert_once(&receiver.spans_of(&format!("new-{number}")), &Truth::of(&trace).all(), "the new one");
    }
}

/// All that lies there goes out again, which is said.
#[test]
fn a_state_that_is_empty_or_nothing_of_the_kind() {
    for (content, words) in [(&b""[..], "the state is empty"), (b"something else", "the state was damaged")] {
        let receiver = Receiver::start();
        let home = Home::new(&receiver);
        home.put("a/1.trace", &truth::read(TRACE));
        home.once();
        fs::write(home.path("state/state.redb"), content).unwrap();
        let output = home.run(&["--once"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains(words) && said.contains("delivered again"),
            "{said}"
        );
        let truth = Truth::of(&truth::read(TRACE)).all();
        assert_all(&receiver.spans_of("a"), &truth, "a");
        assert_eq!(receiver.spans_of("a").len(), 2 * truth.len());
    }
}

/// One that was killed may not have let go of the state yet: its successor waits for it.
#[test]
fn a_start_right_after_a_kill() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    home.put("a/1.trace", &truth::read(TRACE));
    let first = home.start();
    first.until_delivered(1);
    thread::scope(|scope| {
        let second = scope.spawn(|| home.start());
        // Whether the second has already asked for the state or not, it gets it.
        first.kill();
        let second = second.join().unwrap();
        home.put("b/1.trace", &truth::read(TRACE));
        second.until_delivered(1);
        second.terminate();
    });
}

#[test]
fn a_path_that_is_not_unicode() {
    for after in ["keep", "delete"] {
        let receiver = Receiver::start();
        let mut home = Home::new(&receiver);
        home.edit("settle", &format!("after = {after:?}\nsettle"));
        let name = OsStr::from_bytes(b"\xff\xfe.trace");
        fs::create_dir(home.path("traces/a")).unwrap();
        fs::write(home.path("traces/a").join(name), truth::read(TRACE)).unwrap();
        home.once();
        home.once();
        assert_delivered_once(&receiver, "a");
        assert_eq!(home.contents("traces").len(), usize::from(after == "keep"));
    }
}

#[track_caller]
fn assert_delivered_once(receiver: &Receiver, service: &str) {
    assert_once(&receiver.spans_of(service), &Truth::of(&truth::read(TRACE)).all(), service);
}

/// One folder that nobody may look into costs no other anything, and is told once.
#[test]
fn a_folder_that_cannot_be_looked_into() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver);
    // Nobody looks: the system has to tell.
    home.edit("poll = \"200ms\"", "poll = \"1h\"");
    let secret = home.path("traces/secret");
    fs::create_dir(&secret).unwrap();
    fs::create_dir(home.path("traces/a")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let sidecar = home.start_unprivileged();
    sidecar.until_it_says("cannot be looked into");
    home.put("a/1.trace", &truth::read(TRACE));
    sidecar.until_delivered(1);
    let warnings =
        sidecar.log().iter().filter(|line| line.contains("WARN") && line.contains("secret")).count();
    assert!(warnings <= 2, "{}", sidecar.log().join("\n"));
    sidecar.terminate();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o755)).unwrap();
    home.once();
    assert_delivered_once(&receiver, "a");
}
