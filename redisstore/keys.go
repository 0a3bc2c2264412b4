package redisstore

import (
	"hash/crc32"
	"strconv"
)

// partitions is how many parts the subjects are spread over. All of one lies in one slot of a Redis Cluster, with a
// copy of what concerns everyone; RevokeAll writes to each. It is part of how data are stored, as all in this file is.
const partitions = 64

// tags are what a partition's keys have between braces, by which a cluster chooses the slot. They lie at equal
// distances, so that nodes with as many slots have as many partitions.
var tags = [partitions]string{
	"mm", "6q", "9i", "e8", "29", "21", "ap", "ax", "0j", "kv", "dn", "df", "3g", "o6", "gc", "xw",
	"8g", "d6", "lc", "02", "g3", "4c", "on", "4r", "99", "91", "1d", "m5", "fm", "yy", "2i", "iu",
	"7a", "k0", "ce", "8y", "4l", "op", "x9", "x1", "jf", "1z", "zj", "b3", "ik", "2w", "yg", "fs",
	"bk", "9w", "6o", "ms", "af", "an", "5b", "i3", "c5", "dp", "kh", "0t", "xi", "xa", "he", "44",
}

// partitionOf returns the partition of a subject: its CRC-32 (IEEE), without the copy that package crc32 would need.
func partitionOf(subject string) int {
	sum := ^uint32(0)
	for i := range len(subject) {
		sum = crc32.IEEETable[byte(sum&0xff)^subject[i]] ^ sum>>8
	}
	return int(^sum % partitions)
}

// The kinds of keys, as scripts call them.
const (
	keyAll      = "ALL"
	keyLog      = "LOG"
	keySessions = "SESSIONS"
	keyEnded    = "ENDED"
	keyMark     = "MARK"
	keyToken    = "TOKEN"
)

// key returns a key of a partition.
func key(prefix string, partition int, name string) string {
	return prefix + "{" + tags[partition] + "}:" + name
}

// pairs returns the keys ALL and LOG of some partitions.
func pairs(prefix string, first, count int) []string {
	keys := make([]string, 0, 2*count)
	for i := range count {
		keys = append(keys, key(prefix, first+i, "all"), key(prefix, first+i, "log"))
	}
	return keys
}

// names of keys that belong to a subject.
func subjectKey(kind, subject, token string) string {
	switch kind {
	case keyAll:
		return "all"
	case keyLog:
		return "log"
	case keySessions:
		return "s:" + subject
	case keyEnded:
		return "e:" + subject
	case keyMark:
		return "m:" + subject
	}
	return "t:" + strconv.Itoa(len(subject)) + ":" + subject + ":" + token // whatever bytes they have
}

// keysOf returns the keys of a script, of a subject and one of its tokens.
func (c *script) keysOf(prefix, subject, token string) []string {
	partition := partitionOf(subject)
	keys := make([]string, len(c.keys))
	for i, kind := range c.keys {
		keys[i] = key(prefix, partition, subjectKey(kind, subject, token))
	}
	return keys
}
