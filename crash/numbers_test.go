package crash_test

import (
	"errors"
	"fmt"
)

// errNumber is an ID or a token that cannot be.
var errNumber = errors.New("numbers")

// numbers holds what all IDs and tokens that were ever seen belong to. It is
// used by one goroutine at a time.
type numbers struct {
	ids    map[uint64]string            // the key of an ID
	tokens map[uint64]map[string]string // the values that keys had with a token
	maxID  uint64
	maxTok uint64
	// A number that is seen for the first time must be larger than these, the
	// largest when all that the server held was read last.
	oldID, oldTok uint64
}

func newNumbers() *numbers {
	return &numbers{ids: map[uint64]string{}, tokens: map[uint64]map[string]string{}}
}

// known says that all that the server holds has been noted.
func (n *numbers) known() { n.oldID, n.oldTok = n.maxID, n.maxTok }

// noteID notes that the item of a key had an ID.
func (n *numbers) noteID(id uint64, key string) error {
	if id == 0 {
		return nil
	}
	owner, known := n.ids[id]
	switch {
	case known && owner != key:
		return fmt.Errorf("%w: ID %d belonged to %s and now to %s", errNumber, id, owner, key)
	case !known && id <= n.oldID:
		return fmt.Errorf("%w: ID %d of %s is new and not above %d, which had been seen before", errNumber, id, key, n.oldID)
	}
	n.ids[id] = key
	n.maxID = max(n.maxID, id)
	return nil
}

// noteToken notes that a key had a value with a token. Only exch gives one
// token to two keys.
func (n *numbers) noteToken(token uint64, key, value string) error {
	if token == 0 {
		return nil
	}
	values, known := n.tokens[token]
	if !known {
		if token <= n.oldTok {
			return fmt.Errorf("%w: token %d of %s is new and not above %d, which had been seen before", errNumber, token, key, n.oldTok)
		}
		values = map[string]string{}
		n.tokens[token] = values
	}
	if before, ok := values[key]; ok && before != value {
		return fmt.Errorf("%w: token %d was of %s = %s and is now of %s", errNumber, token, key, before, value)
	}
	values[key] = value
	if len(values) > 2 {
		return fmt.Errorf("%w: token %d belongs to more keys than an exchange has: %v", errNumber, token, values)
	}
	n.maxTok = max(n.maxTok, token)
	return nil
}

// note notes what an answer shows.
func (n *numbers) note(op operation, got answer) error {
	if err := n.noteID(got.id, op.keyName()); err != nil {
		return err
	}
	if err := n.noteID(got.otherID, keyName(op.group, op.other)); err != nil {
		return err
	}
	value := op.value
	if got.value != nil {
		value = *got.value
	}
	return n.noteToken(got.token, op.keyName(), value)
}
