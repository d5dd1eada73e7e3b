package flight

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
)

func TestQueriesLoseTheirLiterals(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT a FROM t WHERE b = 's3cr3t' AND c=53": "SELECT a FROM t WHERE b = ? AND c=?",
		"SELECT 'it''s' || \"x\"":                     "SELECT ? || ?",
		"SELECT $1, :name, @p2, ?3, t.c4":             "SELECT $1, :name, @p2, ?3, t.c4",
		"SELECT 'a\\' s3cr3t":                         "SELECT ?",
		"SELECT 'a\\\\', 1":                           "SELECT ?, ?",
		"SELECT $$s3cr3t$$":                           "SELECT ?",
		"SELECT $tag$s3cr3t$tag$":                     "SELECT ?",
		"SELECT 1 -- s3cr3t\nFROM t # s3cr3t":         "SELECT ? \nFROM t ",
		"SELECT /* s3cr3t */ 1e-9, 0xff, N's3cr3t'":   "SELECT   ?-?, ?, ?",
		"SELECT TRUE, 'unterminated s3cr3t":           "SELECT ?, ?",
		"SELECT /* /* s3cr3t */ 's3cr3t'":             "SELECT ",
		"SELECT 1.5 FROM größe":                       "SELECT ? FROM größe",
	} {
		if got := withoutLiterals(query); got != want {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

// plain can do what a driver must; full can do all.
type plain struct{ log *[]string }

func (p plain) Connect(context.Context) (driver.Conn, error) { return p, nil }
func (p plain) Driver() driver.Driver                        { return p }
func (p plain) Open(string) (driver.Conn, error)             { return p, nil }
func (p plain) Close() error                                 { return nil }
func (p plain) Begin() (driver.Tx, error)                    { return p, nil }
func (p plain) Commit() error                                { return nil }
func (p plain) Rollback() error                              { return nil }
func (p plain) Prepare(string) (driver.Stmt, error)          { return p, nil }
func (p plain) NumInput() int                                { return -1 }
func (p plain) Exec(values []driver.Value) (driver.Result, error) {
	*p.log = append(*p.log, "exec")
	return driver.RowsAffected(3), nil
}
func (p plain) Query(values []driver.Value) (driver.Rows, error) {
	*p.log = append(*p.log, "query")
	return none{}, nil
}

type none struct{}

func (none) Columns() []string         { return []string{"a"} }
func (none) Close() error              { return nil }
func (none) Next([]driver.Value) error { return io.EOF }

// skipping wants queries with arguments prepared, and fails without.
type skipping struct{ plain }

func (s skipping) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s skipping) QueryContext(_ context.Context, _ string, arguments []driver.NamedValue) (driver.Rows, error) {
	if len(arguments) > 0 {
		*s.log = append(*s.log, "skip")
		return nil, driver.ErrSkip
	}
	return nil, errors.New("syntax error near 's3cr3t'")
}

func TestQueriesAreRegions(t *testing.T) {
	var log []string
	database := sql.OpenDB(WrapConnector(plain{&log}, SQLOptions{System: "postgresql", Database: "shop"}))
	defer database.Close()
	objects := said(t, recorded(t, func() {
		rows, err := database.QueryContext(background(), "SELECT a FROM t WHERE b = 's3cr3t' AND c = $1", 7)
		if err != nil {
			t.Fatal(err)
		}
		rows.Close()
		if _, err := database.ExecContext(background(), "DELETE FROM t"); err != nil {
			t.Fatal(err)
		}
		transaction, err := database.BeginTx(background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		transaction.Rollback()
		if err := database.PingContext(background()); err != nil {
			t.Error(err)
		}
		if _, err := database.BeginTx(background(), &sql.TxOptions{ReadOnly: true}); err == nil {
			t.Error("the driver cannot do that")
		}
	}))
	mustBe(t, "what the driver did", log, "[query exec]")
	if len(objects) != 2 {
		t.Fatalf("%d objects: %v", len(objects), objects)
	}
	mustBe(t, "kind", field(objects, "kind"), "client")
	for key, want := range map[string]any{
		"db.system.name": "postgresql", "db.namespace": "shop", "db.query.text": "SELECT a FROM t WHERE b = ? AND c = $1",
	} {
		mustBe(t, key, attribute(objects, key), want)
	}
}

func TestWhatADriverSkipsIsNoQuery(t *testing.T) {
	var log []string
	var spans []*SQLSpan
	OnSpan(func(span any) { spans = append(spans, span.(*SQLSpan)) })
	defer OnSpan(nil)
	database := sql.OpenDB(WrapConnector(skipping{plain{&log}}, SQLOptions{}))
	defer database.Close()
	database.SetMaxOpenConns(1)
	objects := said(t, recorded(t, func() {
		for range 2 {
			rows, err := database.Query("SELECT a FROM t WHERE b = ?", 7)
			if err != nil {
				t.Fatal(err)
			}
			rows.Close()
		}
		if _, err := database.Query("SELECT"); err == nil {
			t.Error("an error got lost")
		}
		if _, err := database.Exec("DELETE FROM t"); err != nil {
			t.Error(err)
		}
	}))
	mustBe(t, "what the driver did", log, "[skip query skip query exec]")
	mustBe(t, "objects", len(objects), 4)
	mustBe(t, "status", field(objects, "status"), "error")
	mustBe(t, "message", field(objects, "message"), "syntax error near ?")
	mustBe(t, "spans", len(spans), 4)
	if last := spans[3]; last.Rows != 3 || last.Query != "DELETE FROM t" || last.Err != nil {
		t.Errorf("%+v", last)
	}
}

func TestTheDriversConnectionIsToBeHad(t *testing.T) {
	var log []string
	database := sql.OpenDB(WrapConnector(plain{&log}, SQLOptions{}))
	defer database.Close()
	connection, err := database.Conn(background())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.Raw(func(wrapped any) error {
		if _, ok := wrapped.(interface{ Unwrap() driver.Conn }).Unwrap().(plain); !ok {
			t.Errorf("%T", wrapped)
		}
		return nil
	})
}

func TestFilterSQLTurnsQueriesOff(t *testing.T) {
	before := CurrentFilter()
	defer func() { filter.Store(uint32(before)) }()
	SetFilter(FilterHTTP)
	var log []string
	database := sql.OpenDB(WrapConnector(plain{&log}, SQLOptions{}))
	defer database.Close()
	objects := said(t, recorded(t, func() { database.Exec("DELETE FROM t") }))
	mustBe(t, "objects", len(objects), 0)
}
