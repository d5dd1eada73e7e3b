//! What process the spans are of ([mapping rules](crate#mapping-rules): Resource).
//!
//! OpenTelemetry, "Resource SDK" and "Resource Data Model".

mod environment;
mod go_version;
mod path_template;

pub use environment::ResourceError;
pub use path_template::{PathTemplate, PathTemplateError};

use core::fmt;
use std::borrow::Cow;

use go_trace_format::{Tables, Version};
use opentelemetry_semantic_conventions::{
    SCHEMA_URL,
    attribute::{PROCESS_RUNTIME_NAME, PROCESS_RUNTIME_VERSION, SERVICE_NAME},
};

use crate::{
    attribute,
    span::{Attribute, Value},
};

/// The format that the trace's header names. Two releases may write the same, so that it is no release.
const TRACE_FORMAT: &str = "gotrace.format.version";

/// What process the spans are of: attributes that all its spans share.
///
/// Later calls win over earlier ones, so that a resource is built in the order of precedence, least first: path
/// template, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`, flags and configuration.
///
/// Nothing is looked up on the machine that converts: it need not be the one that was traced.
///
/// ```
/// use trace_to_otel::{PathTemplate, Resource};
///
/// let template: PathTemplate = "/traces/{service}/{pod}/*.trace".parse()?;
/// let environment = [("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,host.name=web%201"), ("OTEL_SERVICE_NAME", "b")];
/// let look_up = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
///
/// let found = template.attributes("/traces/orders/orders-7d9f/1.trace".as_ref()).expect("it fits");
/// let resource = Resource::new().with_attributes(found).with_environment(look_up)?.with("service.instance.id", "7");
///
/// assert_eq!(resource.attribute("service.name"), Some(&"b".into()));
/// assert_eq!(resource.attribute("host.name"), Some(&"web 1".into()));
/// assert_eq!(resource.attribute("k8s.pod.name"), Some(&"orders-7d9f".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    attributes: Vec<Attribute>,
    schema_url: Option<Cow<'static, str>>,
}

impl Default for Resource {
    fn default() -> Self {
        Self::new()
    }
}

impl Resource {
    /// The service name used where nobody gives one.
    pub const DEFAULT_SERVICE_NAME: &str = "flightrecorder";

    /// The resource of some Go program: `service.name=flightrecorder`, `process.runtime.name=go`, with the schema URL
    /// of the semantic conventions that this crate follows.
    #[must_use]
    pub fn new() -> Self {
        Self { attributes: Vec::new(), schema_url: Some(SCHEMA_URL.into()) }
            .with(SERVICE_NAME, Self::DEFAULT_SERVICE_NAME)
            .with(PROCESS_RUNTIME_NAME, "go")
    }

    /// A resource of which nothing is known, without a schema URL.
    #[must_use]
    pub fn empty() -> Self {
        Self { attributes: Vec::new(), schema_url: None }
    }

    /// Sets an attribute; the last value of a key counts.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.set(Attribute::new(key, value));
        self
    }

    /// Sets attributes; the last value of a key counts.
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        attributes.into_iter().for_each(|attribute| self.set(attribute));
        self
    }

    /// Sets the schema URL, in place of the one that it has.
    #[must_use]
    pub fn with_schema_url(mut self, schema_url: impl Into<Cow<'static, str>>) -> Self {
        self.schema_url = Some(schema_url.into()).filter(|url| !url.is_empty());
        self
    }

    /// Says that the spans' wall times are approximate: `gotrace.clock=approximate`.
    #[must_use]
    pub fn with_approximate_clock(self) -> Self {
        self.with(attribute::CLOCK, "approximate")
    }

    /// Says which format the trace has: `gotrace.format.version=1.26`.
    ///
    /// That is not the release of Go that wrote it, which would be `process.runtime.version`: 1.24 writes 1.23, and
    /// 1.27 writes 1.26. See [`with_go_version_in`](Self::with_go_version_in).
    #[must_use]
    pub fn with_trace_format(self, version: Version) -> Self {
        self.with(TRACE_FORMAT, &*format!("1.{}", version.minor()))
    }

    /// Says which release of Go the program was built with, where the stacks of a generation tell:
    /// `process.runtime.version=go1.26.3`.
    ///
    /// They do where the `go` command had fetched the toolchain as a module, and the program was not built with
    /// `-trimpath`: the release is then part of the runtime's own paths. Otherwise nothing is set.
    ///
    /// Cost: it looks at every stack until one tells. Once per trace is enough.
    #[must_use]
    pub fn with_go_version_in(self, tables: &Tables<'_>) -> Self {
        match go_version::of(tables) {
            Some(version) => self.with(PROCESS_RUNTIME_VERSION, &*version),
            None => self,
        }
    }

    /// Says all that a trace tells of its process, by the tables of one of its generations: its
    /// [format](Self::with_trace_format), whether it holds [no clock](Self::with_approximate_clock), and the
    /// [release of Go](Self::with_go_version_in).
    ///
    /// Cost: as [`with_go_version_in`](Self::with_go_version_in). The first generation of a process is enough.
    #[must_use]
    pub fn with_told_by(self, tables: &Tables<'_>) -> Self {
        let version = tables.version();
        let mut told = self.with_trace_format(version);
        if !version.has_sync_batch() {
            told = told.with_approximate_clock();
        }
        told.with_go_version_in(tables)
    }

    /// Takes over what another resource says, which wins. OpenTelemetry: "Resource SDK", section "Merge".
    ///
    /// ```
    /// use trace_to_otel::Resource;
    ///
    /// let more = Resource::empty().with("host.name", "web 1");
    /// let merged = Resource::new().merge(more)?;
    /// assert_eq!(merged.schema_url(), Resource::new().schema_url());
    ///
    /// let other = Resource::empty().with_schema_url("https://example.com/1");
    /// assert!(merged.merge(other).is_err());
    /// # Ok::<(), trace_to_otel::SchemaUrlConflict>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaUrlConflict`] where both have a schema URL, and not the same one: their attributes may mean different
    /// things then.
    pub fn merge(mut self, updating: Self) -> Result<Self, SchemaUrlConflict> {
        match (&self.schema_url, updating.schema_url) {
            (Some(old), Some(new)) if *old != new => {
                return Err(SchemaUrlConflict { old: old.clone().into(), updating: new.into() });
            }
            (None, Some(new)) => self.schema_url = Some(new),
            _ => {}
        }
        updating.attributes.into_iter().for_each(|attribute| self.set(attribute));
        Ok(self)
    }

    /// Its attributes, each key once, in the order in which the keys were first set.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of the attribute `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }

    /// The URL of the schema that its attributes follow.
    #[must_use]
    pub fn schema_url(&self) -> Option<&str> {
        self.schema_url.as_deref()
    }

    fn set(&mut self, attribute: Attribute) {
        match self.attributes.iter_mut().find(|known| known.key == attribute.key) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
    }
}

/// Two resources follow different schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaUrlConflict {
    old: Box<str>,
    updating: Box<str>,
}

impl fmt::Display for SchemaUrlConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "resources of the schemas {} and {} cannot be merged; give both the same schema URL, or one of them none",
            self.old, self.updating
        )
    }
}

impl core::error::Error for SchemaUrlConflict {}
