//! Queries.

use opentelemetry_semantic_conventions::attribute::{DB_QUERY_SUMMARY, DB_QUERY_TEXT, DB_SYSTEM_NAME};

use super::{number, text, view};
use crate::{
    attribute::SQL_ROWS_AFFECTED,
    span::{Scope, Span},
};

/// A query.
#[derive(Clone, Copy, Debug)]
pub struct SqlSpan<'s>(&'s Span);

view!(SqlSpan);

impl<'s> SqlSpan<'s> {
    /// A look at a span, if it is of a query.
    #[must_use]
    pub fn of(span: &'s Span) -> Option<Self> {
        (span.scope == Scope::Sql).then_some(Self(span))
    }

    /// The query, sanitized: without its values.
    #[must_use]
    pub fn query(&self) -> Option<&'s str> {
        text(self.0, DB_QUERY_TEXT)
    }

    /// What it does to which tables: `SELECT orders`.
    #[must_use]
    pub fn summary(&self) -> Option<&'s str> {
        text(self.0, DB_QUERY_SUMMARY)
    }

    /// Which database was asked, as [`MapperOptions::db_system_name`](crate::MapperOptions::db_system_name) says; none
    /// where that says nothing.
    #[must_use]
    pub fn database(&self) -> Option<&'s str> {
        text(self.0, DB_SYSTEM_NAME).filter(|&name| name != "other_sql")
    }

    /// How many rows it has changed.
    #[must_use]
    pub fn rows_affected(&self) -> Option<u64> {
        number(self.0, SQL_ROWS_AFFECTED)
    }
}
