//! Sending, to receivers on loopback that do what receivers do, and what they should not.
#![cfg(all(feature = "http", feature = "grpc"))]

mod blocking;
mod config;
mod grpc;
mod grpc_receiver;
mod http;
mod http_receiver;
#[cfg(feature = "profiles")]
mod profiles;
mod retry;
#[cfg(feature = "sdk")]
mod sdk;
mod splitting;
mod support;
mod tls;
