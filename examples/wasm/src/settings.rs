//! How the host says what it wants.

use core::fmt;

use go_trace_sanitize::Filter;
use trace_to_otel::{Resource, SamplingRatio, SessionOptions, otlp::Encoding};

/// What the host wants of a session: texts `name=value`, each ended by a NUL, which no environment variable can hold.
///
/// | name | value |
/// |---|---|
/// | `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME` | as in the environment |
/// | `resource` | attributes as in `OTEL_RESOURCE_ATTRIBUTES`, which win over the environment's |
/// | `encoding` | `protobuf` (the default) or `json` |
/// | `ratio` | the share of traces that go out, from 0 to 1 |
/// | `keep` | the kinds of spans that go out, as [`Filter`] reads them |
/// | `logs`, `metrics` | `true` for batches of log records and of metrics |
/// | `max-batch-bytes` | how large a batch gets |
/// | `max-generation-bytes` | how large a generation may be |
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// What they come to.
    pub options: SessionOptions,
    /// What is wrong with `OTEL_RESOURCE_ATTRIBUTES`, which is then left out as the specification wants it.
    pub warning: Option<String>,
}

/// A setting that is unknown, or whose value is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    name: String,
    reason: String,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] where a setting is unknown, or its value is none.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let pairs: Vec<_> = text.split_terminator('\0').map(pair).collect::<Result<_, _>>()?;
        let (resource, warning) = resource(&pairs)?;
        let mut options = SessionOptions::new(Encoding::Protobuf, resource);
        for &(name, value) in &pairs {
            set(&mut options, name, value)
                .map_err(|reason| SettingsError { name: name.to_owned(), reason })?;
        }
        Ok(Self { options, warning })
    }
}

fn pair(text: &str) -> Result<(&str, &str), SettingsError> {
    text.split_once('=')
        .ok_or_else(|| SettingsError { name: text.to_owned(), reason: "there is no =".to_owned() })
}

/// The resource, and what is wrong with the environment's.
fn resource(pairs: &[(&str, &str)]) -> Result<(Resource, Option<String>), SettingsError> {
    let look_up = |wanted: &str| {
        pairs.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
    };
    let (resource, warning) = match Resource::new().with_environment(look_up) {
        Ok(resource) => (resource, None),
        Err(error) => {
            let warning = error.to_string();
            (error.into_resource(), Some(warning))
        }
    };
    let chosen = |name: &str| look_up("resource").filter(|_| name == "OTEL_RESOURCE_ATTRIBUTES");
    match resource.with_environment(chosen) {
        Ok(resource) => Ok((resource, warning)),
        Err(error) => {
            Err(SettingsError { name: "resource".to_owned(), reason: format!("{:?}", error.member()) })
        }
    }
}

fn set(options: &mut SessionOptions, name: &str, value: &str) -> Result<(), String> {
    match name {
        "OTEL_RESOURCE_ATTRIBUTES" | "OTEL_SERVICE_NAME" | "resource" => {}
        "encoding" => {
            options.encoding = match value {
                "protobuf" => Encoding::Protobuf,
                "json" => Encoding::Json,
                _ => return Err("there are protobuf and json".to_owned()),
            };
        }
        "ratio" => {
            let share: f64 = parse(value)?;
            options.volume.ratio = SamplingRatio::try_from(share).map_err(|error| error.to_string())?;
        }
        "keep" => options.volume.keep = value.parse::<Filter>().map_err(|error| error.to_string())?,
        "logs" => options.mapper.log_records = parse(value)?,
        "metrics" => options.metrics = parse(value)?,
        "max-batch-bytes" => options.max_batch_bytes = parse(value)?,
        "max-generation-bytes" => options.max_generation_bytes = parse(value)?,
        _ => return Err("there is no such setting".to_owned()),
    }
    Ok(())
}

fn parse<T: core::str::FromStr<Err: fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| format!("{value:?}: {error}"))
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting {}: {}", self.name, self.reason)
    }
}

impl core::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_attributes_win_over_the_environment() {
        let text = "OTEL_SERVICE_NAME=a\0OTEL_RESOURCE_ATTRIBUTES=host.name=h,service.version=1\0\
                    resource=service.name=b%2Cc,service.version=2\0";
        let settings = Settings::parse(text).expect("good settings");
        let resource = settings.options.resource;
        assert_eq!(resource.attribute("service.name"), Some(&"b,c".into()));
        assert_eq!(resource.attribute("service.version"), Some(&"2".into()));
        assert_eq!(resource.attribute("host.name"), Some(&"h".into()));
        assert_eq!(settings.warning, None);
    }

    #[test]
    fn a_malformed_environment_is_a_warning() {
        let settings = Settings::parse("OTEL_RESOURCE_ATTRIBUTES=nonsense\0OTEL_SERVICE_NAME=a\0")
            .expect("good settings");
        assert!(settings.warning.is_some_and(|warning| warning.contains("nonsense")));
        assert_eq!(settings.options.resource.attribute("service.name"), Some(&"a".into()));
    }

    #[test]
    fn what_is_no_setting_is_an_error() {
        for text in [
            "ratio=2\0",
            "ratio\0",
            "logs=yes\0",
            "encoding=xml\0",
            "keep=all,x\0",
            "resource=x\0",
            "other=1\0",
        ] {
            assert!(Settings::parse(text).is_err(), "{text:?}");
        }
    }
}
