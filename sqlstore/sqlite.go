package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// prepareSQLite lets look-ups and writes go on side by side. The file keeps that setting.
func prepareSQLite(ctx context.Context, s *Store) error {
	return s.retry(ctx, func() error {
		var mode string
		if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
			return err
		}
		if !strings.EqualFold(mode, "wal") && s.db.Stats().MaxOpenConnections != 1 {
			return fmt.Errorf("journal_mode is %s, not wal: in memory each connection has a database of its own; "+
				"name a file, use package memstore, or SetMaxOpenConns(1)", mode)
		}
		return nil
	})
}
