//! Which functions are operations: one row a library.

use go_trace_format::event::Operation;

use super::function::{Function, is_package, is_within};

/// What a goroutine does in a function that is an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// It serves a request.
    HttpServer,
    /// It makes a request.
    HttpClient,
    /// It asks a relational database.
    Sql,
    Redis,
    Mongo,
    /// It calls by gRPC.
    RpcClient,
    /// It answers a call by gRPC.
    RpcServer,
    /// It hands messages to Kafka.
    KafkaSend,
    /// It waits for messages of Kafka.
    KafkaReceive,
    /// It shakes hands.
    Tls,
    /// It looks up a name.
    Dns,
    /// It opens a connection.
    Connect,
    /// It is in a function that the user has named.
    Function,
}

impl Kind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = Self::Function as usize + 1;

    /// Whether it is a request that a goroutine serves.
    pub(crate) fn is_server(self) -> bool {
        matches!(self, Self::HttpServer | Self::RpcServer)
    }

    /// The kind of an operation that the fork tells of.
    pub(crate) fn of(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::HttpServer => Self::HttpServer,
            Operation::HttpClient => Self::HttpClient,
            Operation::Sql => Self::Sql,
            Operation::Tls => Self::Tls,
            Operation::Dns => Self::Dns,
            Operation::Connect => Self::Connect,
            _ => return None,
        })
    }
}

/// One row: the functions by which a library is entered.
#[derive(Debug)]
struct Entry {
    package: &'static str,
    receivers: Names,
    names: Names,
    kind: Kind,
}

/// Which names a row is for.
#[derive(Debug)]
enum Names {
    /// All but closures.
    Any,
    These(&'static [&'static str]),
}

impl Names {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => !name.contains('.'),
            Self::These(names) => names.contains(&name),
        }
    }
}

use Names::{Any, These};

const fn entry(package: &'static str, receivers: Names, names: Names, kind: Kind) -> Entry {
    Entry { package, receivers, names, kind }
}

/// Packages without their major version, receivers without their star.
static ENTRIES: &[Entry] = &[
    entry("net/http", These(&["serverHandler"]), These(&["ServeHTTP"]), Kind::HttpServer),
    entry("net/http", These(&["http2serverConn"]), These(&["runHandler"]), Kind::HttpServer),
    entry("net/http/internal/http2", These(&["serverConn"]), These(&["runHandler"]), Kind::HttpServer),
    entry("golang.org/x/net/http2", These(&["serverConn"]), These(&["runHandler"]), Kind::HttpServer),
    entry("net/http", These(&["Transport"]), These(&["RoundTrip", "roundTrip"]), Kind::HttpClient),
    entry(
        "golang.org/x/net/http2",
        These(&["Transport"]),
        These(&["RoundTrip", "RoundTripOpt"]),
        Kind::HttpClient,
    ),
    entry(
        "database/sql",
        These(&["DB", "Conn", "Tx", "Stmt"]),
        These(&[
            "Query",
            "QueryContext",
            "QueryRow",
            "QueryRowContext",
            "Exec",
            "ExecContext",
            "Prepare",
            "PrepareContext",
            "Ping",
            "PingContext",
            "Begin",
            "BeginTx",
            "Commit",
            "Rollback",
        ]),
        Kind::Sql,
    ),
    entry("github.com/jackc/pgx", These(&["Conn"]), These(PGX), Kind::Sql),
    entry("github.com/jackc/pgx", These(&["dbTx", "dbSimulatedNestedTx"]), These(PGX), Kind::Sql),
    entry("github.com/jackc/pgx/pgxpool", These(&["Pool", "Conn", "Tx"]), These(PGX), Kind::Sql),
    entry("github.com/redis/go-redis", Any, These(&["Process"]), Kind::Redis),
    entry("github.com/redis/go-redis", These(&["Pipeline"]), These(&["Exec"]), Kind::Redis),
    entry("github.com/go-redis/redis", Any, These(&["Process", "ProcessContext"]), Kind::Redis),
    entry("github.com/go-redis/redis", These(&["Pipeline"]), These(&["Exec", "ExecContext"]), Kind::Redis),
    entry(
        "go.mongodb.org/mongo-driver/mongo",
        These(&["Collection"]),
        These(&[
            "Aggregate",
            "BulkWrite",
            "CountDocuments",
            "DeleteMany",
            "DeleteOne",
            "Distinct",
            "Drop",
            "EstimatedDocumentCount",
            "Find",
            "FindOne",
            "FindOneAndDelete",
            "FindOneAndReplace",
            "FindOneAndUpdate",
            "InsertMany",
            "InsertOne",
            "ReplaceOne",
            "UpdateByID",
            "UpdateMany",
            "UpdateOne",
        ]),
        Kind::Mongo,
    ),
    entry(
        "go.mongodb.org/mongo-driver/mongo",
        These(&["Database", "Client"]),
        These(&["Aggregate", "BulkWrite", "Drop", "ListCollections", "ListDatabases", "Ping", "RunCommand"]),
        Kind::Mongo,
    ),
    entry("google.golang.org/grpc", These(&["ClientConn"]), These(&["Invoke"]), Kind::RpcClient),
    entry("google.golang.org/grpc", These(&["Server"]), These(&["handleStream"]), Kind::RpcServer),
    entry("github.com/segmentio/kafka-go", These(&["Writer"]), These(&["WriteMessages"]), Kind::KafkaSend),
    entry(
        "github.com/segmentio/kafka-go",
        These(&["Reader"]),
        These(&["FetchMessage", "ReadMessage"]),
        Kind::KafkaReceive,
    ),
    entry("github.com/IBM/sarama", These(&["syncProducer"]), These(SARAMA), Kind::KafkaSend),
    entry("github.com/Shopify/sarama", These(&["syncProducer"]), These(SARAMA), Kind::KafkaSend),
    entry("github.com/twmb/franz-go/pkg/kgo", These(&["Client"]), These(&["ProduceSync"]), Kind::KafkaSend),
    entry(
        "github.com/twmb/franz-go/pkg/kgo",
        These(&["Client"]),
        These(&["PollFetches", "PollRecords"]),
        Kind::KafkaReceive,
    ),
    entry(
        "github.com/confluentinc/confluent-kafka-go/kafka",
        These(&["Producer"]),
        These(&["Produce", "Flush"]),
        Kind::KafkaSend,
    ),
    entry(
        "github.com/confluentinc/confluent-kafka-go/kafka",
        These(&["Consumer"]),
        These(&["Poll", "ReadMessage"]),
        Kind::KafkaReceive,
    ),
    entry(
        "crypto/tls",
        These(&["Conn"]),
        These(&["Handshake", "HandshakeContext", "handshakeContext"]),
        Kind::Tls,
    ),
    entry("net", These(&["Resolver"]), Any, Kind::Dns),
    entry("net", These(&["sysDialer"]), These(&["dialSingle"]), Kind::Connect),
];

const PGX: &[&str] = &[
    "Begin",
    "BeginTx",
    "Commit",
    "CopyFrom",
    "Exec",
    "Ping",
    "Prepare",
    "Query",
    "QueryRow",
    "Rollback",
    "SendBatch",
];

const SARAMA: &[&str] = &["SendMessage", "SendMessages"];

/// The operation that a function is.
pub(crate) fn kind_of(function: Function<'_>) -> Option<Kind> {
    let is_it = |entry: &&Entry| {
        entry.names.has(function.name)
            && entry.receivers.has(function.receiver)
            && is_package(function.package, entry.package)
    };
    ENTRIES.iter().find(is_it).map(|entry| entry.kind)
}

/// Drivers of `database/sql` and what `db.system.name` says of their databases.
static DRIVERS: &[(&str, &str)] = &[
    ("github.com/lib/pq", "postgresql"),
    ("github.com/jackc/pgx", "postgresql"),
    ("github.com/uptrace/bun/driver/pgdriver", "postgresql"),
    ("github.com/go-sql-driver/mysql", "mysql"),
    ("github.com/mattn/go-sqlite3", "sqlite"),
    ("modernc.org/sqlite", "sqlite"),
    ("github.com/ncruces/go-sqlite3", "sqlite"),
    ("github.com/glebarez/go-sqlite", "sqlite"),
    ("github.com/microsoft/go-mssqldb", "microsoft.sql_server"),
    ("github.com/denisenkom/go-mssqldb", "microsoft.sql_server"),
    ("github.com/godror/godror", "oracle.db"),
    ("github.com/sijms/go-ora", "oracle.db"),
    ("github.com/ClickHouse/clickhouse-go", "clickhouse"),
    ("github.com/googleapis/go-sql-spanner", "gcp.spanner"),
    ("github.com/trinodb/trino-go-client/trino", "trino"),
    ("github.com/nakagami/firebirdsql", "firebirdsql"),
    ("github.com/ibmdb/go_ibm_db", "ibm.db2"),
    ("github.com/SAP/go-hdb", "sap.hana"),
];

/// The database that a driver's package is for.
pub(crate) fn database_of(package: &str) -> Option<&'static str> {
    DRIVERS.iter().find(|(driver, _)| is_within(package, driver)).map(|&(_, system)| system)
}

/// Whether a function hands a request on to the function that it calls.
pub(crate) fn is_dispatcher(function: Function<'_>) -> bool {
    let Function { package, receiver, name } = function;
    match (receiver, name) {
        ("HandlerFunc" | "ServeMux" | "serverHandler", "ServeHTTP") => package == "net/http",
        ("Context", "Next") => is_package(package, "github.com/gin-gonic/gin"),
        _ => false,
    }
}

/// What a goroutine serves that is created for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    /// A request of HTTP/2.
    Http2,
    /// A call by gRPC.
    Rpc,
}

/// What a goroutine is for that begins in a function, if it serves one request until it ends. Go:
/// `http2.serverConn.runHandler`; before Go 1.22, and where it was inlined, the closures that call it. gRPC: the closure in
/// `grpc.Server.serveStreams` that calls `handleStream`.
pub(crate) fn handler_started_by(function: Function<'_>) -> Option<Handler> {
    let (name, closure) = function.name.split_once('.').unwrap_or((function.name, ""));
    let is_wrapper = closure.starts_with("gowrap") || closure.starts_with("func");
    let is_of_http2 = match name {
        "runHandler" => closure.is_empty() || is_wrapper,
        "scheduleHandler" | "processHeaders" => is_wrapper,
        _ => false,
    };
    let is_of_rpc = name == "serveStreams" && is_wrapper && function.receiver == "Server";
    if is_of_http2 && is_server_of_http2(function) {
        Some(Handler::Http2)
    } else if is_of_rpc && is_package(function.package, "google.golang.org/grpc") {
        Some(Handler::Rpc)
    } else {
        None
    }
}

/// What is called where a handler of HTTP/2 is over, be it by a panic: what `runHandler` has deferred, or what that calls.
pub(crate) fn is_end_of_handler(function: Function<'_>) -> bool {
    function.name == "handlerDone" && !function.receiver.is_empty()
        || is_server_of_http2(function) && function.name.starts_with("runHandler.func")
}

/// How far a call by gRPC is. A call goes on, from one to the next, and waits for an answer's headers once; a call at the same
/// line that is less far is another one. Go: `grpc.ClientConn.Invoke`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Advance {
    /// Nobody knows.
    #[default]
    None,
    /// It finds a connection, and opens a stream.
    Opens,
    Sends,
    /// It waits for the headers of the answer.
    Waits,
    Receives,
    /// It does all of that again for the same call.
    TriesAgain,
}

impl Advance {
    /// Whether a call that is so far cannot come to `next`.
    pub(crate) fn is_over_at(self, next: Self) -> bool {
        match next {
            Self::None | Self::TriesAgain => false,
            Self::Waits => self >= next,
            _ => self > next,
        }
    }

    /// How far a call is that was so far, and has come to `next`.
    pub(crate) fn then(self, next: Self) -> Self {
        match next {
            Self::None => self,
            Self::TriesAgain => Self::None,
            _ => next,
        }
    }
}

/// How far a call by gRPC is in a function.
pub(crate) fn advance_in(function: Function<'_>) -> Advance {
    let Function { package, receiver, name } = function;
    match (receiver, name) {
        ("", "newClientStream") if is_package(package, "google.golang.org/grpc") => Advance::Opens,
        ("clientStream", _) if is_package(package, "google.golang.org/grpc") => match name {
            "SendMsg" => Advance::Sends,
            "RecvMsg" => Advance::Receives,
            "retryLocked" => Advance::TriesAgain,
            _ => Advance::None,
        },
        ("Stream" | "ClientStream", "waitOnHeader") if is_within(package, "google.golang.org/grpc") => {
            Advance::Waits
        }
        _ => Advance::None,
    }
}

/// Whether the garbage collector is at work, which a goroutine that allocates has to help or to start.
pub(crate) fn is_collector(function: Function<'_>) -> bool {
    let is_named = |start| function.name.starts_with(start);
    function.package == "runtime" && (is_named("gc") || is_named("mallocgc"))
}

fn is_server_of_http2(function: Function<'_>) -> bool {
    match function.package {
        "net/http" => function.receiver == "http2serverConn",
        "net/http/internal/http2" | "golang.org/x/net/http2" => function.receiver == "serverConn",
        _ => false,
    }
}

/// The method that gRPC's generated code calls by. Go: `protoc-gen-go-grpc`'s `(*greeterClient).SayHello`.
pub(crate) fn client_method(function: Function<'_>) -> Option<&str> {
    let is_generated = function.receiver.len() > "Client".len() && function.receiver.ends_with("Client");
    (is_generated && is_method(function.name)).then_some(function.name)
}

/// The method that gRPC's generated code answers. Go: `protoc-gen-go-grpc`'s `_Greeter_SayHello_Handler`.
pub(crate) fn server_method(function: Function<'_>) -> Option<&str> {
    // Of a closure, what it is called within stands where a receiver would.
    let name = if function.receiver.is_empty() { function.name } else { function.receiver };
    let (service, method) = name.strip_prefix('_')?.strip_suffix("_Handler")?.rsplit_once('_')?;
    (!service.is_empty() && is_method(method)).then_some(method)
}

fn is_method(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('.')
}

/// Whether functions of a package cannot have asked for an operation of a kind that was entered in a function of the
/// package `entry`: they are part of it.
pub(crate) fn is_of_library(kind: Kind, package: &str, entry: &str) -> bool {
    const NET: &[&str] = &["net", "crypto/tls", "golang.org/x/net", "vendor"];
    let is_base = package == "runtime" || is_within(package, "internal");
    is_base
        || match kind {
            Kind::HttpClient | Kind::Tls | Kind::Dns | Kind::Connect => {
                NET.iter().any(|base| is_within(package, base))
            }
            _ => package == entry,
        }
}

crate::saved::saved_enum!(Kind {
    0 => HttpServer,
    1 => HttpClient,
    2 => Sql,
    3 => Redis,
    4 => Mongo,
    5 => RpcClient,
    6 => RpcServer,
    7 => KafkaSend,
    8 => KafkaReceive,
    9 => Tls,
    10 => Dns,
    11 => Connect,
    12 => Function,
});

crate::saved::saved_enum!(Advance {
    0 => None,
    1 => Opens,
    2 => Sends,
    3 => Waits,
    4 => Receives,
    5 => TriesAgain,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(function: &str) -> Option<Kind> {
        kind_of(Function::parse(function))
    }

    #[test]
    fn libraries_are_known_by_their_entries() {
        for (function, expected) in [
            ("net/http.serverHandler.ServeHTTP", Some(Kind::HttpServer)),
            ("net/http.(*http2serverConn).runHandler", Some(Kind::HttpServer)),
            ("net/http/internal/http2.(*serverConn).runHandler", Some(Kind::HttpServer)),
            ("golang.org/x/net/http2.(*serverConn).runHandler", Some(Kind::HttpServer)),
            ("net/http.(*Transport).roundTrip", Some(Kind::HttpClient)),
            ("net/http.(*Client).Do", None),
            ("database/sql.(*DB).QueryContext", Some(Kind::Sql)),
            ("database/sql.(*Rows).Next", None),
            ("database/sql.(*DB).QueryContext.func1", None),
            ("github.com/jackc/pgx/v5.(*Conn).Query", Some(Kind::Sql)),
            ("github.com/jackc/pgx/v4/pgxpool.(*Pool).Exec", Some(Kind::Sql)),
            ("github.com/redis/go-redis/v9.(*Client).Process", Some(Kind::Redis)),
            ("github.com/redis/go-redis/v9.(*ClusterClient).Process", Some(Kind::Redis)),
            ("go.mongodb.org/mongo-driver/v2/mongo.(*Collection).FindOne", Some(Kind::Mongo)),
            ("google.golang.org/grpc.(*ClientConn).Invoke", Some(Kind::RpcClient)),
            ("google.golang.org/grpc.(*Server).handleStream", Some(Kind::RpcServer)),
            ("github.com/segmentio/kafka-go.(*Writer).WriteMessages", Some(Kind::KafkaSend)),
            ("github.com/IBM/sarama.(*syncProducer).SendMessage", Some(Kind::KafkaSend)),
            ("github.com/twmb/franz-go/pkg/kgo.(*Client).PollFetches", Some(Kind::KafkaReceive)),
            (
                "github.com/confluentinc/confluent-kafka-go/v2/kafka.(*Consumer).ReadMessage",
                Some(Kind::KafkaReceive),
            ),
            ("crypto/tls.(*Conn).HandshakeContext", Some(Kind::Tls)),
            ("net.(*Resolver).LookupHost", Some(Kind::Dns)),
            ("net.(*Resolver).lookupIPAddr.func1", None),
            ("net.(*sysDialer).dialSingle", Some(Kind::Connect)),
            ("example.com/net.(*Resolver).LookupHost", None),
            ("main.main", None),
        ] {
            assert_eq!(kind(function), expected, "{function}");
        }
    }

    #[test]
    fn drivers_are_known_by_their_packages() {
        for (package, system) in [
            ("github.com/lib/pq", Some("postgresql")),
            ("github.com/jackc/pgx/v5/stdlib", Some("postgresql")),
            ("github.com/go-sql-driver/mysql", Some("mysql")),
            ("github.com/sijms/go-ora/v2", Some("oracle.db")),
            ("example.com/driver", None),
        ] {
            assert_eq!(database_of(package), system, "{package}");
        }
    }

    #[test]
    fn what_is_created_for_one_request_is_known_by_how_it_begins() {
        const HTTP2: Option<Handler> = Some(Handler::Http2);
        for (function, handler) in [
            ("net/http.(*http2serverConn).runHandler", HTTP2),
            ("net/http.(*http2serverConn).scheduleHandler.gowrap1", HTTP2),
            ("net/http.(*http2serverConn).processHeaders.gowrap2", HTTP2),
            ("net/http.(*http2serverConn).processHeaders.func1", HTTP2),
            ("net/http.(*http2serverConn).processHeaders", None),
            ("net/http/internal/http2.(*serverConn).runHandler", HTTP2),
            ("golang.org/x/net/http2.(*serverConn).scheduleHandler.gowrap1", HTTP2),
            ("golang.org/x/net/http2.(*serverConn).readFrames", None),
            ("net/http.(*conn).serve", None),
            ("google.golang.org/grpc.(*Server).serveStreams.func2.1", Some(Handler::Rpc)),
            ("google.golang.org/grpc.(*Server).serveStreams", None),
            ("google.golang.org/grpc.(*Server).serverWorker", None),
            ("example.com/grpc.(*Server).serveStreams.func2.1", None),
        ] {
            assert_eq!(handler_started_by(Function::parse(function)), handler, "{function}");
        }
    }

    #[test]
    fn generated_code_tells_the_method() {
        for (function, client, server) in [
            ("example.com/pb.(*greeterClient).SayHello", Some("SayHello"), None),
            ("example.com/pb._Greeter_SayHello_Handler", None, Some("SayHello")),
            ("example.com/pb._Greeter_SayHello_Handler.func1", None, Some("SayHello")),
            ("main.call", None, None),
            ("main.(*Client).Do", None, None),
            ("main.(*apiClient).do", None, None),
            ("main._x_Handler", None, None),
        ] {
            let function = Function::parse(function);
            assert_eq!(client_method(function), client, "{function:?}");
            assert_eq!(server_method(function), server, "{function:?}");
        }
    }
}
