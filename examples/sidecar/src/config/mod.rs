//! The settings: flags before the environment before the file before the defaults.

mod mapping;
mod otlp;
mod secret;
mod source;
mod text;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytesize::ByteSize;
use serde::Deserialize;
use trace_programs::SignalName;
use trace_to_otel::{
    Attribute, Resource, Value,
    otlp::{Config as ReceiverConfig, Signal},
};
use twox_hash::XxHash3_64;

pub(crate) use self::{
    mapping::{Logs, Mapping},
    otlp::{Advice, Otlp},
    secret::Secret,
    source::{After, Pull, Push, Watch},
    text::parse_address,
};
use crate::{
    cli::{self, LogFormat},
    telemetry::filter_of,
};

/// Gives the value of a variable of the environment.
pub(crate) type Environment = fn(&str) -> Option<String>;

/// The process's environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) file: File,
    /// Where spans go.
    pub(crate) traces: ReceiverConfig,
    /// Where log records go.
    pub(crate) logs: ReceiverConfig,
    /// Where metrics go, if they are wanted.
    pub(crate) metrics: Option<ReceiverConfig>,
    /// Where profiles go, if they are wanted.
    pub(crate) profiles: Option<ReceiverConfig>,
    /// Where to put right what the receiver does not like.
    pub(crate) advice: Advice,
    /// A hash of what is in each file that settings name, where it can be read: with another token these are other settings.
    contents: Vec<Option<u64>>,
    /// Whether standard input is a source.
    pub(crate) stdin: bool,
    service_name: Option<String>,
    /// What `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say.
    of_environment: Vec<Attribute>,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) state_dir: PathBuf,
    /// How long ending may take.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) drain_timeout: Duration,
    /// Spans that are open go out as incomplete when nothing has come of their process for this long.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) open_span_deadline: Duration,
    pub(crate) otlp: Otlp,
    pub(crate) spool: Spool,
    pub(crate) quarantine: Quarantine,
    pub(crate) limits: Limits,
    pub(crate) telemetry: Telemetry,
    pub(crate) log: Log,
    pub(crate) push: Option<Push>,
    pub(crate) watch: Vec<Watch>,
    pub(crate) pull: Vec<Pull>,
    defaults: Mapping,
    services: BTreeMap<String, Mapping>,
}

impl Default for File {
    fn default() -> Self {
        Self {
            state_dir: "trace-sidecar-state".into(),
            drain_timeout: Duration::from_secs(20),
            open_span_deadline: Duration::from_secs(600),
            otlp: Otlp::default(),
            spool: Spool::default(),
            quarantine: Quarantine::default(),
            limits: Limits::default(),
            telemetry: Telemetry::default(),
            log: Log::default(),
            push: None,
            watch: Vec::new(),
            pull: Vec::new(),
            defaults: Mapping::default(),
            services: BTreeMap::new(),
        }
    }
}

/// What was taken in and not yet delivered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Spool {
    #[serde(deserialize_with = "text::size")]
    pub(crate) max_bytes: ByteSize,
    pub(crate) when_full: WhenFull,
}

impl Default for Spool {
    fn default() -> Self {
        Self { max_bytes: ByteSize::gib(1), when_full: WhenFull::default() }
    }
}

/// What nobody can deliver.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Quarantine {
    /// Beyond it, what was put aside first goes.
    #[serde(deserialize_with = "text::size")]
    pub(crate) max_bytes: ByteSize,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { max_bytes: ByteSize::gib(1) }
    }
}

/// What to do when the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WhenFull {
    /// Takes nothing more: pushes are answered 503, pulls wait.
    #[default]
    Block,
    /// Makes room, and counts what that has cost.
    DropOldest,
}

/// What one trace may cost.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The largest generation, decompressed: memory is bounded by it. A trace with a larger one is put aside.
    #[serde(deserialize_with = "text::size")]
    pub(crate) max_generation_bytes: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_generation_bytes: ByteSize::mib(256) }
    }
}

/// What others may know of this program.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// Empty for nowhere.
    listen: String,
    /// How many services are counted by name.
    pub(crate) max_services: usize,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".to_owned(), max_services: 100 }
    }
}

impl Telemetry {
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>> {
        match self.listen.as_str() {
            "" => Ok(None),
            address => match parse_address(address) {
                Ok(address) => Ok(Some(address)),
                Err(problem) => bail!("[telemetry] listen: {problem}, or \"\" for none"),
            },
        }
    }
}

/// What this program tells.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::default() }
    }
}

impl Config {
    /// Puts all settings together, and checks them.
    pub(crate) fn load(flags: &cli::Settings, environment: Environment) -> Result<Self> {
        let mut file = match &flags.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        file.apply(flags, environment);
        let here = std::env::current_dir().context("the current folder")?;
        file.state_dir = here.join(&file.state_dir);
        file.watch.iter_mut().for_each(|watch| watch.make_absolute(&here));
        file.validate()?;
        let receiver = |signal| file.otlp.receiver(signal, flags, environment);
        let [traces, logs] = [receiver(Signal::Traces)?, receiver(Signal::Logs)?];
        // What is said of a signal that nobody wants keeps no span from going out.
        let wanted = |name, signal| file.otlp.wants(name).then(|| receiver(signal)).transpose();
        let metrics = wanted(SignalName::Metrics, Signal::Metrics)?;
        let profiles = wanted(SignalName::Profiles, Signal::Profiles)?;
        let client = traces.client.iter().flat_map(|client| [&client.certificate, &client.key]);
        let named = traces.certificate.iter().chain(client);
        let named = named.chain(file.push.iter().filter_map(|push| push.token_file.as_ref()));
        Ok(Self {
            contents: named
                .map(|path| fs::read(path).ok().map(|bytes| XxHash3_64::oneshot(&bytes)))
                .collect(),
            advice: file.otlp.advice(flags, environment),
            traces,
            logs,
            metrics,
            profiles,
            stdin: flags.stdin,
            service_name: flags.service_name.clone(),
            of_environment: Resource::empty().with_environment(environment)?.attributes().to_vec(),
            file,
        })
    }

    /// Where each of the signals goes that are delivered.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &ReceiverConfig> {
        let wants = |name| self.file.otlp.wants(name);
        let traces = wants(SignalName::Traces).then_some(&self.traces);
        let logs = wants(SignalName::Logs).then_some(&self.logs);
        [traces, logs, self.metrics.as_ref(), self.profiles.as_ref()].into_iter().flatten()
    }

    /// Whether traces can come from anywhere.
    pub(crate) fn has_source(&self) -> bool {
        self.stdin || self.has_lasting_source()
    }

    /// Whether there is a source that does not end by itself.
    pub(crate) fn has_lasting_source(&self) -> bool {
        !self.file.watch.is_empty() || !self.file.pull.is_empty() || self.file.push.is_some()
    }

    /// What is said of a service.
    pub(crate) fn mapping(&self, service: &str) -> Mapping {
        match self.file.services.get(service) {
            Some(mapping) => mapping.or(&self.file.defaults),
            None => self.file.defaults.clone(),
        }
    }

    /// The resource of a process of which its source tells so much, and what is said of its service.
    ///
    /// What the trace itself tells comes first, then its source's words, the environment's, the flags' and the settings':
    /// the last one counts.
    pub(crate) fn resource(
        &self,
        told: &[(String, String)],
        of_source: &[(String, String)],
    ) -> (Resource, Mapping) {
        let facts = told.iter().chain(of_source);
        let facts = facts.map(|(key, value)| Attribute::new(key.clone(), &**value));
        let mut resource =
            Resource::new().with_attributes(facts).with_attributes(self.of_environment.clone());
        if let Some(name) = &self.service_name {
            resource = resource.with("service.name", name.as_str());
        }
        let service = match resource.attribute("service.name") {
            Some(Value::Text(name)) => name.to_string(),
            _ => Resource::DEFAULT_SERVICE_NAME.to_owned(),
        };
        let mapping = self.mapping(&service).for_signals(&self.file.otlp.signals);
        for (key, value) in mapping.resource() {
            resource = resource.with(key.clone(), value.as_str());
        }
        (resource, mapping)
    }
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        toml::from_str(&text)
            .map_err(|error| anyhow!("{}{}: {}", path.display(), place(&text, &error), error.message()))
    }

    /// What flags and environment say.
    fn apply(&mut self, flags: &cli::Settings, environment: Environment) {
        if let Some(directory) = &flags.state_dir {
            self.state_dir.clone_from(directory);
        }
        if let Some(directory) = environment("TRACE_OUTPUT_DIR").filter(|directory| !directory.is_empty()) {
            self.watch.push(Watch::new(&format!("{}/**/*.trace", directory.trim_end_matches('/'))));
        }
        self.watch.extend(flags.watch.iter().map(|paths| Watch::new(paths)));
        self.pull.extend(flags.pull.iter().map(|url| Pull::new(url)));
        if let Some(listen) = flags.push_listen {
            self.push.get_or_insert_default().listen = listen;
        }
        if let Some(listen) = flags.telemetry_listen {
            self.telemetry.listen = listen.to_string();
        }
        if let Some(level) = &flags.log_level {
            self.log.level.clone_from(level);
        }
        if let Some(format) = flags.log_format {
            self.log.format = format;
        }
        if !flags.signals.is_empty() {
            self.otlp.signals.clone_from(&flags.signals);
        }
    }

    fn validate(&self) -> Result<()> {
        self.otlp.validate()?;
        let telemetry = self.telemetry.address()?;
        filter_of(&self.log)?;
        ensure!(self.telemetry.max_services > 0, "[telemetry] max_services: it cannot be 0");
        self.watch.iter().try_for_each(Watch::validate)?;
        self.pull.iter().try_for_each(Pull::validate)?;
        if let Some(push) = &self.push {
            push.validate()?;
            // With port 0, each has another one of the system's choice.
            let is_shared = telemetry == Some(push.listen) && push.listen.port() != 0;
            ensure!(
                !is_shared,
                "[push] listen and [telemetry] listen are both {}: choose another port for one of them",
                push.listen
            );
        }
        ensure!(self.state_dir.to_str().is_some(), "state_dir: it has to be Unicode");
        ensure!(!self.open_span_deadline.is_zero(), "open_span_deadline: it cannot be 0");
        ensure!(
            self.spool.max_bytes.as_u64() > 0,
            "[spool] max_bytes: it cannot be 0; write \"1 GiB\", for example"
        );
        ensure!(
            self.quarantine.max_bytes.as_u64() > 0,
            "[quarantine] max_bytes: it cannot be 0; write \"1 GiB\", for example"
        );
        ensure!(
            self.limits.max_generation_bytes.as_u64() > 0,
            "[limits] max_generation_bytes: it cannot be 0; write \"256 MiB\", for example"
        );
        for (name, mapping) in &self.services {
            mapping.volume().with_context(|| format!("[services.{name}]"))?;
        }
        self.defaults.volume().context("[defaults]")?;
        Ok(())
    }
}

/// Where an error is. The line itself may hold a secret, of which only the key is told.
fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return String::new() };
    let before = text.get(..span.start).unwrap_or_default();
    let line = text.lines().nth(before.matches('\n').count()).unwrap_or_default();
    let key = line.split_once('=').map_or(String::new(), |(key, _)| format!(", {}", key.trim()));
    format!(", line {}{key}", before.matches('\n').count() + 1)
}
