//! Go's own reader, where a Go toolchain is installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

/// `go tool trace -d=parsed` of an installed Go that reads every version of the format.
pub(crate) struct Oracle {
    tool: PathBuf,
    goroot: PathBuf,
}

/// What Go made of a trace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The events, or the records, one after the other.
    pub(crate) dump: String,
    /// Why it stopped before the end, if it did.
    pub(crate) error: Option<String>,
}

/// The oldest Go whose reader knows Go 1.26's traces.
const OLDEST: u32 = 26;

impl Oracle {
    /// Finds Go: `$GOROOT/bin/go`, or `go` on the path.
    ///
    /// Without one, says that `what` is not compared and gives `None`; with `REQUIRE_GO` set, fails.
    pub(crate) fn find(what: &str) -> Option<Self> {
        let oracle = env::var_os("GOROOT")
            .map(|root| Path::new(&root).join("bin/go"))
            .into_iter()
            .chain([PathBuf::from("go")])
            .find_map(|go| Self::of(&go));
        if oracle.is_none() {
            let missing = format!("no Go 1.{OLDEST} or later in $GOROOT or on the path");
            assert!(env::var_os("REQUIRE_GO").is_none(), "{missing}");
            eprintln!("SKIPPED, {missing}: {what} not compared with Go's reader");
        }
        oracle
    }

    fn of(go: &Path) -> Option<Self> {
        let output = |arguments: &[&str]| {
            let output = Command::new(go).args(arguments).env_remove("GOROOT").output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        let version = output(&["env", "GOVERSION"])?;
        let minor: u32 =
            version.strip_prefix("go1.")?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        let goroot = output(&["env", "GOROOT"])?;
        // Prints the command that it would run, and builds it.
        let tool = output(&["tool", "-n", "trace"])?;
        (minor >= OLDEST).then(|| Self { tool: tool.into(), goroot: goroot.into() })
    }

    /// The root of the installation, with Go's source in it.
    #[allow(dead_code, reason = "not every test looks into Go's source")]
    pub(crate) fn goroot(&self) -> &Path {
        &self.goroot
    }

    /// Has Go read a trace.
    #[allow(dead_code, reason = "not every test looks at events")]
    pub(crate) fn read(&self, trace: &[u8]) -> Reading {
        self.run("-d=parsed", trace)
    }

    /// Has Go print the records of a trace, in the text form that its canned traces have.
    #[allow(dead_code, reason = "not every test looks at records")]
    pub(crate) fn records(&self, trace: &[u8]) -> Reading {
        self.run("-d=wire", trace)
    }

    /// Has Go make a profile of a trace, `net`, `sync`, `syscall` or `sched`: compressed, in pprof's format.
    #[allow(dead_code, reason = "not every test looks at profiles")]
    pub(crate) fn profile(&self, name: &str, trace: &[u8]) -> Result<Vec<u8>, String> {
        let output = self.output(&format!("-pprof={name}"), trace);
        let error = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(output.stdout) } else { Err(error()) }
    }

    fn run(&self, what: &str, trace: &[u8]) -> Reading {
        let output = self.output(what, trace);
        let dump = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        Reading { dump, error: (!output.status.success()).then_some(error) }
    }

    fn output(&self, what: &str, trace: &[u8]) -> Output {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oracle-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, trace).unwrap();
        let output = Command::new(&self.tool).arg(what).arg(&file).env("TZ", "UTC").output().unwrap();
        fs::remove_file(&file).unwrap();
        output
    }
}
