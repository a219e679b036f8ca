package crash_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A verb is what a request does, whichever listener takes it.
type verb int

const (
	askGet       verb = iota // get, gets, mg
	askSet                   // set, ms
	askAdd                   // add
	askCas                   // cas with a token
	askSwapValue             // the dialect's cas, which compares values
	askRemove                // delete
	askCount                 // incr, decr, ma
	askTouch                 // touch
	askExch                  // exch
	askFlush                 // flush_all
)

// everywhere is the group of a request that concerns all groups.
const everywhere = -1

// lifeUnit is the unit of times to live, in seconds: so long that a test sees
// nothing pass.
const lifeUnit = 1_000_000

// An operation is one request on a group of keys. Fields that the verb or the
// listener does not use are zero.
type operation struct {
	verb     verb
	onWeensy bool // else on memcache
	meta     bool // memcache: mg, ms, ma
	group    int
	key      int // index within the group
	other    int // exch: the second key
	value    string
	old      string // swapValue: the value expected
	flags    uint32
	life     int // in units; 0 for ever, -1 over at once
	token    uint64
	delta    uint64
	down     bool // count: decr
}

// A status is the first word of a reply, whichever listener says it.
type status int

const (
	isDone status = iota // hit, STORED, DELETED, TOUCHED, EXCHANGED, HD, VA, a number, OK
	isNotFound
	isNotStored
	isPresent
	isNoNumber
)

// An answer is what the client saw of a reply. Pointers are nil and numbers 0
// for what the reply does not show.
type answer struct {
	unknown bool // the server died: it has happened or never will
	status  status
	value   *string
	flags   *uint32
	life    *int
	token   uint64
	id      uint64
	otherID uint64
}

// keyName is the name of a group's key.
func keyName(group, key int) string { return fmt.Sprintf("g%dk%d", group, key) }

func (op operation) keyName() string { return keyName(op.group, op.key) }

// Values are made from tags such as "3.17*5000;", which is repeated up to 5000
// bytes. Histories have the tags. Counters are their own tags.

// spread is the value that the tag stands for.
func spread(tag string) string {
	_, length, ok := strings.Cut(strings.TrimSuffix(tag, ";"), "*")
	n, err := strconv.Atoi(length)
	if !ok || err != nil || n <= len(tag) {
		return tag
	}
	return strings.Repeat(tag, n/len(tag)+1)[:n]
}

// brief is the tag of a value, or something that no tag is like.
func brief(value string) string {
	tag := value
	if i := strings.IndexByte(value, ';'); i >= 0 {
		tag = value[:i+1]
	}
	if spread(tag) != value {
		return fmt.Sprintf("damaged, %d bytes that begin with %.40q", len(value), value)
	}
	return tag
}

// encode is the request as sent.
func (op operation) encode() string {
	key := op.keyName()
	value, old := spread(op.value), spread(op.old)
	if op.onWeensy {
		switch op.verb {
		case askGet:
			return "get " + key + "\r\n"
		case askSet:
			return fmt.Sprintf("set %s %d\r\n%s", key, len(value), value)
		case askRemove:
			return "delete " + key + "\r\n"
		case askSwapValue:
			return fmt.Sprintf("cas %s %d %d\r\n%s%s", key, len(old), len(value), old, value)
		}
	}
	life := op.life * lifeUnit
	switch op.verb {
	case askGet:
		if op.meta {
			return "mg " + key + " v f t c\r\n"
		}
		return "gets " + key + "\r\n"
	case askSet:
		if op.meta {
			return fmt.Sprintf("ms %s %d F%d T%d c\r\n%s\r\n", key, len(value), op.flags, life, value)
		}
		return fmt.Sprintf("set %s %d %d %d\r\n%s\r\n", key, op.flags, life, len(value), value)
	case askAdd:
		return fmt.Sprintf("add %s %d %d %d\r\n%s\r\n", key, op.flags, life, len(value), value)
	case askCas:
		return fmt.Sprintf("cas %s %d %d %d %d\r\n%s\r\n", key, op.flags, life, len(value), op.token, value)
	case askRemove:
		return "delete " + key + "\r\n"
	case askCount:
		return op.encodeCount()
	case askTouch:
		return fmt.Sprintf("touch %s %d\r\n", key, life)
	case askExch:
		return "exch " + key + " " + keyName(op.group, op.other) + "\r\n"
	case askFlush:
		return "flush_all\r\n"
	}
	panic("this listener does not have it")
}

func (op operation) encodeCount() string {
	switch {
	case op.meta && op.down:
		return fmt.Sprintf("ma %s MD D%d v c\r\n", op.keyName(), op.delta)
	case op.meta:
		return fmt.Sprintf("ma %s D%d v c\r\n", op.keyName(), op.delta)
	case op.down:
		return fmt.Sprintf("decr %s %d\r\n", op.keyName(), op.delta)
	}
	return fmt.Sprintf("incr %s %d\r\n", op.keyName(), op.delta)
}

// String is the request on one line, without what a tag stands for.
func (op operation) String() string {
	line, _, _ := strings.Cut(op.encode(), "\r\n")
	text := "memcache: " + line
	if op.onWeensy {
		text = "weensy: " + line
	}
	if op.old != "" {
		text += " from " + op.old
	}
	if op.value != "" {
		text += " to " + op.value
	}
	return text
}

// String is what of a reply the model looks at.
func (a answer) String() string {
	if a.unknown {
		return "unknown"
	}
	text := []string{"done", "not found", "not stored", "exists", "no number"}[a.status]
	show := func(name string, field any, shown bool) {
		if shown {
			text += fmt.Sprintf(", %s %v", name, reflect.Indirect(reflect.ValueOf(field)))
		}
	}
	show("value", a.value, a.value != nil)
	show("flags", a.flags, a.flags != nil)
	show("life", a.life, a.life != nil)
	show("token", a.token, a.token != 0)
	show("ID", a.id, a.id != 0)
	show("other ID", a.otherID, a.otherID != 0)
	return text
}
