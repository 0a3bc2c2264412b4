// Package histories proves the stores by history: whether all that callers were told, while engines were killed and
// stalled and connections cut, can be explained by calls that were carried out one after the other.
//
// Three processes, whose clocks are apart, call the store of one engine for a few subjects, so that they are in each
// other's way, and write down each call and each answer by a clock that all of them share. Meanwhile the test kills the
// engine and starts it again, stops it and lets it go on, cuts its connections, and kills one of the processes.
// Afterwards the history of each subject is given to porcupine, a checker of linearizability, with a model of the
// contract in package session: a state, and what each method may answer and make of it.
//
// # What it takes for granted
//
// A call that failed may have been carried out or not, at any time from its beginning until its round ends. A round is
// a second or two of calls for subjects of its own. It ends when its processes have closed their connections and the
// engine has nobody left who could carry out anything; then all is asked for once more, so that what was acknowledged
// and got lost is found.
//
// Clients repeat nothing by themselves here. The processes do, with the words of the first call, as drivers do, and
// each attempt is a call of its own in the history. So what the contract promises of repeated calls is part of the
// proof, and it is known how often each was sent.
//
// A logout of everyone concerns all subjects. It is in the history of each, so each is asked whether it can have
// happened at one instant for that subject; whether it was the same for two of them nobody asks.
//
// Where the contract says "may", the model has several next states, and goes on with all of them: what has expired by
// one of the clocks may be forgotten for all, who ended a session need be remembered only of the latest few, and a
// session that a limit or a logout everywhere has ended may begin anew.
//
// Engines are killed, not machines: they wait for the disk, but no disk loses anything.
//
// # Running it
//
//	make histories FOR=10m
//
// go test plays some rounds on each engine. Each round follows from a seed, but what processes and engines make of it
// does not: a history that fails is printed, as short as it can be made, and with -artifacts it is kept, with a picture
// of it. Faults are planted to show that they are found; see planted_test.go.
package histories
