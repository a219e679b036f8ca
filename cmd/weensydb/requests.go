package main

import (
	"bytes"
	"strconv"

	"weensydb/wire"
)

// The requests of the client commands, in whatever dialect the server speaks.
// Each returns what the server said, or an error with its words.

func (c *client) checkKeys(keys ...string) error {
	for _, key := range keys {
		if err := wire.CheckKey(c.dialect, []byte(key)); err != nil {
			return misused("key %q: %w", key, err)
		}
	}
	return nil
}

// value gets an item; nil says that there is none. It asks for a CAS token if
// the dialect has them.
func (c *client) value(key string) (*wire.Reply, error) {
	request := c.dialect.AppendGet(nil, key)
	if c.dialect == wire.Memcache {
		request = c.dialect.AppendGets(nil, key)
	}
	r, err := c.ask(request, wire.ReplyValue, wire.ReplyEnd)
	if err != nil || r.Kind == wire.ReplyEnd {
		return nil, err
	}
	item := *r
	item.Data = bytes.Clone(r.Data)
	_, err = c.next(wire.ReplyEnd)
	return &item, err
}

func (c *client) get(key string) ([]byte, error) {
	if err := c.checkKeys(key); err != nil {
		return nil, err
	}
	item, err := c.value(key)
	switch {
	case err != nil:
		return nil, err
	case item == nil:
		return nil, refused("NOT_FOUND")
	}
	return item.Data, nil
}

// line sends a request and returns the line that answers it, which must be of
// the kind.
func (c *client) line(request []byte, kind wire.ReplyKind) (string, error) {
	r, err := c.ask(request, kind)
	if err != nil {
		return "", err
	}
	return string(r.Line), nil
}

func (c *client) set(key string, value []byte) (string, error) {
	if err := c.checkKeys(key); err != nil {
		return "", err
	}
	return c.line(c.dialect.AppendSet(nil, key, value), wire.ReplyStored)
}

func (c *client) delete(key string) (string, error) {
	if err := c.checkKeys(key); err != nil {
		return "", err
	}
	return c.line(c.dialect.AppendDelete(nil, key), wire.ReplyDeleted)
}

func (c *client) exchange(key1, key2 string) (string, error) {
	if err := c.checkKeys(key1, key2); err != nil {
		return "", err
	}
	return c.line(c.dialect.AppendExchange(nil, key1, key2), wire.ReplyExchanged)
}

// compareSet stores value at key if old is there. On Memcache, which compares
// tokens, it compares the value itself and lets the token say whether it was
// changed meanwhile.
func (c *client) compareSet(key string, old, value []byte) (string, error) {
	if err := c.checkKeys(key); err != nil {
		return "", err
	}
	if c.dialect == wire.Weensy {
		return c.line(c.dialect.AppendCompareSet(nil, key, old, value), wire.ReplyStored)
	}
	item, err := c.value(key)
	switch {
	case err != nil:
		return "", err
	case item == nil:
		return "", refused("NOT_FOUND")
	case !bytes.Equal(item.Data, old):
		return "", refused("EXISTS")
	}
	return c.line(c.dialect.AppendCAS(nil, key, item.Flags, value, item.CAS), wire.ReplyStored)
}

// incr adds delta to the number at key and returns the sum.
func (c *client) incr(key string, delta uint64) (uint64, error) {
	if err := c.checkKeys(key); err != nil {
		return 0, err
	}
	if c.dialect == wire.Weensy {
		return c.incrByCompareSet(key, delta)
	}
	r, err := c.ask(c.dialect.AppendIncr(nil, key, delta), wire.ReplyNumber)
	if err != nil {
		return 0, err
	}
	return r.Number, nil
}

// incrAttempts bounds the loop below. Each failed attempt means that somebody
// else's change succeeded.
const incrAttempts = 1000

// incrByCompareSet is incr on Weensy, which has none: it reads the number and
// replaces it if nobody else has meanwhile.
func (c *client) incrByCompareSet(key string, delta uint64) (uint64, error) {
	for range incrAttempts {
		item, err := c.value(key)
		if err != nil {
			return 0, err
		}
		if item == nil {
			return 0, refused("NOT_FOUND")
		}
		sum, text, ok := incremented(item.Data, delta)
		if !ok {
			return 0, refused(wire.ErrNonNumeric)
		}
		r, err := c.ask(c.dialect.AppendCompareSet(nil, key, item.Data, text), wire.ReplyStored, wire.ReplyExists)
		if err != nil {
			return 0, err
		}
		if r.Kind == wire.ReplyStored {
			return sum, nil
		}
	}
	return 0, refused("%s was changed by others during all of %d attempts", key, incrAttempts)
}

// incremented adds as memcached's incr does: it wraps at 2^64, and a sum with
// fewer digits is padded with blanks to the old length.
func incremented(value []byte, delta uint64) (sum uint64, text []byte, ok bool) {
	n, ok := wire.ParseCounter(value)
	if !ok {
		return 0, nil, false
	}
	sum = n + delta
	text = strconv.AppendUint(nil, sum, 10)
	for len(text) < len(value) {
		text = append(text, ' ')
	}
	return sum, text, true
}
