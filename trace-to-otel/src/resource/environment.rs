//! Resource attributes out of environment variables.
//!
//! OpenTelemetry, "Resource SDK", section "Specifying resource information via an environment variable", and
//! "Environment Variable Specification", `OTEL_SERVICE_NAME`.

use core::fmt;

use opentelemetry_semantic_conventions::attribute::SERVICE_NAME;
use percent_encoding::percent_decode_str;

use crate::{resource::Resource, span::Attribute};

const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE_NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";

impl Resource {
    /// Sets what the environment variables `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say, the latter last.
    /// Empty ones count as unset.
    ///
    /// `look_up` gives the value of a variable, such as `|name| std::env::var(name).ok()`.
    ///
    /// `OTEL_RESOURCE_ATTRIBUTES` is a list of `key=value` pairs between commas, with blanks around keys and values
    /// that are not part of them. Keys and values are percent-encoded UTF-8, all values are texts, a `+` is a `+`. Of
    /// a key that comes twice the last value counts. The specification wants `=` in values encoded, but says not that
    /// others must refuse it: it is taken as it is, since every SDK takes it.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] where `OTEL_RESOURCE_ATTRIBUTES` is malformed. All of it is then to be discarded, says the
    /// specification: [`ResourceError::into_resource`] is the resource to go on with.
    pub fn with_environment(self, look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ResourceError> {
        let members = look_up(RESOURCE_ATTRIBUTES).unwrap_or_default();
        let name = look_up(SERVICE_NAME_VARIABLE).filter(|name| !name.is_empty());
        let with_name = |resource: Self| match &name {
            Some(name) => resource.with(SERVICE_NAME, name.as_str()),
            None => resource,
        };
        match attributes(&members) {
            Ok(attributes) => Ok(with_name(self.with_attributes(attributes))),
            Err(member) => {
                Err(ResourceError { member: member.to_owned(), resource: Box::new(with_name(self)) })
            }
        }
    }
}

/// The attributes of a list, or the member of it that is wrong.
fn attributes(members: &str) -> Result<Vec<Attribute>, &str> {
    let members = members.split(',').map(str::trim).filter(|member| !member.is_empty());
    members.map(|member| attribute(member).ok_or(member)).collect()
}

fn attribute(member: &str) -> Option<Attribute> {
    let (key, value) = member.split_once('=')?;
    let (key, value) = (decoded(key.trim())?, decoded(value.trim())?);
    (!key.is_empty()).then(|| Attribute::new(key, &*value))
}

/// The text that a percent-encoded one stands for.
fn decoded(text: &str) -> Option<String> {
    let are_complete = text.split('%').skip(1).all(|after| {
        after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    // The decoder takes a `%` that no digits follow for itself.
    if !are_complete {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// `OTEL_RESOURCE_ATTRIBUTES` is malformed.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceError {
    member: String,
    resource: Box<Resource>,
}

impl ResourceError {
    /// The member of the list that is wrong.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }

    /// The resource as if the malformed variable were not set, the other one taken into account: what to go on with
    /// once the error is reported.
    #[must_use]
    pub fn into_resource(self) -> Resource {
        *self.resource
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OTEL_RESOURCE_ATTRIBUTES: {:?} is no key=value pair of percent-encoded UTF-8; \
             write key1=value1,key2=value2, with %25 for a percent sign",
            self.member
        )
    }
}

impl core::error::Error for ResourceError {}
