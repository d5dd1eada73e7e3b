package main

import (
	"context"
	"database/sql"

	"example.com/go-service/journal"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "github.com/lib/pq"              // the driver "postgres"
)

// One database, by each of the ways to it.
type databases struct {
	pq, stdlib *sql.DB
	pgx        *pgxpool.Pool
}

func connectDatabases(url string) (databases, error) {
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return databases{}, err
	}
	pq, err := sql.Open("postgres", url+"?sslmode=disable")
	if err != nil {
		return databases{}, err
	}
	stdlib, err := sql.Open("pgx", url)
	if err != nil {
		return databases{}, err
	}
	pq.SetMaxIdleConns(8)
	stdlib.SetMaxIdleConns(8)
	return databases{pq, stdlib, pool}, nil
}

func (d databases) close() {
	d.pq.Close()
	d.stdlib.Close()
	d.pgx.Close()
}

func (d databases) askByPq(ctx context.Context, j *journal.Journal) error {
	return ask(ctx, j, d.pq)
}

func (d databases) askByStdlib(ctx context.Context, j *journal.Journal) error {
	return ask(ctx, j, d.stdlib)
}

// ask asks twice by the same line, then for rows, and once more in a transaction.
func ask(ctx context.Context, j *journal.Journal, database *sql.DB) error {
	for i := 0; i < 2; i++ {
		var answer int
		done := j.Note("sql", "DB.QueryRowContext")
		row := database.QueryRowContext(ctx, "SELECT $1::int", 7)
		done()
		if err := row.Scan(&answer); err != nil {
			return err
		}
	}
	done := j.Note("sql", "DB.QueryContext")
	rows, err := database.QueryContext(ctx, "SELECT * FROM generate_series(1, 20)")
	done()
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	if err := rows.Close(); err != nil {
		return err
	}
	return transact(ctx, j, database)
}

func transact(ctx context.Context, j *journal.Journal, database *sql.DB) error {
	done := j.Note("sql", "DB.BeginTx")
	transaction, err := database.BeginTx(ctx, nil)
	done()
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	done = j.Note("sql", "Tx.ExecContext")
	_, err = transaction.ExecContext(ctx, "CREATE TEMPORARY TABLE answers (answer int) ON COMMIT DROP")
	done()
	if err != nil {
		return err
	}
	done = j.Note("sql", "Tx.Commit")
	err = transaction.Commit()
	done()
	return err
}

// askByPgx does the same by the pool itself, and sends a batch.
func (d databases) askByPgx(ctx context.Context, j *journal.Journal) error {
	for i := 0; i < 2; i++ {
		var answer int
		done := j.Note("sql", "Pool.QueryRow")
		row := d.pgx.QueryRow(ctx, "SELECT $1::int", 7)
		done()
		if err := row.Scan(&answer); err != nil {
			return err
		}
	}
	done := j.Note("sql", "Pool.Query")
	rows, err := d.pgx.Query(ctx, "SELECT * FROM generate_series(1, 20)")
	done()
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	var batch pgx.Batch
	batch.Queue("SELECT 1")
	batch.Queue("SELECT 2")
	done = j.Note("sql", "Pool.SendBatch")
	results := d.pgx.SendBatch(ctx, &batch)
	done()
	if err := results.Close(); err != nil {
		return err
	}
	return d.transactByPgx(ctx, j)
}

func (d databases) transactByPgx(ctx context.Context, j *journal.Journal) error {
	done := j.Note("sql", "Pool.Begin")
	transaction, err := d.pgx.Begin(ctx)
	done()
	if err != nil {
		return err
	}
	defer transaction.Rollback(ctx)
	done = j.Note("sql", "Tx.Exec")
	_, err = transaction.Exec(ctx, "SET LOCAL search_path = public")
	done()
	if err != nil {
		return err
	}
	done = j.Note("sql", "Tx.Commit")
	err = transaction.Commit(ctx)
	done()
	return err
}
