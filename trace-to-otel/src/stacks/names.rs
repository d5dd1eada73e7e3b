//! What operations are called that only stacks tell of, and what is said of them: by the conventions as the fork's, as
//! far as a stack can tell.

use std::sync::Arc;

use opentelemetry_semantic_conventions::attribute::{
    DB_SYSTEM_NAME, HTTP_REQUEST_METHOD, MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE,
    MESSAGING_SYSTEM, RPC_METHOD, RPC_SYSTEM_NAME,
};

use crate::{
    operations::Side,
    span::{Attribute, Scope, SpanKind},
    stacks::entries::Kind,
};

/// What an operation is called.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) scope: Scope,
    pub(crate) kind: SpanKind,
    pub(crate) name: Arc<str>,
    pub(crate) attributes: Vec<Attribute>,
}

impl Kind {
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::HttpServer | Self::HttpClient => Scope::Http,
            Self::Sql => Scope::Sql,
            Self::Redis | Self::Mongo => Scope::Database,
            Self::RpcClient | Self::RpcServer => Scope::Rpc,
            Self::KafkaSend | Self::KafkaReceive => Scope::Messaging,
            Self::Tls => Scope::Tls,
            Self::Dns | Self::Connect => Scope::Net,
            Self::Function => Scope::Function,
        }
    }

    fn span_kind(self) -> SpanKind {
        match self {
            Self::HttpServer | Self::RpcServer => SpanKind::Server,
            Self::Tls | Self::Dns | Self::Connect => SpanKind::Internal,
            _ => SpanKind::Client,
        }
    }
}

/// The name and what is known, given the database of queries, the method of a remote call or the function, and the side
/// of a handshake.
pub(crate) fn named(kind: Kind, database: &Arc<str>, called: Option<&Arc<str>>, side: Option<Side>) -> Named {
    let text = |key: &'static str, value: &'static str| Attribute::new(key, value);
    let (name, attributes): (Arc<str>, _) = match kind {
        // A trace holds no methods.
        Kind::HttpServer | Kind::HttpClient => ("HTTP".into(), vec![text(HTTP_REQUEST_METHOD, "_OTHER")]),
        Kind::Sql => (Arc::clone(database), vec![Attribute::new(DB_SYSTEM_NAME, Arc::clone(database))]),
        Kind::Redis => ("redis".into(), vec![text(DB_SYSTEM_NAME, "redis")]),
        Kind::Mongo => ("mongodb".into(), vec![text(DB_SYSTEM_NAME, "mongodb")]),
        Kind::RpcClient | Kind::RpcServer => {
            let mut attributes = vec![text(RPC_SYSTEM_NAME, "grpc")];
            attributes.extend(called.map(|method| Attribute::new(RPC_METHOD, Arc::clone(method))));
            (called.map_or_else(|| "grpc".into(), Arc::clone), attributes)
        }
        Kind::KafkaSend => ("send".into(), messaging("send")),
        Kind::KafkaReceive => ("receive".into(), messaging("receive")),
        Kind::Tls => {
            let name = match side {
                Some(Side::Client) => "TLS client handshake",
                Some(Side::Server) => "TLS server handshake",
                None => "TLS handshake",
            };
            (name.into(), Vec::new())
        }
        Kind::Dns => ("DNS lookup".into(), Vec::new()),
        Kind::Connect => ("socket connect".into(), Vec::new()),
        Kind::Function => (called.map_or_else(|| "(function)".into(), Arc::clone), Vec::new()),
    };
    Named { scope: kind.scope(), kind: kind.span_kind(), name, attributes }
}

fn messaging(operation: &'static str) -> Vec<Attribute> {
    vec![
        Attribute::new(MESSAGING_SYSTEM, "kafka"),
        Attribute::new(MESSAGING_OPERATION_NAME, operation),
        Attribute::new(MESSAGING_OPERATION_TYPE, operation),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_that_a_stack_does_not_tell() {
        for (kind, called, side, name, attributes) in [
            (Kind::HttpServer, None, None, "HTTP", &["http.request.method=_OTHER"][..]),
            (Kind::HttpClient, None, None, "HTTP", &["http.request.method=_OTHER"]),
            (Kind::Sql, None, None, "postgresql", &["db.system.name=postgresql"]),
            (Kind::Redis, None, None, "redis", &["db.system.name=redis"]),
            (Kind::RpcClient, None, None, "grpc", &["rpc.system.name=grpc"]),
            (Kind::RpcServer, Some("Say"), None, "Say", &["rpc.system.name=grpc", "rpc.method=Say"]),
            (
                Kind::KafkaSend,
                None,
                None,
                "send",
                &["messaging.system=kafka", "messaging.operation.name=send", "messaging.operation.type=send"],
            ),
            (Kind::Tls, None, Some(Side::Client), "TLS client handshake", &[]),
            (Kind::Tls, None, None, "TLS handshake", &[]),
            (Kind::Dns, None, None, "DNS lookup", &[]),
            (Kind::Connect, None, None, "socket connect", &[]),
            (Kind::Function, Some("main.ask"), None, "main.ask", &[]),
        ] {
            let called: Option<Arc<str>> = called.map(Arc::from);
            let named = named(kind, &"postgresql".into(), called.as_ref(), side);
            let said: Vec<_> = named
                .attributes
                .iter()
                .map(|attribute| format!("{}={}", attribute.key, attribute.value))
                .collect();
            assert_eq!(
                (&*named.name, &said[..]),
                (name, &attributes.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..])
            );
        }
    }
}
