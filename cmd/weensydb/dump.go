package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"weensydb/stable"
	"weensydb/store"
)

// A dump prints the items of a snapshot and the records of the log, a line of JSON
// each. It keeps none of them.
type dump struct {
	silent bool // understand the records only
	out    *bufio.Writer
	failed error // of out
}

// dumpedRecord is a line.
type dumpedRecord struct {
	Position uint64         `json:"position"`
	Segment  uint64         `json:"segment"` // where its batch is
	Offset   int64          `json:"offset"`
	Time     string         `json:"time"`
	Effects  []dumpedEffect `json:"effects"`
}

// dumpedEffect is one of its effects: what is true after it.
type dumpedEffect struct {
	Kind      string  `json:"kind"`
	Key       *string `json:"key,omitempty"`
	KeyBase64 []byte  `json:"key_base64,omitempty"`
	At        string  `json:"at,omitempty"` // of flush_at; missing: none will happen
	*dumpedItem
}

// dumpedItem is what a put leaves.
type dumpedItem struct {
	Flags       uint32  `json:"flags"`
	Expiry      string  `json:"expiry,omitempty"` // missing: never
	ID          uint64  `json:"id"`
	CAS         uint64  `json:"cas"`
	Stale       bool    `json:"stale,omitempty"`
	Won         bool    `json:"won,omitempty"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
}

// snapshot prints the items of a snapshot.
func (d *dump) snapshot(s *stable.Snapshot) error {
	w := &lineWriter{inspect: true, out: d.out}
	each := w.each
	if d.silent {
		each = nil
	}
	_, err := store.ParseImage(s.Meta)
	err = errors.Join(err, s.Blocks(workers(), func(block []byte) error {
		_, err := readBlock(block, each)
		return err
	}))
	if d.failed = w.failed; d.failed != nil {
		return d.failed
	}
	return err
}

// record prints a record. An error that is not d.failed says that the record
// makes no sense.
func (d *dump) record(e stable.Entry) error {
	if e.Stream != 0 || e.Kind != store.RecordKind {
		return fmt.Errorf("its kind, %d of stream %d, is not known", e.Kind, e.Stream)
	}
	if d.failed != nil {
		return d.failed
	}
	record, err := store.ParseRecord(e.Payload)
	if err != nil || d.silent {
		return err
	}
	line := dumpedRecord{Position: e.Position, Segment: e.Segment, Offset: e.Offset, Time: timeText(record.Now)}
	for i := range record.Effects {
		line.Effects = append(line.Effects, dumped(&record.Effects[i], e.Position))
	}
	encoder := json.NewEncoder(d.out)
	encoder.SetEscapeHTML(false)
	d.failed = encoder.Encode(line)
	return d.failed
}

func dumped(e *store.Effect, position uint64) dumpedEffect {
	var d dumpedEffect
	d.Key, d.KeyBase64 = textOrBytes(e.Key)
	switch e.Kind {
	case store.Put:
		d.Kind, d.dumpedItem = "put", dumpedPut(e, position)
	case store.Remove:
		d.Kind = "remove"
	case store.FlushAt:
		d.Kind, d.Key = "flush_at", nil
		if e.Item.Expiry != store.Never {
			d.At = timeText(e.Item.Expiry)
		}
	case store.FlushIt:
		d.Kind, d.Key = "flush", nil
	}
	return d
}

func dumpedPut(e *store.Effect, position uint64) *dumpedItem {
	it := &dumpedItem{Flags: e.Item.Flags, ID: e.Item.ID, CAS: e.Item.CAS, Stale: e.Item.Stale, Won: e.Item.Won}
	if e.FreshCAS {
		it.CAS = position
	}
	if e.Item.Expiry != store.Never {
		it.Expiry = timeText(e.Item.Expiry)
	}
	it.Value, it.ValueBase64 = textOrBytes(e.AppendValue(nil))
	return it
}

// textOrBytes gives b as a text if a person can read it, and otherwise as bytes,
// which become base64.
func textOrBytes(b []byte) (*string, []byte) {
	if !isText(b) {
		return nil, b
	}
	text := string(b)
	return &text, nil
}

// isText reports whether b is UTF-8 of printable characters, tabs and line ends.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) && r != '\t' && r != '\n' && r != '\r' {
			return false
		}
		b = b[n:]
	}
	return true
}

// timeText is a time of Unix milliseconds, as RFC 3339 has it.
func timeText(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
