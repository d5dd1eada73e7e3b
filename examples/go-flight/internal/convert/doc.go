// Package convert turns execution traces into OTLP requests.
//
// The converter itself is the Rust crate trace-to-otel, compiled to WebAssembly and translated to Go: package module,
// which examples/wasm/build generates. This package is its host. It holds no cgo, starts no goroutine, and does no I/O.
package convert
