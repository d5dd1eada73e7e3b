//! The release of Go that a program was built with, as far as its stacks tell.
//!
//! The `go` command keeps a toolchain that it has fetched as the module `golang.org/toolchain@v0.0.1-go1.26.3.linux-amd64`
//! (go.dev, "Go Toolchains", section "Downloaded toolchains"), and the paths of the standard library begin with it.

use go_trace_format::Tables;

const MODULE: &str = "golang.org/toolchain@v0.0.1-";
/// How long the number of a release is at most, in bytes: those of vendors have their name behind it.
const LONGEST: usize = 64;

/// `go1.26.3`, or `None` where no stack tells.
pub(super) fn of(tables: &Tables<'_>) -> Option<String> {
    let mut frames = tables.stacks().flat_map(|stack| stack.frames());
    frames.find_map(|frame| {
        // Only a toolchain's own files: anyone may import a package of it.
        let is_runtime = frame.function.as_bytes().starts_with(b"runtime.");
        if is_runtime { in_path(&frame.file.to_string_lossy()).map(Into::into) } else { None }
    })
}

fn in_path(file: &str) -> Option<&str> {
    let (_, module) = file.rsplit_once(MODULE)?;
    let (version, rest) = module.split_once('/')?;
    let (release, _platform) = version.rsplit_once('.').filter(|_| rest.starts_with("src/runtime/"))?;
    let number =
        release.strip_prefix("go").filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))?;
    // Anyone may make a path: nothing else of it becomes a release.
    let is_of_release = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
    (number.len() <= LONGEST && number.chars().all(is_of_release)).then_some(release)
}

#[cfg(test)]
mod tests {
    use super::in_path;

    #[test]
    fn fetched_toolchains_tell() {
        let path = |version: &str| {
            format!("/root/go/pkg/mod/golang.org/toolchain@v0.0.1-{version}/src/runtime/proc.go")
        };
        for (version, release) in [
            ("go1.26.3.linux-amd64", Some("go1.26.3")),
            ("go1.27rc1.darwin-arm64", Some("go1.27rc1")),
            ("go1.21.0.linux-arm64", Some("go1.21.0")),
            ("gotip.linux-amd64", None),
            ("go1\u{1b}]0;title\u{7}.linux-amd64", None),
            ("go1.26 and more.linux-amd64", None),
            ("go1.26\u{202e}.linux-amd64", None),
            ("go1", None),
        ] {
            assert_eq!(in_path(&path(version)), release, "{version}");
        }
    }

    #[test]
    fn other_paths_do_not() {
        for path in [
            "/usr/local/go/src/runtime/proc.go",
            "runtime/proc.go",
            "/opt/go1.26.3/src/runtime/proc.go",
            "golang.org/toolchain@v0.0.1-go1.26.3.linux-amd64/src/net/http/server.go",
            "golang.org/toolchain@v0.0.1-go1.26.3.linux-amd64",
            "",
        ] {
            assert_eq!(in_path(path), None, "{path}");
        }
    }
}
