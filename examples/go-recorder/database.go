package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"io"
	"net"
)

// startDatabase starts a database server on loopback and opens it through
// database/sql. The server is a toy, but queries wait for a socket and for
// pooled connections just as they do with a real one.
func startDatabase() (*sql.DB, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveQueries(conn)
		}
	}()
	database := sql.OpenDB(connector(listener.Addr().String()))
	// Fewer than clients, so that some have to wait for a connection.
	database.SetMaxOpenConns(2)
	return database, func() { database.Close(); listener.Close() }, nil
}

// A query is one line of JSON to the server, a reply one line back.
type query struct {
	Text      string
	Arguments []any
}

type reply struct{ Row []any }

func serveQueries(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var q query
		if json.Unmarshal(line, &q) != nil {
			return
		}
		answer := reply{}
		if id, ok := q.Arguments[0].(string); ok && len(q.Arguments) == 1 && id != "0" {
			answer.Row = []any{id, "customer " + id, 12.25}
		}
		if json.NewEncoder(conn).Encode(answer) != nil {
			return
		}
	}
}

// A connector is the server's address.
type connector string

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", string(c))
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

func (c connector) Driver() driver.Driver { return nil }

type connection struct {
	net.Conn
	lines *bufio.Reader
}

func (c *connection) QueryContext(_ context.Context, text string, arguments []driver.NamedValue) (driver.Rows, error) {
	answer, err := c.ask(text, arguments)
	return &rows{answer.Row}, err
}

func (c *connection) ExecContext(_ context.Context, text string, arguments []driver.NamedValue) (driver.Result, error) {
	_, err := c.ask(text, arguments)
	return driver.RowsAffected(1), err
}

func (c *connection) ask(text string, arguments []driver.NamedValue) (answer reply, err error) {
	q := query{Text: text}
	for _, argument := range arguments {
		q.Arguments = append(q.Arguments, argument.Value)
	}
	if err := json.NewEncoder(c).Encode(q); err != nil {
		return answer, driver.ErrBadConn
	}
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return answer, driver.ErrBadConn
	}
	return answer, json.Unmarshal(line, &answer)
}

// The driver interface demands these two; the service uses neither.
func (c *connection) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *connection) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

type rows struct{ row []any }

func (r *rows) Columns() []string { return []string{"id", "customer", "total"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(values []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	for i, value := range r.row {
		values[i] = value
	}
	r.row = nil
	return nil
}
