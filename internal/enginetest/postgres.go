package enginetest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// prepareAndServe makes the files of a server, unless they are there, and becomes it.
const prepareAndServe = `
initdb=$1 postgres=$2 data=$3 port=$4
shift 4
[ -e "$data/PG_VERSION" ] || "$initdb" -D "$data" -U jot -A trust -E UTF8 --locale=C --no-sync || exit
exec "$postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories='' \
	-c fsync=off -c max_connections=300 "$@"
`

func startPostgres(port int) (dsn string, p *process, err error) {
	dir, err := workplace()
	if err != nil {
		return "", nil, err
	}
	return servePostgres(dir, dir, port)
}

// servePostgres starts a server whose files are in one directory, and what it says in another.
func servePostgres(home, dir string, port int, options ...string) (dsn string, p *process, err error) {
	command, err := postgreSQL(home, port)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	ready := func() error { return postgresIsReady(filepath.Join(home, "data")) }
	p, err = run(dir, "QUIT", append(command, options...), ready)
	if err != nil && strings.Contains(err.Error(), "could not look up effective user ID") {
		err = &cannotError{"initdb does not run for a user without a name"}
	}
	return fmt.Sprintf("postgres://jot@127.0.0.1:%d/postgres?sslmode=disable", port), p, err
}

// postgreSQL returns the command of a server whose files are in a directory.
func postgreSQL(home string, port int) (command []string, err error) {
	places := []string{
		"/usr/lib/postgresql/*/bin", "/usr/libexec/postgresql*", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	}
	initdb, err := find("initdb", places...)
	if err != nil {
		return nil, err
	}
	server, err := find("postgres", places...)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	prefix, err := ordinary(data)
	serve := []string{"sh", "-c", prepareAndServe, "postgres", initdb, server, data, strconv.Itoa(port)}
	return append(prefix, serve...), err
}

// ordinary makes a directory for a server, and returns what its command begins with: root, which the server refuses
// to be, runs it as its own user.
func ordinary(data string) (prefix []string, err error) {
	if err = os.MkdirAll(data, 0o700); err != nil || os.Getuid() != 0 {
		return nil, err
	}
	setpriv, err := find("setpriv")
	if err != nil {
		return nil, err
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return nil, &cannotError{"it refuses to run as root, and there is no user postgres"}
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	return []string{setpriv, "--reuid=" + owner.Uid, "--regid=" + owner.Gid, "--init-groups"}, os.Chown(data, uid, gid)
}

// postgresIsReady reads the file in which a server says so. One that answers at the port may be another's.
func postgresIsReady(data string) error {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid")) //nolint:gosec // the server's own
	if err != nil {
		return err
	}
	lines := strings.Fields(string(text))
	if !slices.Contains(lines, "ready") {
		return errors.New("it is starting")
	}
	return nil
}
