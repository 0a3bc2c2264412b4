// Package histories is a proof by history: three processes, whose clocks are apart, call the store of one engine about
// the same few subjects, while the engine is killed and started again, stopped and continued, its connections are cut,
// and the processes themselves are killed and stopped. All that they asked and heard is written down, with times of a
// clock that all share, and the checker github.com/anishathalye/porcupine looks for an order in which each call is one
// step between its beginning and its end, and every answer that of a sequential specification: the contract of package
// session. The package has tests alone; make histories runs them for longer.
//
// What is shown, of packages redisstore with go-redis and with rueidis on Redis that waits for its log (appendonly yes,
// appendfsync always), and sqlstore on PostgreSQL (fsync and synchronous_commit on), on MariaDB
// (innodb_flush_log_at_trx_commit 1, sync_binlog 1), and on SQLite (synchronous FULL): every history is linearizable.
// The calls are all of a store's, with answers compared in full; some sessions and revocations expire meanwhile, by
// clocks that are up to 40 seconds apart, and are purged. Of memstore the same is shown in one process, without faults
// and without what expires.
//
// [github.com/go-jot/jot/redisstore.NewReplica], whose look-ups may be late, is shown to be no later than it says. Each
// process has a replica with a MaxStaleness of 200 ms around its store, by one client or the other; one of them hears
// badly, and processes are replaced by others in the middle of a round. When one is told that nothing speaks against an
// access token that lives no longer than the horizon, that may have been so at any time from its call's beginning less
// MaxStaleness to its end: but not before the replica was made, nor before the end of a call of the same process that
// revoked what was asked about. All else is as strict as without replicas. They answer most such look-ups by
// themselves, which is counted, as are those that come after what others had revoked.
//
// # How
//
// A round is a second or two of calls for subjects of its own, and one fault. It ends when its callers have closed
// their connections and the engine has nobody left for whom it could carry out anything; then all is asked for once
// more, so that what was acknowledged and got lost is found. A call that failed was carried out once at most, at any
// time from its beginning until its round ended.
//
// Clients are told to repeat nothing: what is carried out twice, with others in between, is two steps. The callers
// repeat calls instead, with the words of the first, as drivers do, and each attempt is a call of its own. So what is
// promised of repeated calls is part of the proof.
//
// Nothing here fails because a machine is slow: a round does not go on before enough was asked, what has to come is
// waited for, for minutes, and the checker may leave one history in five undecided.
//
// A logout of everyone belongs to the history of each subject.
//
// Where the contract says "may" there are several next states, and the checker goes on with all of them: what has
// expired by one of the clocks may be forgotten for all, who ended a session need be remembered of the latest few only,
// and a session that a limit or a logout everywhere has ended may begin anew.
//
// A planted fault is found each time, see planted_test.go: look-ups from a cache of 200 ms, a token that is rotated
// twice, a check before a rotation, a limit that is forgotten now and then, repeated calls taken for others, silence
// taken for success, Redis without a log or with snapshots alone, PostgreSQL with synchronous_commit off. Of replicas:
// one that does not look at its age, that hears no news, or none of sessions, of tokens, of logouts of a subject, or of
// everyone, that does not load, that forgets what its own process revokes, that answers for tokens of any life.
//
// MariaDB has a binary log here. Without one it lets others see a commit before that is on the disk, so that one that
// nobody has acknowledged yet may be seen and then, after a crash, be gone. What was acknowledged stays.
//
// # What is not shown
//
//   - That no other history exists: those that happened are judged. One that takes the checker more than ten seconds
//     (a minute in make histories) is counted as undecided, and more than one in five fail the tests.
//   - That a logout of everyone happens at one instant for all: each subject is judged by itself.
//   - The repetitions of a driver's own, and a minute's end of what is remembered for drivers: package
//     session/sessiontest has cases for it.
//   - A machine that loses its power: what a killed process has written stays with the system.
//   - Failover, and clusters.
//   - Replicas beside what expires, and those of a new store, or after a logout of everyone, which ask about everything
//     for 25 minutes: here the log is made to look old.
//
// # A history that is wrong
//
// It is printed, as short as it can be made without leaving out a call that changed something. With -artifacts it is
// kept whole as well, with a picture that a browser shows. What processes and engines make of a round is no matter of
// its seed, so it seldom happens twice.
package histories
