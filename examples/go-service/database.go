package main

import (
	"bufio"
	"context"
	"database/sql/driver"
	"io"
	"net"
)

// A driver whose database echoes each query: it waits for a socket as a real one does.
type connector string

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", string(c))
	if err != nil {
		return nil, err
	}
	return &conn{Conn: connection, lines: bufio.NewReader(connection)}, nil
}

func (c connector) Driver() driver.Driver { return nil }

type conn struct {
	net.Conn
	lines *bufio.Reader
}

func (c *conn) ask(query string) (string, error) {
	if _, err := c.Write([]byte(query + "\n")); err != nil {
		return "", driver.ErrBadConn
	}
	return c.lines.ReadString('\n')
}

func (c *conn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	answer, err := c.ask(query)
	return &rows{answer: answer}, err
}

func (c *conn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	_, err := c.ask(query)
	return driver.RowsAffected(1), err
}

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }

func (c *conn) Begin() (driver.Tx, error) { return nil, driver.ErrSkip }

// rows is one row of one column.
type rows struct {
	answer string
	isRead bool
}

func (r *rows) Columns() []string { return []string{"answer"} }

func (r *rows) Close() error { return nil }

func (r *rows) Next(row []driver.Value) error {
	if r.isRead {
		return io.EOF
	}
	r.isRead, row[0] = true, r.answer
	return nil
}

// serveDatabase answers each line with itself.
func serveDatabase(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			lines := bufio.NewReader(connection)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if _, err := connection.Write([]byte(line)); err != nil {
					return
				}
			}
		}()
	}
}
