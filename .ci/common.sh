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

# alone NAME COMMAND...: runs it when no other check runs one under that name.
alone() {
    local lock=.cache/$1.lock
    shift
    mkdir -p .cache
    (
        ! command -v flock >/dev/null || flock 9
        "$@" 9>&-
    ) 9>"$lock"
}

# Installs by rustup, which has no lock of its own.
rustup_alone() { run alone rustup rustup "$@"; }

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
    [[ -d $(rustc --print target-libdir --target "$1" 2>/dev/null) ]] || rustup_alone target add "$1"
    # ring and Zstandard are C, and musl has a compiler of its own.
    if [[ $1 == *-linux-musl && $(host) != *-musl ]] && ! command -v musl-gcc >/dev/null; then
        debian_packages musl-tools
    fi
}

# rustup_component COMMAND NAME: a component that rustup's minimal profile leaves out.
rustup_component() {
    "$1" --version >/dev/null 2>&1 || rustup_alone component add "$2"
}

# Runs apt-get as root, or through sudo.
apt_get() {
    local as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    run "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet "$@"
}

# with_packages COMMAND...: runs it with a fresh list of Debian's packages.
with_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "This system has no apt-get to install what is missing: $*" >&2
        return 1
    fi
    alone packages updated "$@"
}
updated() { apt_get update && "$@"; }

# debian_packages NAME[=VERSION]...: installs Debian packages.
debian_packages() { with_packages apt_get install --yes --no-install-recommends "$@"; }

# debian_files NAME FOLDER: unpacks a Debian package into a folder, and installs nothing.
debian_files() { with_packages unpacked "$@"; }
unpacked() {
    mkdir -p "$2"
    rm -f "$2/$1"_*.deb
    (cd "$2" && run apt-get --quiet --quiet download "$1" && dpkg-deb --extract "$1"_*.deb .)
}
