package redisstore

import "context"

// PartitionOf and Pairs say where data lie.
var (
	PartitionOf = partitionOf
	Pairs       = pairs
)

// KeysOf returns keys of a subject.
func KeysOf(prefix, subject, token string, kinds ...string) []string {
	return (&script{keys: kinds}).keysOf(prefix, subject, token)
}

// CatchUp reads all that is new.
func (r *Replica) CatchUp(ctx context.Context) error { return r.catchUp(ctx) }
