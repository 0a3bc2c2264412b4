package redisstore

import (
	"context"
	"time"
)

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

// LoadReplica returns a replica that does not follow the store by itself, and whose clock is now.
func LoadReplica(ctx context.Context, s *Store, now func() time.Time, opts ...ReplicaOption) (*Replica, error) {
	return loadReplica(ctx, s, clock{now, func(t time.Time) time.Duration { return now().Sub(t) }}, opts)
}

// Refresh makes a replica take all that it knows for as new as now.
func (r *Replica) Refresh() {
	for i := range r.parts {
		r.parts[i].fresh = r.clock.now()
	}
}

// Scripts are the texts of scripts by what a store does with them.
var Scripts = map[string][]string{
	"Begin": {scriptBegin.text}, "Check": {scriptCheck.text, scriptCheckMark.text}, "Rotate": {scriptRotate.text},
	"End": {scriptEnd.text}, "RevokeToken": {scriptRevokeToken.text}, "RevokeSubject": {scriptRevokeSubject.text},
	"RevokeAll": {scriptRevokeAll.text}, "List": {scriptList.text}, "Open": {scriptOpen.text},
	"Poll": {scriptPoll.text},
}
