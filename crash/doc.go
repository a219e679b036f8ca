// Package crash holds the crash tests: a server in a process of its own, under
// load on both listeners, is killed at random moments and started again in the
// same directory. It has no code but tests.
//
// # A round
//
//	start    the test binary runs itself again as the server (child_test.go)
//	read     every key, on both listeners, while nobody else is connected
//	load     clients send random requests and write down what they see
//	kill     SIGKILL, when a random number of replies has come
//
// and again, in the same directory. Some servers are killed before they have
// started.
//
// # What is checked
//
//	histories  some rounds together, as clients saw them, must be linearizable
//	           (history_test.go, model_test.go). A request that had no reply when
//	           the server died has happened by then or will never happen, and a
//	           flush happens to all groups of keys or to none
//	numbers    no item ID and no CAS token is given twice, and new ones are
//	           larger than all that anybody has seen (numbers_test.go)
//	ledger     full speed, without a model: what can be told of millions of
//	           requests (ledger_test.go, audit_test.go). Swapped values are all
//	           still there, counters add up, of a client's insertions a prefix has
//	           happened, of all requests those up to some position of the log
//
// Each rule has broken variants that it must catch: clients that lie, a server
// that replies before it writes, a directory that is replaced by an older copy of
// itself (catches_test.go), and cases made by hand (handmade_test.go,
// judge_test.go).
//
// # By hand
//
//	go test ./crash -kills 300 -timeout 30m
//
// kills more often. -seed repeats the requests of a run; their interleaving is
// the machine's.
package crash
