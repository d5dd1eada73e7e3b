//! `OTEL_EXPORTER_OTLP_*`.

use std::{collections::HashMap, time::Duration};

use trace_to_otel::otlp::{Compression, Config, ConfigError, Headers, Protocol, Settings, Signal};

fn environment(text: &str) -> HashMap<String, String> {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').expect("a pair"));
    pairs.map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), value.to_owned())).collect()
}

fn read(signal: Signal, text: &str) -> Result<Config, ConfigError> {
    let environment = environment(text);
    Config::from_environment(signal, |name| environment.get(name).cloned())
}

fn endpoint(signal: Signal, text: &str) -> String {
    read(signal, text).unwrap().endpoint.to_string()
}

#[test]
fn defaults() {
    let config = read(Signal::Traces, "").unwrap();
    assert_eq!(config.signal, Signal::Traces);
    assert_eq!(config.protocol, Protocol::HttpProtobuf);
    assert_eq!(config.endpoint.to_string(), "http://localhost:4318/v1/traces");
    assert_eq!(config.timeout, Some(Duration::from_secs(10)));
    assert_eq!(config.compression, Compression::None);
    assert_eq!(config.headers, Headers::new());
    assert_eq!((config.certificate, config.client), (None, None));
}

#[test]
fn endpoints() {
    use Signal::{Logs, Metrics, Traces};
    for (signal, text, expected) in [
        (Traces, "PROTOCOL=http/json", "http://localhost:4318/v1/traces"),
        (Metrics, "PROTOCOL=http/protobuf", "http://localhost:4318/v1/metrics"),
        (Logs, "", "http://localhost:4318/v1/logs"),
        (Traces, "PROTOCOL=grpc", "http://localhost:4317/"),
        // A general one over HTTP is where the signals' paths begin.
        (Traces, "ENDPOINT=http://a:4318", "http://a:4318/v1/traces"),
        (Traces, "ENDPOINT=http://a:4318/", "http://a:4318/v1/traces"),
        (Metrics, "ENDPOINT=https://a/base", "https://a/base/v1/metrics"),
        (Logs, "ENDPOINT=https://a/base/", "https://a/base/v1/logs"),
        (Logs, "ENDPOINT=https://a/base?k=v", "https://a/base/v1/logs?…"),
        // One of the signal is used as it is.
        (Traces, "ENDPOINT=http://a TRACES_ENDPOINT=http://b:9/x", "http://b:9/x"),
        (Metrics, "ENDPOINT=http://a TRACES_ENDPOINT=http://b:9/x", "http://a/v1/metrics"),
        (Traces, "TRACES_ENDPOINT=http://b:9", "http://b:9/"),
        (Traces, "TRACES_ENDPOINT=http://b:9/x/", "http://b:9/x/"),
        // gRPC has no paths of that kind.
        (Traces, "PROTOCOL=grpc ENDPOINT=http://a:4317", "http://a:4317/"),
        (Traces, "PROTOCOL=grpc TRACES_ENDPOINT=https://a:4317", "https://a:4317/"),
        // Without a scheme.
        (Traces, "ENDPOINT=a:4318", "http://a:4318/v1/traces"),
        (Traces, "ENDPOINT=127.0.0.1:4318/base", "http://127.0.0.1:4318/base/v1/traces"),
        (Traces, "ENDPOINT=[::1]:4318", "http://[::1]:4318/v1/traces"),
        (Traces, "ENDPOINT=localhost", "http://localhost/v1/traces"),
        (Traces, "PROTOCOL=grpc ENDPOINT=a:4317", "http://a:4317/"),
        (Traces, "PROTOCOL=grpc ENDPOINT=a:4317 INSECURE=true", "http://a:4317/"),
        (Traces, "PROTOCOL=grpc ENDPOINT=a:4317 INSECURE=False", "https://a:4317/"),
        // That is for gRPC only, and for endpoints without a scheme.
        (Traces, "ENDPOINT=a:4318 INSECURE=false", "http://a:4318/v1/traces"),
        (Traces, "PROTOCOL=grpc ENDPOINT=http://a:4317 INSECURE=false", "http://a:4317/"),
        (Traces, "PROTOCOL=grpc ENDPOINT=https://a:4317 INSECURE=true", "https://a:4317/"),
        // An empty one counts as unset.
        (Traces, "ENDPOINT=", "http://localhost:4318/v1/traces"),
        (Traces, "ENDPOINT=http://a TRACES_ENDPOINT=", "http://a/v1/traces"),
    ] {
        assert_eq!(endpoint(signal, text), expected, "{text}");
    }
}

#[test]
fn a_variable_of_the_signal_goes_first() {
    let general = "PROTOCOL=http/json TIMEOUT=5 COMPRESSION=gzip HEADERS=a=1,b=2 CERTIFICATE=ca.pem \
                   CLIENT_CERTIFICATE=me.pem CLIENT_KEY=me.key";
    let special = "TRACES_PROTOCOL=grpc TRACES_TIMEOUT=7 TRACES_COMPRESSION=zstd TRACES_HEADERS=c=3 \
                   TRACES_CERTIFICATE=ca2.pem TRACES_CLIENT_KEY=me2.key";
    let config = read(Signal::Traces, &format!("{general} {special}")).unwrap();
    assert_eq!((config.protocol, config.compression), (Protocol::Grpc, Compression::Zstd));
    assert_eq!(config.timeout, Some(Duration::from_millis(7)));
    assert_eq!(config.headers, Headers::new().with("c", "3").unwrap());
    assert_eq!(config.certificate.unwrap().to_str(), Some("ca2.pem"));
    let client = config.client.unwrap();
    assert_eq!((client.certificate.to_str(), client.key.to_str()), (Some("me.pem"), Some("me2.key")));

    let config = read(Signal::Logs, &format!("{general} {special}")).unwrap();
    assert_eq!((config.protocol, config.compression), (Protocol::HttpJson, Compression::Gzip));
    assert_eq!(config.timeout, Some(Duration::from_millis(5)));
    assert_eq!(config.headers, Headers::parse("a=1,b=2").unwrap());
    assert_eq!(config.certificate.unwrap().to_str(), Some("ca.pem"));
}

#[test]
fn no_timeout() {
    assert_eq!(read(Signal::Traces, "TIMEOUT=0").unwrap().timeout, None);
}

#[test]
fn headers() {
    for (list, expected) in [
        ("", vec![]),
        ("api-key=abc", vec![("api-key", "abc")]),
        (" A = 1 ,, b=2, ", vec![("a", "1"), ("b", "2")]),
        ("Authorization=Bearer%20x%3Dy", vec![("authorization", "Bearer x=y")]),
        ("authorization=Basic dXNlcjpwYXNz==", vec![("authorization", "Basic dXNlcjpwYXNz==")]),
        ("a=1,a=2", vec![("a", "2")]),
        ("empty=", vec![("empty", "")]),
    ] {
        let expected = expected
            .into_iter()
            .fold(Headers::new(), |headers, (key, value)| headers.with(key, value).unwrap());
        assert_eq!(Headers::parse(list).unwrap(), expected, "{list}");
    }
    assert_ne!(Headers::parse("a=1").unwrap(), Headers::parse("a=2").unwrap());
}

#[test]
fn what_is_wrong_is_named() {
    for (text, variable) in [
        ("PROTOCOL=http", "PROTOCOL"),
        ("TRACES_PROTOCOL=HTTP/JSON", "TRACES_PROTOCOL"),
        ("COMPRESSION=brotli", "COMPRESSION"),
        ("TIMEOUT=10s", "TIMEOUT"),
        ("TRACES_TIMEOUT=-1", "TRACES_TIMEOUT"),
        ("INSECURE=yes", "INSECURE"),
        ("ENDPOINT=grpc://a:1", "ENDPOINT"),
        ("ENDPOINT=http://", "ENDPOINT"),
        ("ENDPOINT=http://s3cr3t@a", "ENDPOINT"),
        ("ENDPOINT=a:s3cr3t@host:4318", "ENDPOINT"),
        ("ENDPOINT=http://a:99999", "ENDPOINT"),
        ("ENDPOINT=http://a:0", "ENDPOINT"),
        ("ENDPOINT=http://a:", "ENDPOINT"),
        ("TRACES_ENDPOINT=http://a/<s3cr3t>", "TRACES_ENDPOINT"),
        ("HEADERS=a=1,s3cr3t", "HEADERS"),
        ("TRACES_HEADERS=(a)=s3cr3t", "TRACES_HEADERS"),
        ("HEADERS=a=s3cr3t%0A", "HEADERS"),
        ("HEADERS==s3cr3t", "HEADERS"),
        ("HEADERS=content-type=s3cr3t", "HEADERS"),
        ("HEADERS=grpc-timeout=s3cr3t", "HEADERS"),
    ] {
        let error = read(Signal::Traces, text).expect_err(text);
        assert_eq!(error.setting(), format!("OTEL_EXPORTER_OTLP_{variable}"), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.starts_with(error.setting()) && !shown.contains("s3cr3t"), "{shown}");
    }
    for text in ["CLIENT_KEY=me.key", "CLIENT_CERTIFICATE=me.pem"] {
        let error = read(Signal::Traces, text).unwrap_err().to_string();
        assert!(
            error.contains("OTEL_EXPORTER_OTLP_CLIENT_KEY")
                && error.contains("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
            "{error}"
        );
    }
    // What is not of this signal is nobody's business.
    assert!(read(Signal::Logs, "TRACES_TIMEOUT=never METRICS_PROTOCOL=x").is_ok());
}

#[test]
fn sources_in_order() {
    let environment =
        environment("TRACES_ENDPOINT=http://environment/x PROTOCOL=http/json TIMEOUT=5 HEADERS=a=1");
    let environment =
        Settings::from_environment(Signal::Traces, |name| environment.get(name).cloned()).unwrap();
    let file = Settings::new().with_timeout(Duration::from_secs(2)).with_compression(Compression::Gzip);
    let flags =
        Settings::new().with_endpoint("flag:1").unwrap().with_headers(Headers::new().with("b", "2").unwrap());
    let config = flags.or(file).or(environment.clone()).resolve(Signal::Traces).unwrap();
    assert_eq!(config.endpoint.to_string(), "http://flag:1/v1/traces");
    assert_eq!((config.protocol, config.compression), (Protocol::HttpJson, Compression::Gzip));
    assert_eq!(config.timeout, Some(Duration::from_secs(2)));
    assert_eq!(config.headers.names().collect::<Vec<_>>(), ["b"]);

    let exact = Settings::new().with_exact_endpoint("flag:1/x").unwrap().with_insecure(false);
    let config = exact.with_protocol(Protocol::Grpc).or(environment).resolve(Signal::Traces).unwrap();
    assert_eq!(config.endpoint.to_string(), "https://flag:1/x");
    assert!(config.endpoint.is_encrypted());
}
