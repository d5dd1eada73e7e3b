//! What process the spans are of.
//!
//! OpenTelemetry, "Resource SDK", section "Specifying resource information via an environment variable".

use core::fmt;

use opentelemetry_semantic_conventions::attribute::{PROCESS_RUNTIME_NAME, SERVICE_NAME};
use percent_encoding::percent_decode_str;

use crate::{
    attribute,
    span::{Attribute, Value},
};

/// What process the spans are of: attributes that all its spans share.
///
/// ```
/// use trace_to_otel::Resource;
///
/// let environment = [("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,host.name=web%201"), ("OTEL_SERVICE_NAME", "b")];
/// let look_up = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
/// let resource = Resource::new().with_environment(look_up)?.with("service.instance.id", "7");
/// assert_eq!(resource.attribute("service.name"), Some(&"b".into()));
/// assert_eq!(resource.attribute("host.name"), Some(&"web 1".into()));
/// # Ok::<(), trace_to_otel::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    attributes: Vec<Attribute>,
}

impl Default for Resource {
    fn default() -> Self {
        Self::new()
    }
}

impl Resource {
    /// The service name used where nobody gives one.
    pub const DEFAULT_SERVICE_NAME: &str = "flightrecorder";

    /// The resource of some Go program: `service.name=flightrecorder`, `process.runtime.name=go`.
    #[must_use]
    pub fn new() -> Self {
        let attributes = vec![
            Attribute::new(SERVICE_NAME, Self::DEFAULT_SERVICE_NAME),
            Attribute::new(PROCESS_RUNTIME_NAME, "go"),
        ];
        Self { attributes }
    }

    /// Sets an attribute; the last value of a key counts.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let attribute = Attribute::new(key.into(), value);
        match self.attributes.iter_mut().find(|known| known.key == attribute.key) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
        self
    }

    /// Says that the spans' wall times are approximate: `gotrace.clock=approximate`.
    #[must_use]
    pub fn with_approximate_clock(self) -> Self {
        self.with(attribute::CLOCK, "approximate")
    }

    /// Sets what the environment variables `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say, the latter last.
    /// Empty ones count as unset.
    ///
    /// `look_up` gives the value of a variable, such as `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] where `OTEL_RESOURCE_ATTRIBUTES` is malformed.
    pub fn with_environment(
        mut self,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ResourceError> {
        let members = look_up("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        for member in members.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            let malformed = || ResourceError { member: member.to_owned() };
            let (key, value) = member.split_once('=').ok_or_else(malformed)?;
            let key = percent_decode_str(key.trim()).decode_utf8().map_err(|_| malformed())?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| malformed())?;
            if key.is_empty() {
                return Err(malformed());
            }
            self = self.with(key, &*value);
        }
        if let Some(name) = look_up("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
            self = self.with(SERVICE_NAME, &*name);
        }
        Ok(self)
    }

    /// Its attributes, each key once.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of the attribute `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }
}

/// `OTEL_RESOURCE_ATTRIBUTES` is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceError {
    member: String,
}

impl ResourceError {
    /// The member of the list that is wrong.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OTEL_RESOURCE_ATTRIBUTES: {:?} is no key=value pair of percent-encoded UTF-8; \
             write key1=value1,key2=value2",
            self.member
        )
    }
}

impl core::error::Error for ResourceError {}
