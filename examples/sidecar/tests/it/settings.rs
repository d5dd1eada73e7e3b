//! Settings: which come before which, and what `check` says of them.

use std::collections::BTreeMap;

use crate::{
    http::deserted,
    receiver::{Receiver, Reply},
    sidecar::Home,
    truth,
};

const TRACE: &str = "go1.27/tasks.trace";

fn home(receiver: &Receiver) -> Home {
    let home = Home::new(receiver);
    home.put("path/1.trace", &truth::read(TRACE));
    home
}

/// The resource of all spans, which have the same.
fn resource(receiver: &Receiver) -> BTreeMap<String, String> {
    let spans = receiver.spans();
    assert!(!spans.is_empty() && spans.iter().all(|seen| seen.resource == spans[0].resource));
    spans[0].resource.clone()
}

/// Flags come before the environment, and that before the file.
#[test]
fn where_spans_go() {
    let receivers = [(); 4].map(|()| Receiver::start());
    let [of_file, of_environment, of_signal, of_flag] = &receivers;
    let expect = |home: &Home, arguments: &[&str], who: usize| {
        let before: Vec<_> = receivers.iter().map(Receiver::count).collect();
        let output = home.run(&[&["--once"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (number, receiver) in receivers.iter().enumerate() {
            assert_eq!(receiver.count() > before[number], number == who, "{number} instead of {who}");
        }
    };
    expect(&home(of_file), &[], 0);
    let environment = |home: Home| home.variable("OTEL_EXPORTER_OTLP_ENDPOINT", &of_environment.endpoint());
    expect(&environment(home(of_file)), &[], 1);
    let signal = |home: Home| {
        // It is taken as it is.
        home.variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &(of_signal.endpoint() + "/own/v1/traces"))
    };
    expect(&signal(environment(home(of_file))), &[], 2);
    assert!(of_signal.requests()[0].head.path == "/own/v1/traces");
    expect(&signal(environment(home(of_file))), &["--endpoint", &of_flag.endpoint()], 3);
    assert!(of_flag.requests()[0].head.path == "/v1/traces");
    // Empty is as good as not set.
    expect(&home(of_file).variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""), &[], 0);
}

#[test]
fn headers_and_compression() {
    let receiver = Receiver::start();
    let mut home = home(&receiver).variable("OTEL_EXPORTER_OTLP_HEADERS", "x-of-environment=a%20b");
    home.once();
    assert_eq!(receiver.requests()[0].head.header("x-of-environment"), Some("a b"));
    let receiver = Receiver::with(|_, head, _| {
        assert_eq!(head.header("x-api-key"), Some("s3cret"));
        Reply::Refuse(401, "s3cret is wrong")
    });
    home = self::home(&receiver).with("[otlp.headers]\nx-api-key = \"s3cret\"\n");
    let sidecar = home.start();
    sidecar.until("it is tried again", || receiver.count() > 2);
    sidecar.kill();
}

/// The path's words come before the environment's, and those before the settings'; what is said last stays.
#[test]
fn whose_spans_they_are() {
    let resource_of = |home: Home, receiver: &Receiver, arguments: &[&str]| {
        let output = home.run(&[&["--once"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        resource(receiver)
    };
    let attributes = "service.name=attributes,deployment.environment.name=test";
    let receiver = Receiver::start();
    assert_eq!(resource_of(home(&receiver), &receiver, &[])["service.name"], "path");
    let receiver = Receiver::start();
    let found = resource_of(home(&receiver).variable("OTEL_RESOURCE_ATTRIBUTES", attributes), &receiver, &[]);
    assert_eq!(found["service.name"], "attributes");
    assert_eq!(found["deployment.environment.name"], "test");
    let receiver = Receiver::start();
    let named = |receiver: &Receiver| {
        let home = home(receiver).variable("OTEL_RESOURCE_ATTRIBUTES", attributes);
        home.variable("OTEL_SERVICE_NAME", "variable")
    };
    assert_eq!(resource_of(named(&receiver), &receiver, &[])["service.name"], "variable");
    let receiver = Receiver::start();
    let settings = "[services.flag.resource]\n\"team\" = \"blue\"\n[defaults.resource]\n\"team\" = \"red\"\n\"floor\" = \"3\"\n";
    let found = resource_of(named(&receiver).with(settings), &receiver, &["--service-name", "flag"]);
    assert_eq!((&*found["service.name"], &*found["team"], &*found["floor"]), ("flag", "blue", "3"));
}

#[test]
fn kinds_durations_ratios_and_caps() {
    let count = |settings: &str| {
        let receiver = Receiver::start();
        let home = home(&receiver).with(settings);
        home.put("path/2.trace", &truth::read("go1.27/regions.trace"));
        home.once();
        receiver.spans().iter().map(|seen| seen.scope.clone()).collect::<Vec<_>>()
    };
    let all = count("");
    let tasks = all.iter().filter(|scope| *scope == "gotrace.task").count();
    assert!(tasks > 0 && tasks < all.len(), "{all:?}");
    assert_eq!(count("[defaults]\nsampling_ratio = 0.0\n").len(), 0);
    assert_eq!(count("[services.path]\nsampling_ratio = 0.0\n").len(), 0);
    assert_eq!(count("[services.other]\nsampling_ratio = 0.0\n").len(), all.len());
    assert_eq!(
        count("[defaults]\nsampling_ratio = 0.0\n[services.path]\nsampling_ratio = 1.0\n").len(),
        all.len()
    );
    let long = count("[defaults]\nminimum_duration = \"1h\"\n");
    assert!(long.len() < all.len(), "{long:?}");
}

/// What cannot be meant is refused, with words that tell where it is; the file is not said to be fine.
#[test]
fn settings_that_cannot_be_meant() {
    for (settings, words) in [
        ("[otlp]\nendpoint = \"\\u0000\"", "otlp"),
        ("[otlp]\nprotocol = \"carrier pigeon\"", "carrier pigeon"),
        ("[otlp]\ncompression = \"rar\"", "rar"),
        ("[otlp]\nmax_batch_bytes = 3", "max_batch_bytes"),
        ("[otlp]\nclient_key = \"k.pem\"", "client_key"),
        ("[otlp]\nunknown = 3", "unknown"),
        ("[[watch]]\npaths = \"/tmp/{a}{b}\"", "paths"),
        ("[[watch]]\npaths = \"/tmp/*.trace\"\nafter = \"move\"", "move_to"),
        ("[[pull]]\nurl = \"ftp://host/\"", "ftp"),
        ("[[pull]]\nurl = \"http://host/\"\nseconds = -1.0", "seconds"),
        ("[push]\ntoken_file = \"/nowhere/token\"", "token_file"),
        ("[push]\ntoken = \"\"", "token"),
        ("[telemetry]\nlisten = \"here\"", "listen"),
        ("[log]\nlevel = \"a=b=c\"", "level"),
        ("[defaults]\nsampling_ratio = 2.0", "sampling_ratio"),
        ("[services.x]\nkeep = [\"nothing of the kind\"]", "services.x"),
        ("state_dir = 7", "state_dir"),
        ("drain_timeout = \"soon\"", "drain_timeout"),
        // With an example of what can be meant.
        ("drain_timeout = 20", "write \"30s\""),
        ("[spool]\nmax_bytes = \"much\"", "max_bytes"),
        ("[spool]\nmax_bytes = \"much\"", "1 GiB"),
        ("[spool]\nmax_bytes = -1", "1 GiB"),
        ("[limits]\nmax_generation_bytes = 1.5", "max_generation_bytes"),
        ("[push]\nlisten = \"4320\"", "127.0.0.1:4320"),
        ("[push]\nlisten = 4320", "127.0.0.1:4320"),
        ("[push]\nmax_connections = 0", "max_connections"),
        ("[telemetry]\nlisten = \"here\"", "127.0.0.1:"),
        ("[[pull]]\nurl = \"localhost:6060\"", "http://localhost:6060/debug/pprof/trace"),
        (
            "[push]\nlisten = \"127.0.0.1:9464\"",
            "[push] listen and [telemetry] listen are both 127.0.0.1:9464",
        ),
        (
            "[push]\nlisten = \"[::]:7\"\n[telemetry]\nlisten = \"[::]:7\"",
            "[push] listen and [telemetry] listen are both [::]:7",
        ),
        ("[otlp]\nsignals = [\"traces\", \"smoke\"]", "smoke"),
        ("[otlp]\nsignals = []", "signals"),
        ("[log]\nlevel = \"silly\"", "silly"),
        ("[log]\nlevel = \"info,chatty\"", "chatty"),
        ("[log]\nlevel = \"x=silly\"", "level"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, settings).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trace-sidecar"));
        command.env_clear().current_dir(folder.path()).args(["check", "--config"]).arg(&file);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{settings}");
        assert!(said.starts_with("error: ") && said.contains(words), "{settings}: {said}");
        assert!(output.stdout.is_empty(), "{settings}");
    }
}

#[test]
fn levels_that_there_are_not() {
    let receiver = Receiver::start();
    for (level, is_fine) in [
        ("silly", false),
        ("WARN", true),
        ("off", true),
        ("info,trace_sidecar=debug", true),
        ("trace_sidecar", false),
    ] {
        let output = home(&receiver).run(&["--once", "--log-level", level]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_fine, "{level}: {said}");
        assert!(is_fine || (said.contains("--log-level") && said.contains("debug")), "{said}");
    }
}

/// It only looks.
#[test]
fn check_makes_nothing() {
    let receiver = Receiver::start();
    let moved = "[[watch]]\npaths = \"elsewhere/*.trace\"\nafter = \"move\"\nmove_to = \"moved/there\"\n";
    let home = home(&receiver).with(moved);
    drop(home.command(&["check"]));
    let names = || {
        let entries = std::fs::read_dir(home.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let output = home.command(&["check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(), before);
    std::fs::write(home.path("state"), b"in the way").unwrap();
    assert!(!home.command(&["check"]).output().unwrap().status.success());
}

#[test]
fn check_says_whether_it_would_run() {
    let receiver = Receiver::start();
    let home = home(&receiver);
    let before = home.contents("traces");
    let check = |home: &Home| {
        let output = home.command(&["check"]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let (is_fine, said) = check(&home);
    assert!(is_fine && said.contains(&receiver.endpoint()), "{said}");
    // Nothing was sent that anybody would store, and nothing was taken.
    assert_eq!((receiver.count(), receiver.span_count()), (1, 0));
    assert_eq!(home.contents("traces"), before);
    for (status, words) in [(401, "401"), (403, "403"), (404, "404"), (503, "503")] {
        receiver.answer(move |_, _, _| Reply::Refuse(status, "no"));
        let (is_fine, said) = check(&home);
        assert!(!is_fine && said.contains(words), "{said}");
    }
    let mut home = home;
    home.edit("timeout = \"1h\"", "timeout = \"300ms\"");
    receiver.answer(|_, _, _| Reply::Hang);
    assert!(!check(&home).0);
    let (_kept, address) = deserted();
    home.edit(&receiver.endpoint(), &format!("http://{address}"));
    let (is_fine, said) = check(&home);
    assert!(!is_fine, "{said}");
}

/// Each signal that is delivered is asked for, and no other.
#[test]
fn check_asks_for_each_signal() {
    let receiver = Receiver::with(|_, head, _| match head.path.ends_with("/profiles") {
        true => Reply::Refuse(404, "no such path"),
        false => Reply::Accept,
    });
    let check = |signals: &[&str]| {
        let before = receiver.count();
        let arguments = [&["check", "--signals"], signals].concat();
        let output = home(&receiver).command(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), receiver.count() - before, said)
    };
    let (is_fine, asked, said) = check(&["traces,logs,metrics"]);
    assert!(is_fine && asked == 3, "{asked}: {said}");
    let (is_fine, asked, said) = check(&["traces,profiles"]);
    assert!(!is_fine && asked == 2 && said.contains("service.profilesSupport"), "{asked}: {said}");
}

/// What is said of a signal that is not wanted does no harm.
#[test]
fn settings_of_signals_that_are_not_wanted() {
    let receiver = Receiver::start();
    for name in ["METRICS", "PROFILES"] {
        let variable = format!("OTEL_EXPORTER_OTLP_{name}_PROTOCOL");
        let home = home(&receiver).variable(&variable, "carrier pigeon");
        home.once();
        let wanted = home.run(&["--once", "--signals", &name.to_lowercase()]);
        let said = String::from_utf8_lossy(&wanted.stderr);
        assert!(!wanted.status.success() && said.contains("carrier pigeon"), "{said}");
    }
    assert!(receiver.span_count() > 0);
}

/// Nobody shares a folder of state.
#[test]
fn one_program_for_one_state() {
    let receiver = Receiver::start();
    let home = home(&receiver);
    let mut first = home.start();
    first.until_delivered(1);
    let output = home.run(&["--once"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("in use"), "{said}");
    assert!(first.is_alive());
    // What the second has looked at, it has left as it was.
    home.put("path/2.trace", &truth::read("go1.26/tasks.trace"));
    first.until_delivered(2);
}

#[test]
fn without_a_source_there_is_nothing_to_do() {
    let home = Home::empty();
    let output = home.run(&[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no source"));
}
