# shellcheck shell=bash
# Sourced by the scripts beside it: they start at the repository's root and install what they need.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$PWD/.cache/tools
export PATH=$tools/bin:$PATH

# The crates that go to crates.io, and the way to name them all to cargo.
libraries=(go-trace-format go-trace-context go-trace-sanitize trace-to-otel)
# shellcheck disable=SC2034 # for those who source this
every_library=("${libraries[@]/#/--package=}")

# The oldest Rust that the libraries promise.
# shellcheck disable=SC2034
msrv=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

# Prints a command, then runs it.
run() {
    printf '+ %s\n' "$*" >&2
    "$@"
}

# cargo_tool NAME VERSION: makes `cargo NAME` that very version, built once into .cache/tools.
cargo_tool() {
    local name=$1 version=$2
    if [[ "$("cargo-$name" "$name" --version 2>/dev/null || true) " != *" $version "* ]]; then
        run env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 \
            cargo install --quiet --locked --debug --root "$tools" "cargo-$name@$version"
    fi
}

# The target that programs are built for where nobody says otherwise.
host() { rustc --version --verbose | sed -n 's/^host: //p'; }

# standard_library TARGET: what is needed to build for a target, C included.
standard_library() {
    [[ -d $(rustc --print target-libdir --target "$1" 2>/dev/null) ]] || run rustup target add "$1"
    # ring and Zstandard are C, and musl has a compiler of its own.
    if [[ $1 == *-linux-musl && $(host) != *-musl ]] && ! command -v musl-gcc >/dev/null; then
        debian_packages musl-tools
    fi
}

# rustup_component COMMAND NAME: a component that rustup's minimal profile leaves out.
rustup_component() {
    "$1" --version >/dev/null 2>&1 || run rustup component add "$2"
}

# debian_packages NAME[=VERSION]...: installs Debian packages, as root or through sudo.
debian_packages() {
    local as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    if ! command -v apt-get >/dev/null; then
        echo "Please install ${*} yourself: this system has no apt-get." >&2
        return 1
    fi
    run "${as_root[@]}" apt-get update --quiet --quiet
    run "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "$@"
}
