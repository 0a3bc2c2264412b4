// Package histories is a proof by history: three processes call a store about the same few subjects, while its engine
// is killed and started again, and stopped and continued. All that they asked and heard is written down, with times of
// a clock that all share, and the checker github.com/anishathalye/porcupine looks for an order in which each call is
// one step between its invocation and its return, and every answer that of a sequential specification. The package has
// tests alone; make histories runs them for longer.
//
// What is shown, of package redisstore with go-redis on Redis that waits for its log (appendonly yes, appendfsync
// always), and of package sqlstore on PostgreSQL (fsync and synchronous_commit on) and MariaDB
// (innodb_flush_log_at_trx_commit 1): every history is linearizable. The calls are Begin, with and
// without a limit, Check, of sessions and of tokens of none, with and without the record, Rotate, with each outcome,
// End, RevokeToken and RevokeSubject. Answers are compared in full. The processes' clocks are three seconds apart. A
// call that failed counts as carried out at any time from its invocation on, or never.
//
// MariaDB is stopped, not killed: it lets others see a commit before that is on the disk, so that one that nobody has
// acknowledged yet may be seen and then be gone. What was acknowledged stays; sqlstore's tests kill it.
//
// A planted fault is found each time: look-ups from a cache of 300 ms, a rotation applied twice, a logout taken for
// done that had failed, Redis without a log or with snapshots alone, PostgreSQL with synchronous_commit off.
//
// What is not shown:
//   - RevokeAll and List. RevokeAll concerns all subjects at once, and may take a partition after the other; histories
//     are judged by subject.
//   - That no such history exists: those that happened are judged, and others may happen. One for which the checker
//     takes longer than 20 s fails the tests as undecided.
//   - Anything that expires, and the echo of what has ended a minute ago: histories take seconds. Package
//     session/sessiontest has cases for it.
//   - Drivers that repeat a call. They are told not to, since what is carried out twice, with others in between, is two
//     steps; sessiontest shows what a repeated call does.
//   - Callers that are killed: the engine is. And rueidis, whose scripts are the same.
//   - A machine that loses its power: what a killed process has written stays with the system.
//   - Failover, clusters, and [github.com/go-jot/jot/redisstore.NewReplica], whose look-ups are late by design.
//   - SQLite, whose processes have no server to be killed; sqlstore's tests kill the processes themselves.
package histories
