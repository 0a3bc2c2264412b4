package redisstore_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/internal/redistest"
)

// slot is that of a Redis Cluster: CRC-16 (XMODEM) of what lies between braces, modulo 16384.
func slot(key string) (sum uint16) {
	_, tag, _ := strings.Cut(key, "{")
	tag, _, _ = strings.Cut(tag, "}")
	for _, b := range []byte(tag) {
		sum ^= uint16(b) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum % 16384
}

// The guide tells the rights that were tried.
func TestRights(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(guide), "\nACL SETUSER jot on >password "+redistest.Rights+"\n")
}

// Where data lie is never changed: what is stored would not be found. So these are written down.
func TestKeys(t *testing.T) {
	require.EqualValues(t, 0x31c3, slot("{123456789}"), "as its specification has it")
	keys := redisstore.Pairs("jot:", 0, 64)
	require.Len(t, keys, 128)
	for i := range 64 {
		all, log := keys[2*i], keys[2*i+1]
		require.Regexp(t, `^jot:\{[0-9a-z]{2}\}:all$`, all)
		require.Equal(t, strings.TrimSuffix(all, "all")+"log", log)
		require.InDelta(t, i*256+128, slot(all), 20, "equal parts of the slots")
	}
	require.Equal(t, "jot:{mm}:all", keys[0])
	require.Equal(t, "jot:{44}:log", keys[127])

	for subject, partition := range map[string]int{
		"alice": 7, "aLnvsgEhtxYhDi1dH0f5yQ": 57, "{a}": 4, "": 0,
	} {
		require.Equal(t, partition, redisstore.PartitionOf(subject), subject)
		found := redisstore.KeysOf("p/", subject, "token", "ALL", "LOG", "SESSIONS", "ENDED", "MARK", "TOKEN")
		tag := strings.TrimSuffix(redisstore.Pairs("p/", partition, 1)[0], "all")
		length := map[string]string{"alice": "5", "aLnvsgEhtxYhDi1dH0f5yQ": "22", "{a}": "3", "": "0"}[subject]
		require.Equal(t, []string{
			tag + "all", tag + "log", tag + "s:" + subject, tag + "e:" + subject, tag + "m:" + subject,
			tag + "t:" + length + ":" + subject + ":token",
		}, found)
		for _, key := range found {
			require.Equal(t, slot(found[0]), slot(key))
		}
	}

	count := make([]int, 64)
	for i := range 64_000 {
		count[redisstore.PartitionOf(strings.Repeat("x", i%20)+string(rune('a'+i%26))+strings.Repeat("y", i/1000))]++
	}
	for _, n := range count {
		require.Positive(t, n)
	}
}
