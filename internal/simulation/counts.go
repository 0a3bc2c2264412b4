package simulation

import (
	"slices"

	"github.com/go-jot/jot"
)

// obligation is something that the model has demanded. A simulation that demands nothing proves nothing, so how often
// each was demanded is counted.
type obligation int

const (
	accessAccepted obligation = iota
	afterLogoutAccepted
	firstExchange
	exchangeAgain
	exchangeAgainApart
	exchangeAfterLoss
	honestStays
	looseAccepted
	linkAccepted
	endedRefused
	evictedRefused
	reusedRefused
	revokedRefused
	expiredRefused
	notYetRefused
	supersededRefused
	looseRefused
	linkRefused
	theft
	renewedAccess
	renewalRefused
	scopesKept
	scopesHeld
	listedAlive
	unlistedDead
	unavailableAnswered
	emptied
	recalled
	recalledLate
	ownHeard
	othersHeard
	heardNothing
	lossRefused
	obligations
)

var obligationNames = [obligations]string{
	accessAccepted:      "an access token is accepted",
	afterLogoutAccepted: "… of a login after a logout everywhere, whose clock says before",
	firstExchange:       "a refresh token is exchanged",
	exchangeAgain:       "… again, within the grace",
	exchangeAgainApart:  "… again, within the grace by clocks apart",
	exchangeAfterLoss:   "… again, after an answer was lost",
	honestStays:         "an honest client goes on, though clocks differ and answers are lost",
	looseAccepted:       "a token of no session is accepted",
	linkAccepted:        "a link is accepted",
	endedRefused:        "a token of an ended session is refused",
	evictedRefused:      "… of an evicted one",
	reusedRefused:       "… of a stolen one",
	revokedRefused:      "a revoked token is refused",
	expiredRefused:      "an expired token is refused",
	notYetRefused:       "a token from a clock too far ahead is refused",
	supersededRefused:   "a refresh token that was exchanged is refused",
	looseRefused:        "a token of no session is refused after a logout everywhere",
	linkRefused:         "a link is refused the second time",
	theft:               "a theft ends a session with one event",
	renewedAccess:       "an access token is renewed",
	renewalRefused:      "… and not, where the refresh token is dead",
	scopesKept:          "a session keeps its scopes",
	scopesHeld:          "… and gets back none that a token still has",
	listedAlive:         "a session is listed",
	unlistedDead:        "an ended session is not listed",
	unavailableAnswered: "a failing store is answered by ErrUnavailable",
	emptied:             "the store is empty in the end",
	recalled:            "a replica answers from memory",
	recalledLate:        "… though another node has revoked the token a moment ago",
	ownHeard:            "a node with a replica refuses what it has revoked itself, at once",
	othersHeard:         "… and what another one has, when the staleness has passed",
	heardNothing:        "… and cannot tell when neither its polls nor the store were answered for longer",
	lossRefused:         "a token of a session that a server has lost is refused",
}

type counts [obligations]uint64

func (w *world) count(o obligation) { w.counts[o]++ }

// countAccepted counts an acceptance that had to be.
func (w *world) countAccepted(v view, c *call) {
	switch {
	case v.usesUp:
		w.count(linkAccepted)
	case v.sess == nil:
		w.count(looseAccepted)
	case !v.refresh:
		w.count(accessAccepted)
		for _, m := range slices.Concat(v.who.sure, w.model.everyone.sure) {
			if !v.sess.start.After(m.clock) {
				w.count(afterLogoutAccepted)
				break
			}
		}
	case v.rotates:
		w.countExchange(v, c)
	}
}

func (w *world) countExchange(v view, c *call) {
	again, apart, lost := false, false, false
	for _, a := range v.grant.asks {
		if a != c {
			again = true
			apart = apart || a.server != c.server && a.server.offset != c.server.offset
			lost = lost || a.lost
		}
	}
	if w.plan.settings.calm {
		w.count(honestStays)
	}
	if !again {
		w.count(firstExchange)
		return
	}
	w.count(exchangeAgain)
	if apart {
		w.count(exchangeAgainApart)
	}
	if lost {
		w.count(exchangeAfterLoss)
	}
}

// countRefused counts a refusal that had to be.
func (w *world) countRefused(v view, c *call, why string, want error) {
	w.countHeard(v, c, why)
	switch {
	case why == "":
	case v.dead != "" && is(want, jot.ErrRevoked):
		w.count(endedRefused)
		switch v.dead {
		case byLimit:
			w.count(evictedRefused)
		case byLoss:
			w.count(lossRefused)
		case "reuse":
			w.count(reusedRefused)
		}
	case is(want, jot.ErrExpired):
		w.count(expiredRefused)
	case is(want, jot.ErrInvalid):
		w.count(notYetRefused)
	case is(want, jot.ErrReused):
		w.count(supersededRefused)
	case v.barred:
		w.count(revokedRefused)
	case v.spent:
		w.count(linkRefused)
	case v.sess == nil:
		w.count(looseRefused)
	}
}
