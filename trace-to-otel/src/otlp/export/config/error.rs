//! What is wrong with a setting.

use core::fmt;

/// A setting that cannot be used. It says which one: the variable of the environment, where it came from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: String,
    problem: String,
}

impl ConfigError {
    pub(in crate::otlp::export) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }

    pub(super) fn unknown(setting: &str, value: &str, known: &[&str]) -> Self {
        Self::new(setting, format!("{value:?} is not known; write one of {}", known.join(", ")))
    }

    /// The one of `known` that has the name `value`.
    pub(super) fn one_of<T: Copy>(
        setting: &str,
        value: &str,
        known: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, Self> {
        let names: Vec<_> = known.iter().copied().map(name).collect();
        let found = names.iter().zip(known).find(|&(&name, _)| name == value);
        found.map(|(_, &known)| known).ok_or_else(|| Self::unknown(setting, value, &names))
    }

    pub(super) fn alone(given: &str, missing: &str) -> Self {
        let environment =
            |name: &str| format!("OTEL_EXPORTER_OTLP_{}", name.replace(' ', "_").to_uppercase());
        let problem = format!(
            "a {given} is given ({}) but no {missing} ({}); give both or neither",
            environment(given),
            environment(missing)
        );
        Self::new(missing, problem)
    }

    /// The same problem, of the variable `name`.
    pub(super) fn of_variable(self, name: &str) -> Self {
        Self { setting: name.to_owned(), ..self }
    }

    /// Which setting it is.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl core::error::Error for ConfigError {}
