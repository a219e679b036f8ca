package server_test

import (
	"fmt"
	"reflect"
	"strings"
)

// A verb is what a request does, whatever dialect asks for it.
type verb int

const (
	askGet       verb = iota // get, gets, gat, gats, mg
	askStore                 // set, add, replace, append, prepend, cas, ms
	askRemove                // delete, md
	askCount                 // incr, decr, ma
	askTouch                 // touch
	askExch                  // exch
	askSwapValue             // the WeensyDB dialect's cas, which compares values
	askFlush                 // flush_all
)

// An operation is one request on a group of keys. Fields that the verb or the
// dialect does not use are zero.
type operation struct {
	verb      verb
	dialect   dialect
	group     int
	key       int // index within the group
	other     int // exch: the second key
	value     string
	old       string // swapValue: the value expected
	flags     uint32
	ttl       int64 // seconds; 0 never, -1 expired at once
	touch     bool  // get: also sets ttl; remove with stale: likewise
	mode      byte  // store: S E A P R as in ms
	token     uint64
	newToken  uint64 // E; 0: the server chooses
	create    int64  // N: seconds to live of an item made by a miss; 0: none is made
	recache   int64  // R: seconds; 0: none
	stale     bool   // I
	drop      bool   // md x
	down      bool   // count: decr
	delta     uint64
	initial   uint64
	showToken bool // get: gets, gats, mg c
	noreply   bool
}

// A status is the first word of a reply, whatever dialect says it.
type status int

const (
	isDone status = iota // hit, STORED, DELETED, TOUCHED, EXCHANGED, HD, VA, a number, OK
	isNotFound
	isNotStored
	isPresent
	isNoNumber
)

// An answer is what the client saw of a reply. The pointers are nil for what the dialect
// does not show.
type answer struct {
	unknown bool // noreply, or the connection was lost: it may have happened or not
	status  status
	value   *string
	flags   *uint32
	ttl     *int64
	token   *uint64
	id      *uint64
	otherID *uint64
	marks   *string // of W, X, Z: those shown
}

// String is what of a reply the model looks at.
func (a answer) String() string {
	if a.unknown {
		return "unknown"
	}
	words := []string{[]string{"done", "not found", "not stored", "exists", "no number"}[a.status]}
	show := func(name string, field interface{}, shown bool) {
		if shown {
			words = append(words, fmt.Sprintf("%s %v", name, reflect.ValueOf(field).Elem()))
		}
	}
	show("value", a.value, a.value != nil)
	show("flags", a.flags, a.flags != nil)
	show("ttl", a.ttl, a.ttl != nil)
	show("token", a.token, a.token != nil)
	show("ID", a.id, a.id != nil)
	show("ID", a.otherID, a.otherID != nil)
	show("marks", a.marks, a.marks != nil)
	return strings.Join(words, ", ")
}
