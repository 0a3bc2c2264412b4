package enginetest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// installAndServe makes the files of a server, unless they are there, and becomes it. A crash of the server's process
// loses nothing, one of the machine may.
const installAndServe = `
install=$1 server=$2 home=$3 port=$4 user=$5
shift 5
[ -d "$home/data/mysql" ] || "$install" --no-defaults $user --datadir="$home/data" --tmpdir="$home/tmp" \
	--auth-root-authentication-method=normal --skip-test-db --skip-name-resolve || exit
exec "$server" --no-defaults $user --datadir="$home/data" --tmpdir="$home/tmp" --pid-file="$home/data/pid" \
	--bind-address=127.0.0.1 --port="$port" --socket=socket --skip-name-resolve --max-connections=300 \
	--innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=64M --innodb-log-file-size=32M "$@"
`

func startMariaDB(port int) (dsn string, p *process, err error) {
	dir, err := workplace()
	if err != nil {
		return "", nil, err
	}
	return serveMariaDB(dir, dir, port)
}

// serveMariaDB starts a server whose files are in one directory, and what it says in another.
func serveMariaDB(home, dir string, port int, options ...string) (dsn string, p *process, err error) {
	command, err := mariaDB(home, port)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	p, err = run(dir, "KILL", append(command, options...), func() error { return mariaDBIsReady(dir) })
	return fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port), p, err
}

// mariaDB returns the command of a server whose files are in a directory. Root runs it as its own user.
func mariaDB(home string, port int) (command []string, err error) {
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	server, err := find("mariadbd", "/usr/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb*/bin",
		"/usr/local/opt/mariadb*/bin")
	if err != nil {
		return nil, err
	}
	as := ""
	var owner *user.User
	if os.Getuid() == 0 {
		if owner, err = user.Lookup("mysql"); err != nil {
			return nil, &cannotError{"it refuses to run as root, and there is no user mysql"}
		}
		as = "--user=mysql"
	}
	for _, name := range []string{"data", "tmp"} {
		path := filepath.Join(home, name)
		if err = os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		if owner != nil {
			uid, _ := strconv.Atoi(owner.Uid)
			gid, _ := strconv.Atoi(owner.Gid)
			if err = os.Chown(path, uid, gid); err != nil {
				return nil, err
			}
		}
	}
	return []string{"sh", "-c", installAndServe, "mariadb", install, server, home, strconv.Itoa(port), as}, nil
}

// mariaDBIsReady reads what a server has said. One that answers at the port may be another's.
func mariaDBIsReady(dir string) error {
	log, err := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // the server's own
	if err != nil {
		return err
	}
	if !strings.Contains(string(log), "ready for connections") {
		return errors.New("it is starting")
	}
	return nil
}
