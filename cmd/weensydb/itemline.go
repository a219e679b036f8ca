package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"weensydb/store"
	"weensydb/wire"
)

// An itemLine is an item as a line of JSON: what export prints and import reads.
type itemLine struct {
	Position  uint64  `json:"position,omitempty"` // of its newest change; only inspect tells
	Accessed  string  `json:"accessed,omitempty"` // the same
	Key       *string `json:"key,omitempty"`
	KeyBase64 []byte  `json:"key_base64,omitempty"`
	dumpedItem
}

// lineWriter prints the items of blocks as lines, whole blocks at a time. It keeps
// no more than the blocks that are being printed.
type lineWriter struct {
	inspect bool // tell the position and the last access, too

	mu     sync.Mutex // guards the rest
	out    io.Writer
	failed error // of out
}

// each is an eachBlock.
func (w *lineWriter) each() (item func(uint64, *store.Effect, int64) error, end func() error) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	item = func(position uint64, e *store.Effect, accessed int64) error {
		line := itemLine{dumpedItem: *dumpedPut(e, position)}
		line.Key, line.KeyBase64 = textOrBytes(e.Key)
		if w.inspect {
			line.Position, line.Accessed = position, timeText(accessed)
		}
		return encoder.Encode(line)
	}
	end = func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failed == nil {
			_, w.failed = w.out.Write(lines.Bytes())
		}
		return w.failed
	}
	return item, end
}

// A movedItem is an item on its way into a server.
type movedItem struct {
	key, value []byte
	flags      uint32
	expiry     int64 // Unix ms, or store.Never
	cas        uint64
	stale, won bool
}

var (
	errNoUTF8   = errors.New("it is not UTF-8: write other bytes as key_base64 and value_base64")
	errNoKey    = errors.New("it has no key")
	errTwoKeys  = errors.New("it has both key and key_base64")
	errNoValue  = errors.New("it has no value")
	errTwoValue = errors.New("it has both value and value_base64")
)

// parseItemLine is the inverse of what a lineWriter prints.
func parseItemLine(line []byte) (it movedItem, err error) {
	if !utf8.Valid(line) {
		return it, errNoUTF8 // it would be mended in silence
	}
	var l itemLine
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return it, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return it, errors.New("something follows the object")
	}
	if it.key, err = either(l.Key, l.KeyBase64, errNoKey, errTwoKeys); err != nil {
		return it, err
	}
	if it.value, err = either(l.Value, l.ValueBase64, errNoValue, errTwoValue); err != nil {
		return it, err
	}
	if l.Expiry != "" {
		at, err := time.Parse(time.RFC3339, l.Expiry)
		if err != nil {
			return it, fmt.Errorf("expiry %q is no time such as 2026-01-31T12:00:00Z", l.Expiry)
		}
		it.expiry = max(1, at.UnixMilli()) // 0 would mean never
	}
	it.flags, it.cas, it.stale, it.won = l.Flags, l.CAS, l.Stale, l.Won
	return it, it.check()
}

func either(text *string, b []byte, neither, both error) ([]byte, error) {
	switch {
	case text == nil && b == nil:
		return nil, neither
	case text != nil && b != nil:
		return nil, both
	case text != nil:
		return []byte(*text), nil
	}
	return b, nil
}

// check reports what no server would take.
func (it *movedItem) check() error {
	if n := len(it.key); n == 0 || n > wire.MaxKeyLen {
		return fmt.Errorf("a key has 1 to %d bytes, not %d", wire.MaxKeyLen, n)
	}
	if !canCarry(it.key) {
		return errLongKey
	}
	return nil
}
