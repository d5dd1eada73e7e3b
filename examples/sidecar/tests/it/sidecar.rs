//! The program itself, at work in a folder of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind},
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::{receiver::Receiver, truth::WRITTEN};

/// How long anything may take, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "it never came to this: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A folder with state, settings and traces.
pub(crate) struct Home {
    folder: TempDir,
    settings: String,
    variables: Vec<(String, String)>,
}

impl Home {
    /// Files in `traces/SERVICE` are watched, and their spans go to the receiver; whatever waits, waits shortly.
    pub(crate) fn new(receiver: &Receiver) -> Self {
        let home = Self::empty();
        let paths = home.path("traces/{service}/*.trace");
        let watch =
            format!("[[watch]]\npaths = {:?}\nsettle = \"300ms\"\npoll = \"200ms\"\n", path_text(&paths));
        home.with(&otlp(&receiver.endpoint())).with(&watch)
    }

    /// Nothing is watched.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("traces")).unwrap();
        let settings = format!("state_dir = {:?}\n", path_text(&folder.path().join("state")));
        let home = Self { folder, settings, variables: Vec::new() };
        home.with("[telemetry]\nlisten = \"\"\n[log]\nlevel = \"trace_sidecar=debug\"\nformat = \"text\"\n")
    }

    /// It takes pushes, and tells of itself: each at an address that the system chooses.
    pub(crate) fn listening(self, push: &str) -> Self {
        self.telling().with(&format!("[push]\nlisten = {ANY:?}\n{push}"))
    }

    /// It tells of itself.
    pub(crate) fn telling(mut self) -> Self {
        self.edit("[telemetry]\nlisten = \"\"", &format!("[telemetry]\nlisten = {ANY:?}"));
        self
    }

    /// More settings.
    pub(crate) fn with(mut self, settings: &str) -> Self {
        self.settings += settings;
        self
    }

    /// More settings that belong to no table.
    pub(crate) fn top(mut self, settings: &str) -> Self {
        self.settings = format!("{settings}\n{}", self.settings);
        self
    }

    /// Other settings.
    pub(crate) fn edit(&mut self, from: &str, to: &str) {
        assert!(self.settings.contains(from), "{from} in {}", self.settings);
        self.settings = self.settings.replacen(from, to, 1);
        self.write_settings();
    }

    /// A variable of the environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a trace aside and moves it to its place.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let (aside, place) = (self.path("aside"), self.path("traces").join(name));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&aside, bytes).unwrap();
        // What no clock tells, the file's time does.
        File::open(&aside).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(WRITTEN)).unwrap();
        fs::rename(&aside, &place).unwrap();
        place
    }

    fn write_settings(&self) {
        fs::write(self.path("settings.toml"), &self.settings).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.write_settings();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trace-sidecar"));
        command.args(arguments).arg("--config").arg(self.path("settings.toml"));
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Delivers all there is, with what is open.
    #[track_caller]
    pub(crate) fn once(&self) {
        let output = self.run(&["--once"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Likewise, where nothing but what is spooled is left.
    #[track_caller]
    pub(crate) fn once_without_source(&self) {
        let output = self.run(&["--once", "--watch", path_text(&self.path("nothing/*.trace"))]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn start(&self) -> Sidecar {
        self.start_with(&[])
    }

    /// As somebody who may not do everything, which whoever runs the tests may.
    pub(crate) fn start_unprivileged(&self) -> Sidecar {
        const NOBODY: u32 = 65_534;
        let mut command = self.command(&[]);
        if geteuid().is_root() {
            for path in [self.path(""), self.path("settings.toml"), self.path("traces")] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        Self::start_command(command)
    }

    pub(crate) fn start_with(&self, arguments: &[&str]) -> Sidecar {
        Self::start_command(self.command(arguments))
    }

    fn start_command(mut child: Command) -> Sidecar {
        child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let sidecar = Sidecar { stdin: child.stdin.take(), child, log };
        sidecar.until_it_says("started");
        sidecar
    }

    /// The files below a folder, with their contents.
    pub(crate) fn contents(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                match entry.unwrap().path() {
                    path if path.is_dir() => folders.push(path),
                    path => match fs::read(&path) {
                        // It has gone since the folder was read.
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        content => found.push((path, content.unwrap())),
                    },
                }
            }
        }
        found.sort();
        found
    }

    /// Why things were put aside.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let files = self.contents("state/quarantine").into_iter();
        let reasons = files.filter(|(path, _)| path.extension().is_some_and(|ending| ending == "reason"));
        reasons.map(|(_, text)| String::from_utf8(text).unwrap()).collect()
    }
}

pub(crate) fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Wherever the system has a port that nobody else has.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// Settings for a receiver. What fails is soon tried again; what takes its time has not failed.
pub(crate) fn otlp(endpoint: &str) -> String {
    format!(
        "[otlp]\nendpoint = {endpoint:?}\ntimeout = \"1h\"\nslow_retry = \"100ms\"\nmax_backoff = \"100ms\"\nmax_batch_bytes = 16384\n"
    )
}

/// The program. Dropped, it is killed.
pub(crate) struct Sidecar {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Sidecar {
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// How many lines of its log have these words.
    pub(crate) fn says(&self, words: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(words)).count()
    }

    #[track_caller]
    pub(crate) fn until_it_says(&self, words: &str) {
        self.until(words, || self.says(words) > 0);
    }

    /// Waits until something is so; where it never is, its log may tell why.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < PATIENCE, "never: {what}\n{}", self.log().join("\n"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all of so many files was delivered, and that is written down.
    #[track_caller]
    pub(crate) fn until_delivered(&self, files: usize) {
        self.until(&format!("{files} files delivered"), || self.says("delivered file=") >= files);
    }

    /// Where it takes pushes.
    #[track_caller]
    pub(crate) fn push_address(&self) -> SocketAddr {
        self.address("Push")
    }

    /// Where it tells of itself.
    #[track_caller]
    pub(crate) fn telemetry_address(&self) -> SocketAddr {
        self.address("Telemetry")
    }

    #[track_caller]
    fn address(&self, purpose: &str) -> SocketAddr {
        let (words, log) = (format!("listening purpose={purpose} address="), self.log());
        let told = log.iter().rev().find_map(|line| Some(line.split_once(&words)?.1.parse().unwrap()));
        told.unwrap_or_else(|| panic!("no {purpose} in\n{}", log.join("\n")))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Tells it to end, and waits until it has.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log().join("\n"));
        self.log()
    }

    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("it ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// Whether it runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
