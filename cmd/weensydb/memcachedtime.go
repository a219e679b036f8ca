package main

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"weensydb/store"
	"weensydb/wire"
)

// memcached's clock goes from second to second. What it says is left of an item's
// time was true when it said so, which may have been a while ago if the target is
// slow. So the time in the list of keys is better: but an item may have been touched
// since.

// readClock tells how many milliseconds memcached's clock is behind that of this
// machine when it moves on. That takes a second; nobody needs it if nothing expires.
func (m *memcachedSource) readClock() error {
	if !m.timed {
		return nil
	}
	first := int64(0)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		clock, here := int64(0), unixMilli()
		err := m.list.list(m.list.dialect.AppendStats(nil, ""), wire.ReplyStat, func(r *wire.Reply) error {
			if value, ok := bytes.CutPrefix(r.Rest, []byte("time ")); ok {
				clock, _ = strconv.ParseInt(string(value), 10, 64)
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case first == 0:
			first = clock
		case clock > first:
			m.behind = here - clock*1000
			return nil
		}
	}
	return nil // it stands still: what is left of the times must do
}

// fetched takes an item from the reply to appendFetch.
func fetched(l listedKey, r *wire.Reply, asked, now int64) (it movedItem, err error) {
	it = movedItem{key: []byte(l.key), value: r.Data}
	for _, word := range strings.Fields(string(r.Rest))[1:] {
		switch word[0] {
		case 'f':
			flags, bad := strconv.ParseUint(word[1:], 10, 32)
			it.flags, err = uint32(flags), errors.Join(err, bad)
		case 't':
			left, bad := strconv.ParseInt(word[1:], 10, 64)
			it.expiry, err = l.expires(left, asked, now), errors.Join(err, bad)
		case 'X':
			it.stale = true
		case 'Z': // W would be: nobody has won it but us
			it.won = true
		}
	}
	return it, err
}

// clockSlack, in ms, allows that memcached's clock moves on late: it does not keep
// exact seconds, the less so the busier it is.
const clockSlack = 1000

// expires says when an item expires of whose time so many seconds were left at some
// moment after it was asked for: when the list said, if the two agree.
func (l *listedKey) expires(left, asked, now int64) int64 {
	moment := l.expiry - left*1000 // at which so much was left
	switch {
	case left < 0:
		return store.Never
	case left == 0 || left == math.MaxUint32: // which is some versions' -1
		return now
	case moment > asked-1000-clockSlack && moment <= now+clockSlack:
		return toSecond(l.expiry)
	}
	return toSecond(now + left*1000)
}

// toSecond is the second that is nearest to a time in milliseconds.
func toSecond(ms int64) int64 { return (ms + 500) / 1000 * 1000 }
