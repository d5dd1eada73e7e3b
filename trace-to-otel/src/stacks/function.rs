//! Names of functions as the linker writes them, taken apart. Go: `runtime.Func.Name`.

/// `net/http.(*Transport).RoundTrip`: package, receiver and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function<'n> {
    pub(crate) package: &'n str,
    /// The receiver's type, without a star; empty for a plain function.
    pub(crate) receiver: &'n str,
    /// The method or function; of a closure also what it is called within: `lookupIPAddr.func2`.
    pub(crate) name: &'n str,
}

impl<'n> Function<'n> {
    pub(crate) fn parse(function: &'n str) -> Self {
        // Dots in the last element of a path are escaped.
        let element = function.rfind('/').map_or(0, |slash| slash + 1);
        let end = function[element..].find('.').map_or(function.len(), |dot| element + dot);
        let package = &function[..end];
        let symbol = function.get(end + 1..).unwrap_or("");
        let (receiver, name) = match symbol.strip_prefix('(').and_then(|rest| rest.split_once(").")) {
            Some((receiver, name)) => (receiver.trim_start_matches('*'), name),
            None => match symbol.split_once('.') {
                // The dots of `Map[...]` are none.
                Some((receiver, name)) if !receiver.contains('[') => (receiver, name),
                _ => ("", symbol),
            },
        };
        Self { package, receiver: without_type_arguments(receiver), name: without_type_arguments(name) }
    }
}

/// `Pool[...]` is called `Pool`.
fn without_type_arguments(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// Whether a package is one that the table names, in whatever major version: `github.com/redis/go-redis/v9` is
/// `github.com/redis/go-redis`.
pub(crate) fn is_package(package: &str, listed: &str) -> bool {
    let mut elements = package.split('/');
    listed.split('/').all(|wanted| elements.by_ref().find(|element| !is_version(element)) == Some(wanted))
        && elements.all(is_version)
}

/// Whether a package is one that the table names, or one below it.
pub(crate) fn is_within(package: &str, listed: &str) -> bool {
    let mut elements = package.split('/');
    listed.split('/').all(|wanted| elements.by_ref().find(|element| !is_version(element)) == Some(wanted))
}

fn is_version(element: impl AsRef<str>) -> bool {
    let number = element.as_ref().strip_prefix('v');
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        for (function, package, receiver, name) in [
            ("net/http.(*Transport).RoundTrip", "net/http", "Transport", "RoundTrip"),
            ("net/http.HandlerFunc.ServeHTTP", "net/http", "HandlerFunc", "ServeHTTP"),
            ("main.main", "main", "", "main"),
            ("net.(*Resolver).lookupIPAddr.func2", "net", "Resolver", "lookupIPAddr.func2"),
            ("gopkg.in/yaml%2ev3.(*Decoder).Decode", "gopkg.in/yaml%2ev3", "Decoder", "Decode"),
            ("example.com/a/v2.(*Pool[...]).Get", "example.com/a/v2", "Pool", "Get"),
            ("example.com/a.Map[...]", "example.com/a", "", "Map"),
            ("", "", "", ""),
            ("nothing", "nothing", "", ""),
            ("a/", "a/", "", ""),
            (".", "", "", ""),
        ] {
            assert_eq!(Function::parse(function), Function { package, receiver, name }, "{function}");
        }
    }

    #[test]
    fn versions_of_packages_are_one() {
        for (package, listed, is_same, is_part) in [
            ("github.com/redis/go-redis/v9", "github.com/redis/go-redis", true, true),
            ("github.com/jackc/pgx/v5/pgxpool", "github.com/jackc/pgx/pgxpool", true, true),
            ("github.com/jackc/pgx/v5/pgxpool", "github.com/jackc/pgx", false, true),
            ("go.mongodb.org/mongo-driver/v2/mongo", "go.mongodb.org/mongo-driver/mongo", true, true),
            ("net/http", "net/http", true, true),
            ("net/http/httputil", "net/http", false, true),
            ("net", "net/http", false, false),
            ("example.com/net/http", "net/http", false, false),
            ("net/vhttp", "net", false, true),
        ] {
            assert_eq!(is_package(package, listed), is_same, "{package} {listed}");
            assert_eq!(is_within(package, listed), is_part, "{package} {listed}");
        }
    }
}
