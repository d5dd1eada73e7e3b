//! The dialects by name.

use core::fmt;
use core::str::FromStr;

/// The SQL dialect a text is written in: what counts as a string, a comment, an identifier (the table in [`sql`](crate::sql)).
///
/// [`Generic`](Self::Generic) is for text of unknown origin. It knows the literals of every dialect, and where two of them would
/// read a text differently it drops the rest ([rule S9](crate#the-rules)); name the dialect to keep more.
///
/// The lower-case names, those of [`Display`](fmt::Display), and their aliases are read by [`FromStr`] in any letter case:
///
/// ```
/// use go_trace_sanitize::Dialect;
///
/// assert_eq!("CockroachDB".parse(), Ok(Dialect::Postgres));
/// assert_eq!(Dialect::MsSql.to_string(), "mssql");
/// assert_eq!(Dialect::from_db_system_name("microsoft.sql_server"), Dialect::MsSql);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dialect {
    /// Unknown: every dialect's literals, and no guessing.
    #[default]
    Generic,
    /// Standard SQL.
    Ansi,
    /// PostgreSQL, CockroachDB, DuckDB and their relatives.
    Postgres,
    /// Amazon Redshift: PostgreSQL whose strings may or may not read backslashes as escapes.
    Redshift,
    /// MySQL and MariaDB.
    MySql,
    /// Microsoft SQL Server.
    MsSql,
    /// Oracle Database.
    Oracle,
    /// SQLite.
    Sqlite,
    /// Snowflake.
    Snowflake,
    /// Google BigQuery.
    BigQuery,
    /// Apache Spark and Databricks.
    Spark,
    /// Apache Hive: Spark with comments that do not nest.
    Hive,
    /// ClickHouse.
    ClickHouse,
    /// Apache Cassandra (CQL).
    Cassandra,
    /// IBM Db2.
    Db2,
    /// SAP HANA.
    SapHana,
    /// Trino and Presto.
    Trino,
}

/// Every name of a dialect, the one that [`Dialect::name`] gives first. OpenTelemetry's `db.system.name` values are among them.
const NAMES: [(Dialect, &[&str]); 17] = [
    (Dialect::Generic, &["generic", "other_sql"]),
    (Dialect::Ansi, &["ansi", "sql", "sql92", "standard"]),
    (
        Dialect::Postgres,
        &[
            "postgres",
            "postgresql",
            "pg",
            "pgx",
            "pq",
            "cockroachdb",
            "cockroach",
            "duckdb",
            "yugabytedb",
            "timescaledb",
            "greenplum",
        ],
    ),
    (Dialect::Redshift, &["redshift", "aws.redshift"]),
    (Dialect::MySql, &["mysql", "mariadb", "tidb", "vitess", "singlestore"]),
    (Dialect::MsSql, &["mssql", "sqlserver", "sql_server", "tsql", "microsoft.sql_server"]),
    (Dialect::Oracle, &["oracle", "oracle.db", "plsql", "godror"]),
    (Dialect::Sqlite, &["sqlite", "sqlite3"]),
    (Dialect::Snowflake, &["snowflake"]),
    (Dialect::BigQuery, &["bigquery", "gcp.bigquery"]),
    (Dialect::Spark, &["spark", "sparksql", "databricks"]),
    (Dialect::Hive, &["hive"]),
    (Dialect::ClickHouse, &["clickhouse"]),
    (Dialect::Cassandra, &["cassandra", "cql", "scylla", "scylladb"]),
    (Dialect::Db2, &["db2", "ibm.db2"]),
    (Dialect::SapHana, &["saphana", "hana", "hanadb", "hdb", "sap.hana"]),
    (Dialect::Trino, &["trino", "presto", "athena"]),
];

impl Dialect {
    /// Every dialect, in the order of the declaration.
    pub const ALL: [Self; NAMES.len()] = {
        let mut all = [Self::Generic; NAMES.len()];
        let mut index = 0;
        while index < NAMES.len() {
            all[index] = NAMES[index].0;
            index += 1;
        }
        all
    };

    /// The lower-case name, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1[0]
    }

    /// The dialect of a database that OpenTelemetry's attribute `db.system.name` names, such as `postgresql`, `mariadb`,
    /// `microsoft.sql_server` or `oracle.db`; also of the older `db.system` values and of every alias. Generic when unknown.
    #[must_use]
    pub fn from_db_system_name(name: &str) -> Self {
        name.parse().unwrap_or_default()
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = ParseDialectError;

    fn from_str(name: &str) -> Result<Self, ParseDialectError> {
        let known = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        NAMES.iter().find(|(_, names)| known(names)).map(|&(dialect, _)| dialect).ok_or(ParseDialectError(()))
    }
}

/// A text is not the name of a [`Dialect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDialectError(());

impl fmt::Display for ParseDialectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown SQL dialect; use one of")?;
        Dialect::ALL.iter().try_for_each(|dialect| write!(f, " {dialect}"))
    }
}

impl core::error::Error for ParseDialectError {}
