package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// A shelf is a database of one number for each query and id. It takes its time, as databases do.
type shelf struct{}

func (shelf) Connect(context.Context) (driver.Conn, error) { return shelf{}, nil }
func (shelf) Driver() driver.Driver                        { return shelf{} }
func (shelf) Open(string) (driver.Conn, error)             { return shelf{}, nil }
func (shelf) Begin() (driver.Tx, error)                    { return nil, errors.New("a shelf has no transactions") }
func (shelf) Close() error                                 { return nil }

func (shelf) Prepare(query string) (driver.Stmt, error) { return lookup(query), nil }

// A lookup is a query of a shelf.
type lookup string

func (lookup) Close() error  { return nil }
func (lookup) NumInput() int { return 1 }

func (lookup) Exec([]driver.Value) (driver.Result, error) {
	return nil, errors.New("a shelf cannot be changed")
}

func (l lookup) Query(arguments []driver.Value) (driver.Rows, error) {
	time.Sleep(time.Millisecond + rand.N(4*time.Millisecond))
	hash := fnv.New32()
	io.WriteString(hash, string(l))
	if id, ok := arguments[0].(string); ok {
		io.WriteString(hash, id)
	}
	return &found{value: int64(hash.Sum32() % 1000)}, nil
}

// found is a result of one row.
type found struct {
	value int64
	read  bool
}

func (*found) Columns() []string { return []string{"value"} }
func (*found) Close() error      { return nil }

func (f *found) Next(row []driver.Value) error {
	if f.read {
		return io.EOF
	}
	f.read, row[0] = true, f.value
	return nil
}
