package enginetest

// StartRedis, StartPostgres and StartMariaDB start an engine on a port that may be taken.
func StartRedis(port int) (err error) {
	_, _, err = startRedis(port)
	return err
}

func StartPostgres(port int) (err error) {
	_, _, err = startPostgres(port)
	return err
}

func StartMariaDB(port int) (err error) {
	_, _, err = startMariaDB(port)
	return err
}
