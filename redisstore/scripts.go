package redisstore

import (
	"crypto/sha1" //nolint:gosec // by which Redis names scripts
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
)

//go:embed scripts/*.lua
var files embed.FS

// script is one that runs on keys of one partition.
type script struct {
	text, sha string
	keys      []string // which of a subject's; none for a script that runs on pairs of ALL and LOG
}

// newScript returns the script of a file, after what it shares with others.
func newScript(name string, shared []string, keys ...string) *script {
	var text strings.Builder
	for i, key := range keys {
		fmt.Fprintf(&text, "local %s = KEYS[%d]\n", key, i+1)
	}
	for _, file := range append(shared, name) {
		part, err := files.ReadFile("scripts/" + file + ".lua")
		if err != nil {
			panic(err) // it is embedded
		}
		text.Write(part)
	}
	sum := sha1.Sum([]byte(text.String())) //nolint:gosec // as above
	return &script{text.String(), hex.EncodeToString(sum[:]), keys}
}

var (
	reads  = []string{"begins", "subject"}
	writes = []string{"begins", "subject", "shared"}
	grows  = []string{"begins", "grow", "shared"}
	spans  = []string{"begins", "shared"}

	scriptOpen      = newScript("open", spans)
	scriptRevokeAll = newScript("revoke_all", spans)
	scriptPoll      = newScript("poll", spans)

	scriptCheck     = newScript("check", reads, keyAll, keySessions, keyToken)
	scriptCheckMark = newScript("check_mark", reads, keyAll, keyMark, keyToken)
	scriptList      = newScript("list", writes, keyAll, keySessions)

	scriptBegin         = newScript("begin", grows, keyAll, keyLog, keySessions, keyEnded)
	scriptRotate        = newScript("rotate", grows, keyAll, keyLog, keySessions, keyEnded, keyToken)
	scriptEnd           = newScript("end", writes, keyAll, keyLog, keySessions, keyEnded)
	scriptRevokeToken   = newScript("revoke_token", writes, keyAll, keyLog, keyToken)
	scriptRevokeSubject = newScript("revoke_subject", writes, keyAll, keyLog, keySessions, keyMark)
)
