//! Files that services write: slowly, compressed, again in the same place, and what are no traces.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    receiver::Receiver,
    sidecar::{Home, Sidecar},
    truth::{self, Truth, WRITTEN, assert_all, assert_once, assert_same},
};

/// Recordings of several generations, with clocks.
const LONG: [&str; 4] = [
    "go1.25/generations.trace",
    "go1.26/generations.trace",
    "go1.27/gc-generations.trace",
    "go1.27/flight-whole.trace",
];

/// Where to cut: places that no structure of the trace tells, and the same each time.
fn cuts(length: usize, pieces: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = (1..pieces).map(|piece| length * piece / pieces + (piece * 7919) % 611).collect();
    cuts.retain(|&cut| cut < length);
    cuts.push(length);
    cuts
}

/// A home in which a file is whole when its writer says so, and not because a busy machine has written nothing for long.
fn unhurried(receiver: &Receiver) -> Home {
    let mut home = Home::new(receiver);
    home.edit("settle = \"300ms\"", "settle = \"1h\"");
    home
}

/// Has the program look at what has changed: it has done so when it has delivered what came after that.
fn until_looked_at(home: &Home, sidecar: &Sidecar, number: usize) {
    home.put(&format!("probe/{number}.trace"), &truth::read("go1.27/tasks.trace"));
    sidecar.until_it_says(&format!("probe/{number}.trace service="));
}

/// Writes a file piece by piece, and does something after each.
fn write_slowly(home: &Home, name: &str, bytes: &[u8], pieces: usize, mut after_each: impl FnMut()) {
    let path = home.path("traces").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    let mut begin = 0;
    for end in cuts(bytes.len(), pieces) {
        file.write_all(&bytes[begin..end]).unwrap();
        begin = end;
        after_each();
    }
}

/// The spans of each recording in a service of its own name came once.
fn assert_all_once(receiver: &Receiver, recordings: &[&str]) {
    for name in recordings {
        let service = name.replace('/', "-");
        assert_once(&receiver.spans_of(&service), &Truth::of(&truth::read(name)).all(), name);
    }
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let receiver = Receiver::start();
    let home = unhurried(&receiver);
    // In a folder that has only just come, its writer may have closed it before anybody is told.
    for name in LONG {
        fs::create_dir_all(home.path("traces").join(name.replace('/', "-"))).unwrap();
    }
    let (sidecar, mut looks) = (home.start(), 0);
    for name in LONG {
        let path = format!("{}/1.trace", name.replace('/', "-"));
        write_slowly(&home, &path, &truth::read(name), 9, || {
            looks += 1;
            until_looked_at(&home, &sidecar, looks);
            assert_eq!(sidecar.says(&path), 0, "it is not whole");
        });
        sidecar.until_it_says(&format!("{path} service="));
    }
    sidecar.terminate();
    home.once();
    assert_all_once(&receiver, &LONG);
}

/// What rests for longer than `settle` is taken for whole. It is not, and nothing is missing in the end, though what was cut
/// off may have gone out as it was.
#[test]
fn a_file_that_rests_while_it_is_being_written() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver).with("");
    home.edit("settle = \"300ms\"\npoll = \"200ms\"", "settle = \"50ms\"\npoll = \"50ms\"");
    let sidecar = home.start();
    for name in LONG {
        let path = format!("{}/1.trace", name.replace('/', "-"));
        write_slowly(&home, &path, &truth::read(name), 4, || {
            let before = sidecar.says("delivered file=");
            sidecar.until("what there is, is delivered", || sidecar.says("delivered file=") > before);
        });
    }
    sidecar.terminate();
    home.once();
    for name in LONG {
        let (seen, truth) = (receiver.spans_of(&name.replace('/', "-")), Truth::of(&truth::read(name)));
        assert_all(&seen, &truth.all(), name);
    }
}

/// Likewise, by a writer that closes the file after each piece; the sidecar is killed after each.
#[test]
fn a_file_that_is_appended_to() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    for name in LONG {
        let (service, bytes) = (name.replace('/', "-"), truth::read(name));
        fs::create_dir_all(home.path("traces").join(&service)).unwrap();
        let path = home.path("traces").join(&service).join("1.trace");
        let mut begin = 0;
        for end in cuts(bytes.len(), 4) {
            let sidecar = home.start();
            let mut file = File::options().create(true).append(true).open(&path).unwrap();
            file.write_all(&bytes[begin..end]).unwrap();
            drop(file);
            sidecar.until_delivered(1);
            sidecar.kill();
            begin = end;
        }
    }
    home.once();
    for name in LONG {
        let (seen, truth) = (receiver.spans_of(&name.replace('/', "-")), Truth::of(&truth::read(name)));
        assert_all(&seen, &truth.all(), name);
    }
}

/// Another trace comes under the same name, in four ways, each told apart.
#[test]
fn a_name_that_is_used_again() {
    let receiver = Receiver::start();
    let home = unhurried(&receiver);
    let names = [
        "go1.27/tasks.trace",
        "go1.27/regions.trace",
        "go1.27/http.trace",
        "go1.26/tasks.trace",
        "go1.26/logs.trace",
    ];
    let bytes = names.map(truth::read);
    let mut sidecar = home.start();
    let path = home.put("a/1.trace", &bytes[0]);
    sidecar.until_delivered(1);
    // Replaced by another file.
    home.put("a/1.trace", &bytes[1]);
    sidecar.until_delivered(2);
    // Cut off, and written anew.
    let mut file = File::options().write(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    file.write_all(&bytes[2]).unwrap();
    drop(file);
    sidecar.until_delivered(3);
    // Written over, without being cut off first, while nobody looked.
    sidecar.terminate();
    let mut file = File::options().write(true).open(&path).unwrap();
    file.rewind().unwrap();
    file.write_all(&bytes[3]).unwrap();
    file.set_len(bytes[3].len() as u64).unwrap();
    // Long ago: nobody tells that it was closed.
    file.set_modified(UNIX_EPOCH + Duration::from_secs(WRITTEN)).unwrap();
    drop(file);
    sidecar = home.start();
    sidecar.until_delivered(1);
    // Removed and made anew, which may give it the number that the one before had.
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes[4]).unwrap();
    sidecar.until_delivered(2);
    sidecar.terminate();
    home.once();
    let truth: Vec<_> = bytes.iter().flat_map(|bytes| Truth::of(bytes).all()).collect();
    assert_once(&receiver.spans_of("a"), &truth, "a");
}

#[test]
fn compressed_files() {
    let receiver = Receiver::start();
    let home = unhurried(&receiver);
    fs::create_dir(home.path("traces/slow")).unwrap();
    let trace = truth::read("go1.27/flight-whole.trace");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let sidecar = home.start();
    home.put("gzip/1.trace", &gzip(&trace));
    home.put("zstd/1.trace", &zstd(&trace));
    // Two members, one after the other.
    let (one, two) = trace.split_at(trace.len() / 2);
    home.put("members/1.trace", &[gzip(one), gzip(two)].concat());
    let mut looks = 0;
    write_slowly(&home, "slow/1.trace", &gzip(&trace), 7, || {
        looks += 1;
        until_looked_at(&home, &sidecar, looks);
    });
    sidecar.until_delivered(4 + looks);
    sidecar.terminate();
    home.once();
    for service in ["gzip", "zstd", "members", "slow"] {
        assert_once(&receiver.spans_of(service), &Truth::of(&trace).all(), service);
    }
}

/// Of compressed snapshots the earliest comes first as well.
#[test]
fn compressed_snapshots() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let snapshots = truth::snapshots("go1.26/flight-whole", 4);
    for (number, snapshot) in snapshots.iter().enumerate() {
        home.put(&format!("a/{}.trace", 9 - number), &zstd::encode_all(&**snapshot, 1).unwrap());
    }
    home.once();
    assert_once(&receiver.spans_of("a"), &Truth::of_snapshots(&snapshots).all(), "a");
}

#[test]
fn what_is_no_trace_is_put_aside_and_told_why() {
    for after in ["keep", "delete"] {
        let receiver = Receiver::start();
        let mut home = Home::new(&receiver).with("[limits]\nmax_generation_bytes = \"100kB\"\n");
        home.edit("settle", &format!("after = {after:?}\nsettle"));
        let good = truth::read("go1.27/tasks.trace");
        home.put("a/text.trace", b"this is no trace at all, and longer than a header is");
        home.put("a/empty.trace", b"");
        home.put("a/newer.trace", b"go 1.99 trace\0\0\0 and what follows");
        home.put("a/large.trace", &large_generation());
        home.put("b/good.trace", &good);
        let sidecar = home.start();
        sidecar.until_delivered(1);
        sidecar.until("four are put aside", || home.reasons().len() == 4);
        let reasons = home.reasons().join("");
        for file in ["text.trace", "empty.trace", "newer.trace", "large.trace"] {
            assert!(reasons.contains(file), "{reasons}");
        }
        assert!(reasons.contains("max_generation_bytes"), "{reasons}");
        sidecar.terminate();
        // Not again, though they are still there.
        home.once();
        assert_eq!(home.reasons().len(), 4);
        assert_same(&receiver.spans_of("b"), &Truth::of(&good).all(), "b");
        assert_eq!(receiver.spans_of("a"), []);
        let left = home.contents("traces").len();
        assert_eq!(left, if after == "keep" { 5 } else { 0 });
        // Nothing of them is lost.
        let aside = home.contents("state/quarantine").len();
        assert_eq!(aside, if after == "keep" { 4 } else { 8 });
    }
}

/// A trace of one generation that is larger than the limit of the test above, and smaller on the disk.
fn large_generation() -> Vec<u8> {
    let trace = truth::read("go1.25/http.trace");
    let (header, batches) = trace.split_at(go_trace_format::HEADER_LENGTH);
    let large = zstd::encode_all(&*[header, &batches.repeat(40)].concat(), 3).unwrap();
    assert!(large.len() < 100_000);
    large
}

/// A generation within the limit is no reason to put a file aside that is much larger.
#[test]
fn large_files_of_small_generations() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver).with("[limits]\nmax_generation_bytes = \"40kB\"\n");
    let traces = [truth::read("go1.27/flight-whole.trace"), truth::read("fork/stream.bin")];
    let frames = truth::frames(&traces[1]);
    assert!(traces.iter().all(|trace| trace.len() > 44_000), "{:?}", traces.map(|trace| trace.len()));
    home.put("trace/1.trace", &traces[0]);
    home.put("stream/1.trace", &traces[1]);
    home.once();
    assert_eq!(home.reasons(), [""; 0]);
    assert_once(&receiver.spans_of("trace"), &Truth::of(&traces[0]).all(), "trace");
    assert_once(&receiver.spans_of("stream"), &Truth::of_snapshots(&frames).all(), "stream");
}

#[test]
fn delivered_files_go_where_they_are_to_go() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver).with("");
    let done = home.path("done");
    home.edit("settle", &format!("after = \"move\"\nmove_to = {done:?}\nsettle"));
    let trace = truth::read("go1.27/tasks.trace");
    let sidecar = home.start();
    home.put("a/1.trace", &trace);
    home.put("b/1.trace", &trace);
    home.put("b/left.alone", &trace);
    sidecar.until("they are moved", || home.contents("done").len() == 2);
    sidecar.terminate();
    let moved: Vec<_> = home.contents("done").into_iter().map(|(path, _)| path).collect();
    assert_eq!(moved, [done.join("a/1.trace"), done.join("b/1.trace")]);
    assert_eq!(home.contents("traces").len(), 1);
    assert_same(&receiver.spans_of("b"), &Truth::of(&trace).ended, "b");
}

#[test]
fn folders_that_come_later() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let trace = truth::read("go1.27/tasks.trace");
    let truth = Truth::of(&trace).ended;
    fs::remove_dir(home.path("traces")).unwrap();
    let sidecar = home.start();
    home.put("a/1.trace", &trace);
    sidecar.until_delivered(1);
    // Put together elsewhere.
    fs::create_dir(home.path("b")).unwrap();
    fs::write(home.path("b/1.trace"), &trace).unwrap();
    fs::rename(home.path("b"), home.path("traces/b")).unwrap();
    sidecar.until_delivered(2);
    // Removed and made again.
    fs::remove_dir_all(home.path("traces")).unwrap();
    home.put("c/1.trace", &trace);
    sidecar.until_delivered(3);
    for service in ["a", "b", "c"] {
        assert_once(&receiver.spans_of(service), &truth, service);
    }
}

#[test]
fn the_folder_that_the_environment_names() {
    let receiver = Receiver::start();
    let home = Home::empty().with(&crate::sidecar::otlp(&receiver.endpoint()));
    let folder = home.path("traces");
    let home = home.variable("TRACE_OUTPUT_DIR", crate::sidecar::path_text(&folder));
    let trace = truth::read("go1.27/tasks.trace");
    home.put("1.trace", &trace);
    home.put("deep/down/2.trace", &truth::read("go1.26/tasks.trace"));
    home.once();
    let truth = [Truth::of(&trace).all(), Truth::of(&truth::read("go1.26/tasks.trace")).all()].concat();
    assert_once(&receiver.spans_of("flightrecorder"), &truth, "both");
}

/// Without a clock the file's time stands for it: of a file that grows, all spans by the same.
#[test]
fn a_trace_without_clock_that_grows() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let bytes = truth::read("go1.24/generations.trace");
    fs::create_dir(home.path("traces/a")).unwrap();
    let mut file = File::create(home.path("traces/a/1.trace")).unwrap();
    let mut begin = 0;
    for (number, end) in cuts(bytes.len(), 4).into_iter().enumerate() {
        file.write_all(&bytes[begin..end]).unwrap();
        begin = end;
        // Each time an hour later, and nobody looks meanwhile.
        let written = WRITTEN + number as u64 * 3600;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(written)).unwrap();
        let sidecar = home.start();
        sidecar.until_delivered(1);
        sidecar.terminate();
    }
    home.once();
    assert_same(&receiver.spans_of("a"), &Truth::of(&bytes).all(), "a");
}
