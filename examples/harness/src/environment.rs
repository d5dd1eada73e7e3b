//! What programs that are tested or measured do not get of this one's environment: what would change how they behave.

use std::{env, ffi::OsString, process::Command};

/// How Go's runtime shares out CPUs and memory, and whatever else can be set in it.
const OF_GO: [&str; 5] = ["GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK"];

/// Lets a program have nothing of the settings of Go and of OpenTelemetry that the shell happens to have: not what is tested, and
/// not what is measured.
pub(crate) fn forget(command: &mut Command) {
    forget_those_of(command, env::vars_os().map(|(name, _)| name));
}

fn forget_those_of(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

fn is_setting(name: &str) -> bool {
    name.starts_with("OTEL_") || OF_GO.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_forgotten_and_the_rest_is_left() {
        let mut command = Command::new("program");
        let names =
            ["PATH", "GOGC", "GOMAXPROCS", "GOFLAGS", "OTEL_EXPORTER_OTLP_HEADERS", "HOTEL_", "GODEBUG"];
        forget_those_of(&mut command, names.map(OsString::from).into_iter());
        let mut changed: Vec<_> = command.get_envs().collect();
        changed.sort_unstable();
        let expected = ["GODEBUG", "GOGC", "GOMAXPROCS", "OTEL_EXPORTER_OTLP_HEADERS"];
        assert_eq!(changed, expected.map(|name| (name.as_ref(), None)));
    }
}
