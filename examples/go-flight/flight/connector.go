package flight

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"runtime/trace"
	"time"
)

// SQLOptions say which database a [driver.Connector] connects to.
type SQLOptions struct {
	// System is db.system.name of the semantic conventions: "postgresql", "mysql", "sqlite". It chooses how queries are read.
	System string
	// Database is the name of the database, for db.namespace. Empty: it is not said.
	Database string
}

// WrapConnector returns a connector whose queries are regions in the execution trace, with the query, without its literals, and
// what else there is to know:
//
//	database := sql.OpenDB(flight.WrapConnector(connector, flight.SQLOptions{System: "postgresql"}))
//
// What a driver can do besides the necessary it can do still. A connection that [database/sql.Conn.Raw] gives has a method
// Unwrap() driver.Conn, which returns the driver's own.
func WrapConnector(connector driver.Connector, options SQLOptions) driver.Connector {
	return &sqlConnector{connector, options}
}

type sqlConnector struct {
	driver.Connector
	options SQLOptions
}

func (c *sqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &sqlConn{Conn: connection, options: c.options}, nil
}

// Close closes the connector below, if it can be closed.
func (c *sqlConnector) Close() error {
	if closer, ok := c.Connector.(interface{ Close() error }); ok {
		return closer.Close()
	}
	return nil
}

// sqlConn is used by one goroutine at a time, as every [driver.Conn].
type sqlConn struct {
	driver.Conn
	options SQLOptions
	// skips says that the driver has queries with arguments prepared first: then it is the statement that tells of them.
	skips bool
}

func (c *sqlConn) Unwrap() driver.Conn { return c.Conn }

func (c *sqlConn) QueryContext(ctx context.Context, query string, arguments []driver.NamedValue) (rows driver.Rows, err error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if c.skips && len(arguments) > 0 {
		return queryer.QueryContext(ctx, query, arguments)
	}
	asked := ask(ctx, c.options, query)
	defer func() { c.skips = asked.answered(-1, err) || c.skips }()
	return queryer.QueryContext(ctx, query, arguments)
}

func (c *sqlConn) ExecContext(ctx context.Context, query string, arguments []driver.NamedValue) (result driver.Result, err error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if c.skips && len(arguments) > 0 {
		return execer.ExecContext(ctx, query, arguments)
	}
	asked := ask(ctx, c.options, query)
	defer func() { c.skips = asked.answered(rowsOf(result), err) || c.skips }()
	return execer.ExecContext(ctx, query, arguments)
}

func (c *sqlConn) Prepare(query string) (driver.Stmt, error) {
	statement, err := c.Conn.Prepare(query)
	return c.wrap(statement, query, err)
}

func (c *sqlConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		// As database/sql does it.
		statement, err := c.Conn.Prepare(query)
		if err == nil && ctx.Err() != nil {
			statement.Close()
			return nil, ctx.Err()
		}
		return c.wrap(statement, query, err)
	}
	statement, err := preparer.PrepareContext(ctx, query)
	return c.wrap(statement, query, err)
}

func (c *sqlConn) wrap(statement driver.Stmt, query string, err error) (driver.Stmt, error) {
	if err != nil {
		return nil, err
	}
	wrapped := &sqlStmt{Stmt: statement, connection: c, query: query}
	if converter, ok := statement.(driver.ColumnConverter); ok {
		return struct {
			*sqlStmt
			driver.ColumnConverter
		}{wrapped, converter}, nil
	}
	return wrapped, nil
}

func (c *sqlConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if beginner, ok := c.Conn.(driver.ConnBeginTx); ok {
		return beginner.BeginTx(ctx, options)
	}
	// As database/sql does it.
	if options.Isolation != 0 {
		return nil, errors.New("flight: the driver does not support non-default isolation level")
	}
	if options.ReadOnly {
		return nil, errors.New("flight: the driver does not support read-only transactions")
	}
	transaction, err := c.Conn.Begin() //nolint:staticcheck // all that the driver has
	if err == nil && ctx.Err() != nil {
		transaction.Rollback()
		return nil, ctx.Err()
	}
	return transaction, err
}

func (c *sqlConn) Ping(ctx context.Context) error {
	if pinger, ok := c.Conn.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

func (c *sqlConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c *sqlConn) IsValid() bool {
	validator, ok := c.Conn.(driver.Validator)
	return !ok || validator.IsValid()
}

func (c *sqlConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

type sqlStmt struct {
	driver.Stmt
	connection *sqlConn
	query      string
}

func (s *sqlStmt) QueryContext(ctx context.Context, arguments []driver.NamedValue) (rows driver.Rows, err error) {
	asked := ask(ctx, s.connection.options, s.query)
	defer func() { asked.answered(-1, err) }()
	if queryer, ok := s.Stmt.(driver.StmtQueryContext); ok {
		return queryer.QueryContext(ctx, arguments)
	}
	values, err := unnamed(ctx, arguments)
	if err != nil {
		return nil, err
	}
	return s.Stmt.Query(values) //nolint:staticcheck // all that the driver has
}

func (s *sqlStmt) ExecContext(ctx context.Context, arguments []driver.NamedValue) (result driver.Result, err error) {
	asked := ask(ctx, s.connection.options, s.query)
	defer func() { asked.answered(rowsOf(result), err) }()
	if execer, ok := s.Stmt.(driver.StmtExecContext); ok {
		return execer.ExecContext(ctx, arguments)
	}
	values, err := unnamed(ctx, arguments)
	if err != nil {
		return nil, err
	}
	return s.Stmt.Exec(values) //nolint:staticcheck // all that the driver has
}

func (s *sqlStmt) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return s.connection.CheckNamedValue(value)
}

// unnamed returns arguments for a driver that knows no names.
func unnamed(ctx context.Context, arguments []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(arguments))
	for i, argument := range arguments {
		if argument.Name != "" {
			return nil, errors.New("flight: the driver does not support named parameters")
		}
		values[i] = argument.Value
	}
	return values, ctx.Err()
}

func rowsOf(result driver.Result) int64 {
	if result == nil || observed() == nil {
		return -1
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return -1
	}
	return rows
}

// asked is a query that has not been answered. Nil is one of which nothing is recorded.
type asked struct {
	ctx     context.Context
	region  *trace.Region
	options SQLOptions
	query   string
	begin   time.Time
}

func ask(ctx context.Context, options SQLOptions, query string) *asked {
	if !CurrentFilter().Has(FilterSQL) || !isRecording() && observed() == nil {
		return nil
	}
	span, remote := innermost(ctx)
	if span == nil && remote.IsValid() && !remote.IsSampled() {
		return nil
	}
	now := time.Now()
	span.remind(now)
	return &asked{ctx, trace.StartRegion(ctx, "query"), options, query, now}
}

// answered ends the region of a query, and says whether the driver wants it another way.
func (a *asked) answered(rows int64, err error) (isSkipped bool) {
	if a == nil {
		return err == driver.ErrSkip
	}
	defer a.region.End()
	if err == driver.ErrSkip {
		return true
	}
	query := withoutLiterals(a.query)
	if isRecording() {
		a.say(query, err)
	}
	if observe := observed(); observe != nil {
		own, _ := FromContext(a.ctx)
		observe(&SQLSpan{
			Context: own, System: a.options.System, Database: a.options.Database, Query: query, Rows: rows,
			Start: a.begin, Duration: time.Since(a.begin), Err: err,
		})
	}
	return false
}

func (a *asked) say(query string, err error) {
	saying := newSaying()
	saying.field("kind", KindClient.String())
	attributes := queryAttributes(a.options.System, a.options.Database, query)
	if failure := queryError(err); failure != nil {
		saying.field("status", "error")
		saying.field("message", failure.Error())
		attributes = append(attributes, slog.String("error.type", errorType(failure)))
	}
	saying.attributes(a.ctx, ofRegion, "", attributes)
	saying.end(a.ctx, ofRegion)
}
