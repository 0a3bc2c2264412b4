package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// prepareSQLite lets look-ups and writes go on side by side. The file keeps that setting.
func prepareSQLite(ctx context.Context, db *sql.DB) error {
	return retry(ctx, func() error {
		var mode string
		if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
			return err
		}
		if !strings.EqualFold(mode, "wal") && db.Stats().MaxOpenConnections != 1 {
			return fmt.Errorf("journal_mode is %s, not wal: in memory each connection has a database of its own; "+
				"name a file, use package memstore, or SetMaxOpenConns(1)", mode)
		}
		return nil
	})
}
