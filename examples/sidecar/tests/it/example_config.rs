//! `trace-sidecar.example.toml` is what the program takes, and has all that it takes.

use std::{
    collections::BTreeSet,
    env, fs,
    process::{Command, Output},
};

const EXAMPLE: &str = include_str!("../../trace-sidecar.example.toml");

/// Reads and maps nothing: the settings are read and checked, and nothing is kept.
fn dry_run(config: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace-sidecar.toml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-sidecar"));
    // What the machine's environment says is not what is tested.
    let names = env::vars_os().map(|(name, _)| name);
    let is_setting = |name: &str| ["OTEL_", "TRACE_"].iter().any(|begin| name.starts_with(begin));
    for name in names.filter(|name| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.args(["run", "--dry-run", "--config"]).arg(&file);
    command.arg("--state-dir").arg(directory.path().join("state")).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The same, with watched folders that nobody writes into.
fn here(config: &str) -> String {
    config.replace("\"/var/lib/", concat!("\"", env!("CARGO_TARGET_TMPDIR"), "/nobody-writes-here/"))
}

/// The line with its setting in use, where it is a setting that is not.
fn in_use(line: &str) -> &str {
    let name = |line: &str| line.split_once(" = ").map(|(name, _)| name.to_owned());
    let is_name = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    match line.strip_prefix('#') {
        Some(setting) if setting.starts_with('[') || name(setting).is_some_and(|name| is_name(&name)) => {
            setting
        }
        _ => line,
    }
}

/// Installed and not edited, it does nothing: it watches, asks and listens to nobody.
#[test]
fn it_is_accepted_as_it_is_and_does_nothing() {
    let output = dry_run(EXAMPLE);
    let said = said(&output);
    assert!(!output.status.success() && said.contains("no source"), "{said}");
    let with_a_source = format!("{EXAMPLE}\n[[watch]]\npaths = \"/var/lib/traces/*.trace\"\n");
    let output = dry_run(&here(&with_a_source));
    assert!(output.status.success(), "{}", self::said(&output));
}

#[test]
fn it_is_accepted_with_every_setting_in_use() {
    // It needs a file, and goes not together with `token`. Where the state is, the test says.
    let is_left_out = |line: &&str| line.starts_with("#token_file") || line.starts_with("#state_dir");
    let all: Vec<_> = EXAMPLE.lines().filter(|line| !is_left_out(line)).map(in_use).collect();
    assert!(all.len() > 100 && all.join("\n").contains("\nclient_key"));
    let output = dry_run(&here(&all.join("\n")));
    assert!(output.status.success(), "{}", said(&output));
}

/// The settings that the program takes in a table: it names them when it is given another one.
fn known(table: &str) -> BTreeSet<String> {
    let output = dry_run(&format!("{table}\nnobody_knows_this = 1\n"));
    let said = said(&output);
    assert!(!output.status.success(), "{table} takes nobody_knows_this");
    let (_, expected) = said.split_once(", expected ").unwrap_or_else(|| panic!("{table}: {said}"));
    // Names stand between backticks.
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn it_has_every_setting() {
    let tables = [
        "",
        "[otlp]",
        "[spool]",
        "[quarantine]",
        "[limits]",
        "[telemetry]",
        "[log]",
        "[push]",
        "[[watch]]",
        "[[pull]]",
        "[defaults]",
    ];
    let mut count = 0;
    for table in tables {
        let shown = shown(table);
        for name in known(table) {
            assert!(shown.contains(&name), "{table} {name} is missing in trace-sidecar.example.toml");
            count += 1;
        }
    }
    assert!(count > 60, "only {count} settings");
    assert_eq!(known("[services.any]"), known("[defaults]"));
}

/// The names in one table of the example, also of those that are not in use; for the first, the names of tables too.
fn shown(table: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut here = table.is_empty();
    for line in EXAMPLE.lines().map(in_use) {
        if line.starts_with('[') {
            here = line.split('#').next().unwrap_or_default().trim() == table;
            if table.is_empty() {
                let name = line.trim_start_matches('[').split([']', '.']).next().unwrap_or_default();
                names.insert(name.to_owned());
            }
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| here) {
            names.insert(name.to_owned());
        }
    }
    names
}
