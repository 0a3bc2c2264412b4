package redisstore

// PartitionOf and Pairs say where data lie.
var (
	PartitionOf = partitionOf
	Pairs       = pairs
)

// KeysOf returns keys of a subject.
func KeysOf(prefix, subject, token string, kinds ...string) []string {
	return (&script{keys: kinds}).keysOf(prefix, subject, token)
}
