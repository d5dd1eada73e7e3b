//! Queries.

use std::sync::Arc;

use go_trace_format::{Text, event::SqlErrorCode};
use go_trace_sanitize::{Dialect, Sanitizer};
use opentelemetry_semantic_conventions::attribute::{DB_QUERY_SUMMARY, DB_QUERY_TEXT, DB_SYSTEM_NAME};

use super::{Described, OTHER, fail, torn};
use crate::{
    attribute::SQL_ROWS_AFFECTED,
    span::{Attribute, Scope, SpanKind, Status},
};

/// The database that queries go to.
#[derive(Debug)]
pub(super) struct Database {
    system_name: Arc<str>,
    dialect: Dialect,
}

impl Database {
    pub(super) fn new(system_name: Arc<str>) -> Self {
        Self { dialect: Dialect::from_db_system_name(&system_name), system_name }
    }
}

pub(super) fn query(text: Text<'_>, database: &Database, sanitizer: &Sanitizer) -> Described {
    let text = torn::whole(text.as_bytes());
    let query = sanitizer.sql_in(&text, database.dialect);
    let summary: Arc<str> = sanitizer.sql_summary(&text, database.dialect).into();
    let name = if summary.is_empty() { &database.system_name } else { &summary };
    let mut described = Described::new(Scope::Sql, SpanKind::Client, Arc::clone(name))
        .with(Attribute::new(DB_SYSTEM_NAME, Arc::clone(&database.system_name)));
    if !query.is_empty() {
        described.attributes.push(Attribute::new(DB_QUERY_TEXT, &*query));
    }
    if !summary.is_empty() {
        described.attributes.push(Attribute::new(DB_QUERY_SUMMARY, summary));
    }
    described
}

pub(super) fn end(
    rows_affected: Option<u64>,
    error: SqlErrorCode,
    attributes: &mut Vec<Attribute>,
) -> Status {
    if let Some(rows) = rows_affected.and_then(|rows| i64::try_from(rows).ok()) {
        attributes.push(Attribute::new(SQL_ROWS_AFFECTED, rows));
    }
    let error_type = match error {
        SqlErrorCode::None => return Status::Unset,
        SqlErrorCode::Timeout => "timeout",
        SqlErrorCode::Canceled => "canceled",
        SqlErrorCode::Connection => "connection",
        SqlErrorCode::Syntax => "syntax",
        SqlErrorCode::Constraint => "constraint",
        _ => OTHER,
    };
    fail(error_type, attributes)
}

#[cfg(test)]
mod tests {
    use go_trace_format::event::{Operation, Outcome};

    use super::*;
    use crate::operations::{
        Describer,
        tests::{begin, end, listed},
    };

    #[test]
    fn a_query_is_named_by_its_summary() {
        let described = begin(Operation::Sql, "SELECT a FROM t WHERE s = 's3cr3t'").expect("a span");
        assert_eq!((&*described.name, described.kind), ("SELECT t", SpanKind::Client));
        assert_eq!(
            listed(&described.attributes),
            [
                "db.system.name=other_sql",
                "db.query.text=SELECT a FROM t WHERE s = ?",
                "db.query.summary=SELECT t"
            ]
        );
    }

    #[test]
    fn an_empty_query_is_named_by_its_database() {
        let described = begin(Operation::Sql, "").expect("a span");
        assert_eq!(&*described.name, "other_sql");
        assert_eq!(listed(&described.attributes), ["db.system.name=other_sql"]);
    }

    #[test]
    fn the_database_chooses_the_dialect() {
        let query = |system: &str| {
            let mut describer = Describer::new(Sanitizer::new(), system.into());
            let text = Text::from(b"SELECT `a` # 's3cr3t\nFROM t".as_slice());
            let described = describer.begin(Operation::Sql, text).expect("a span");
            listed(&described.attributes)
        };
        assert_eq!(query("mysql")[..2], ["db.system.name=mysql", "db.query.text=SELECT `a` \nFROM t"]);
        assert_eq!(query("postgresql")[0], "db.system.name=postgresql");
        assert_eq!(query("other_sql")[0], "db.system.name=other_sql");
    }

    #[test]
    fn a_query_fails_by_its_code() {
        let outcome =
            |rows_affected, number| Outcome::Sql { rows_affected, error: SqlErrorCode::from_number(number) };
        assert_eq!(end(outcome(None, 0)), (Status::Unset, Vec::new()));
        assert_eq!(end(outcome(Some(3), 0)).1, ["gotrace.sql.rows_affected=3"]);
        assert_eq!(end(outcome(Some(u64::MAX), 0)).1, [""; 0]);
        for (number, name) in [
            (1, "timeout"),
            (2, "canceled"),
            (3, "connection"),
            (4, "syntax"),
            (5, "constraint"),
            (6, "_OTHER"),
            (9, "_OTHER"),
        ] {
            assert_eq!(end(outcome(None, number)), (Status::ERROR, vec![format!("error.type={name}")]));
        }
    }
}
