package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mySQL is MySQL and MariaDB, by whatever has the same meaning in both: MySQL has no RETURNING and no ON CONFLICT, and
// how many rows a statement has met depends on the DSN.
//
// Any connection may be of any mind. With autocommit off a look-up would begin a transaction that nobody ends, and see
// for ever what was so at its beginning; completion_type may make COMMIT begin the next one.
var mySQL = dialect{
	name: "MySQL", version: "SELECT @@version_comment",
	words: strings.NewReplacer("LATER(", "GREATEST(", "BYTES", "VARBINARY(64)", "TEXT", "VARBINARY(8192)",
		"SEQUENCE", "bigint NOT NULL AUTO_INCREMENT UNIQUE", "KEY OF (", "PRIMARY KEY (", "ENGINE", "ENGINE=InnoDB",
		"SETTLED", "@@autocommit", "ON CONFLICT (subject, session) DO NOTHING", "", "RETURNING revoker", "",
		"ON CONFLICT (subject) DO UPDATE SET", "ON DUPLICATE KEY UPDATE",
		"ON CONFLICT (subject, token) DO UPDATE SET", "ON DUPLICATE KEY UPDATE"),
	prepare: prepareMySQL,
	verify:  verifyMySQL,
	inPlace: allAtOnce,
	hasTables: "SELECT COUNT(*) > 0 FROM information_schema.tables " +
		"WHERE table_schema = DATABASE() AND table_name = 'jot_schema'",
	lockTables: lockMySQL,
	// As PostgreSQL; to be repeatable would lock what lies between rows too, and make neighbours wait for each other.
	begin:     []string{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION READ WRITE"},
	commit:    "COMMIT AND NO CHAIN NO RELEASE",
	rollback:  "ROLLBACK AND NO CHAIN NO RELEASE",
	forUpdate: " FOR UPDATE",
	// It passes over what others hold. The order of the tables is said, so that the one of some rows comes first.
	some: "DELETE t FROM (SELECT %[4]s FROM %[1]s WHERE %[2]s <= $1 ORDER BY %[2]s LIMIT %[3]d" +
		" FOR UPDATE SKIP LOCKED) x STRAIGHT_JOIN %[1]s t ON (%[5]s) = (%[6]s) WHERE t.%[2]s <= $1",
	unnumbered: true, tellsLittle: true, mayNotCommit: true,
}

// prepareMySQL refuses what cannot keep the promises of a store.
func prepareMySQL(ctx context.Context, s *Store) error {
	is := map[string]string{}
	for _, name := range [...]string{
		"version", "autocommit", "t%isolation", // transaction_isolation, or tx_isolation
		"character_set_client", "character_set_connection", "log_bin", "binlog_format", "sql_safe_updates",
	} {
		err := s.retry(ctx, func() (err error) {
			is[name], err = variable(ctx, s.db, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	if is["autocommit"] == "OFF" || is["t%isolation"] == "READ-UNCOMMITTED" {
		s.unsettled.Store(true)
	}
	return errors.Join(
		refuseOld(is["version"]),
		refuseCharacters(is["character_set_client"], is["character_set_connection"]),
		refuseWrites(is["log_bin"] == "ON" && is["binlog_format"] == "STATEMENT",
			"binlog_format is STATEMENT, with which nothing can be written: use ROW or MIXED, as by default"),
		refuseWrites(is["sql_safe_updates"] == "ON",
			"sql_safe_updates is on, with which nothing that has expired can be deleted"),
	)
}

// variable returns the value of a connection's variable, empty if there is none. Each is asked for by itself: a
// connection may be limited to one row.
func variable(ctx context.Context, q querier, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, "SHOW VARIABLES LIKE '"+name+"'").Scan(&name, &value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, err
}

// refuseOld refuses versions that cannot put tables in their places at once, or pass over what is locked.
func refuseOld(version string) error {
	server, least := "MySQL", [2]int{8, 0}
	if strings.Contains(version, "MariaDB") {
		server, least = "MariaDB", [2]int{10, 6}
	}
	var is [2]int
	numbers := strings.SplitN(version, ".", 3)
	for i := range min(len(is), len(numbers)) {
		is[i], _ = strconv.Atoi(numbers[i])
	}
	if is[0] > least[0] || is[0] == least[0] && is[1] >= least[1] {
		return nil
	}
	return fmt.Errorf("it is %s %s, and has to be MySQL 8.0 or MariaDB 10.6 at least", server, version)
}

// refuseCharacters refuses encodings in which a driver that quotes arguments by itself can be deceived, and those that
// change what is stored.
func refuseCharacters(client, connection string) error {
	switch client {
	case "big5", "cp932", "gb18030", "gb2312", "gbk", "sjis":
		return fmt.Errorf("character_set_client is %s, in which quoting is not safe: use utf8mb4", client)
	case connection:
		return nil
	}
	return fmt.Errorf("character_set_client is %s and character_set_connection %s: they have to be the same",
		client, connection)
}

// refuseWrites refuses a server that would refuse a write later.
func refuseWrites(refuses bool, why string) error {
	if refuses {
		return errors.New(why)
	}
	return nil
}

// verifyMySQL refuses tables of another engine: whoever asks for InnoDB need not get it, and others have no
// transactions.
func verifyMySQL(ctx context.Context, s *Store) error {
	var others int
	err := s.retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.tables
			WHERE table_schema = DATABASE() AND engine <> 'InnoDB'
			AND table_name IN ('jot_schema', 'jot_state', 'jot_subjects', 'jot_sessions', 'jot_tokens')`).Scan(&others)
	})
	if err == nil && others > 0 {
		err = errors.New("their engine is not InnoDB")
	}
	return err
}

// lockMySQL takes a lock that outlives transactions: each statement that makes a table ends the one that it is in.
func lockMySQL(ctx context.Context, q querier) (unlock func(), err error) {
	const name = "CONCAT('jot ', MD5(DATABASE()))" // locks are the server's, not the database's
	var locked *int
	err = q.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 60)").Scan(&locked)
	switch {
	case err == nil && locked == nil:
		err = errors.New("no database is selected, so there is no place for them")
	case err == nil && *locked == 0:
		err = errors.New("another process has been making them for a minute")
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, _ = q.ExecContext(ctx, "DO RELEASE_LOCK("+name+")") // a connection on which that fails has ended
	}, err
}

var tableMade = regexp.MustCompile(`CREATE TABLE jot_(\w+)`)

// allAtOnce makes tables under other names, and then gives all of them their own at once. What a process that was
// killed in the middle has left is dropped first.
func allAtOnce(statements []string) []string {
	var aside, places []string
	for i, statement := range statements {
		if made := tableMade.FindStringSubmatch(statement); made != nil {
			aside = append(aside, "jot_new_"+made[1])
			places = append(places, "jot_new_"+made[1]+" TO jot_"+made[1])
		}
		statements[i] = strings.ReplaceAll(statement, "jot_", "jot_new_")
	}
	return slices.Concat(
		[]string{"DROP TABLE IF EXISTS " + strings.Join(aside, ", ")},
		statements,
		[]string{"RENAME TABLE " + strings.Join(places, ", ")},
	)
}
