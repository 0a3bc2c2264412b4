package sessiontest

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

// outcomes are their names.
var outcomes = map[session.Outcome]string{
	session.Unknown: "Unknown", session.Rotated: "Rotated", session.Replayed: "Replayed", session.Rewound: "Rewound",
	session.Reused: "Reused", session.Revoked: "Revoked",
}

// same compares records. Instants are equal wherever they are.
func same(a, b session.Record) bool { return differences(a, b) == "" }

// differences says in what a record is not the one that is wanted.
func differences(got, want session.Record) string {
	var list []string
	for _, field := range []struct{ name, got, want string }{
		{"Subject", got.Subject, want.Subject},
		{"Session", got.Session, want.Session},
		{"Label", got.Label, want.Label},
		{"Scope", got.Scope, want.Scope},
		{"Current", got.Current, want.Current},
		{"Previous", got.Previous, want.Previous},
		{"Start", instant(got.Start), instant(want.Start)},
		{"RotatedAt", instant(got.RotatedAt), instant(want.RotatedAt)},
		{"Expires", instant(got.Expires), instant(want.Expires)},
	} {
		if field.got != field.want {
			list = append(list, fmt.Sprintf("%s is %s, want %s", field.name, short(field.got), short(field.want)))
		}
	}
	return strings.Join(list, "; ")
}

// listDifferences says in what a list is not the one that is wanted.
func listDifferences(got, want []session.Record) string {
	names := func(list []session.Record) (ids []string) {
		for _, r := range list {
			ids = append(ids, short(r.Session))
		}
		return ids
	}
	if have, wish := fmt.Sprint(names(got)), fmt.Sprint(names(want)); have != wish {
		return fmt.Sprintf("%d sessions, %s, want %d, %s", len(got), have, len(want), wish)
	}
	for i, w := range want {
		if d := differences(got[i], w); d != "" {
			return fmt.Sprintf("of the session %s: %s", short(w.Session), d)
		}
	}
	return ""
}

// short is a text that may be long.
func short(text string) string {
	if len(text) > 64 {
		return fmt.Sprintf("%.40q… (%d bytes)", text, len(text))
	}
	return fmt.Sprintf("%q", text)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "zero"
	}
	return t.UTC().Format("2006-01-02 15:04:05.999999999")
}

// verdict is what a status says without the record.
func verdict(s session.Status) string {
	text := fmt.Sprintf("Revoked is %v, Ended is %v", s.Revoked, s.Ended)
	if s.Record != (session.Record{}) {
		text += ", and there is a record"
	}
	return text
}

// describe says what a rotation asks of a session.
func describe(r session.Rotation, known session.Record) string {
	what := "neither Current nor Previous nor greater"
	switch {
	case known.Current == "":
		what = "a token of a session that is not there, or has ended"
	case r.Presented == known.Current:
		what = "Current"
	case r.Presented == known.Previous:
		what = "Previous"
	case r.Presented > known.Current:
		what = "greater than Current"
	}
	text := "a rotation: Presented is " + what
	if known.Current != "" && r.Next == known.Current {
		text += ", Next is Current"
	}
	if !known.RotatedAt.IsZero() {
		text += fmt.Sprintf(", Now − RotatedAt is %v", r.Now.Sub(known.RotatedAt))
	}
	text += fmt.Sprintf(", Grace is %v", r.Grace)
	return text + fmt.Sprintf("; it asks for the scope %s of %s", short(r.Scope), short(known.Scope))
}
