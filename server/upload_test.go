package server_test

import (
	"fmt"
	"strings"
	"testing"

	"weensydb"
)

// TestUploadsAreCharged: values that are not complete count as memory. When
// too many are under way, some are refused, their bodies swallowed, and small
// requests go on as ever.
func TestUploadsAreCharged(t *testing.T) {
	const size = 1_000_000
	db := openWith(t, func(c *weensydb.Config) { c.Memory = 16 << 20 })
	small := dial(t, db.MemcacheAddr())
	at := addresses{db.WeensyAddr(), db.MemcacheAddr()}
	baseline := occupied()
	var uploads []*conn
	for i := range 64 {
		addr, onWeensy := at.of(i)
		c := dial(t, addr)
		head := fmt.Sprintf("set up%d 0 0 %d\r\n", i, size)
		if onWeensy {
			head = fmt.Sprintf("set up%d %d\r\n", i, size)
		}
		c.send(t, head+strings.Repeat("u", size-1))
		uploads = append(uploads, c)
		key := fmt.Sprint("small", i)
		small.ask(t, fmt.Sprintf("set %s 0 0 5\r\nhello\r\nget %s\r\n", key, key),
			fmt.Sprintf("STORED\r\nVALUE %s 0 5\r\nhello\r\nEND\r\n", key))
	}
	if now, limit := occupied(), baseline+16<<20+64*memoryPerClient+memorySlack; now > limit {
		t.Errorf("%d bytes in use with uploads under way, more than %d", now, limit)
	}
	refused := 0
	for i, c := range uploads {
		_, onWeensy := at.of(i)
		end := "u\r\n"
		if onWeensy {
			end = "u"
		}
		c.send(t, end)
		line, err := readLine(c.in)
		switch {
		case line == "SERVER_ERROR out of memory storing object":
			refused++
		case !strings.HasPrefix(line, "STORED"):
			t.Fatalf("upload %d: %q (%v)", i, line, err)
		}
		c.ask(t, fmt.Sprintf("get none%d\r\n", i), "END\r\n")
	}
	if refused == 0 || refused == len(uploads) {
		t.Errorf("%d of %d uploads refused, want some", refused, len(uploads))
	}
	t.Logf("%d of %d uploads refused", refused, len(uploads))
}

// TestUploadsLeaveNothing: what was refused, and what was never finished, is
// not held.
func TestUploadsLeaveNothing(t *testing.T) {
	const size = 1_000_000
	db := openWith(t, func(c *weensydb.Config) { c.Memory = 16 << 20 })
	observer := dial(t, db.MemcacheAddr())
	before := holds()
	for range 5 {
		var uploads []*conn
		for i := range 32 {
			c := dial(t, db.MemcacheAddr())
			c.send(t, fmt.Sprintf("set up%d 0 0 %d\r\n", i, size)+strings.Repeat("u", size-1))
			uploads = append(uploads, c)
		}
		for _, c := range uploads {
			c.Close()
		}
		expectConnections(t, observer, 1)
	}
	observer.ask(t, fmt.Sprintf("set large 0 0 %d\r\n%s\r\ndelete large\r\n", size, strings.Repeat("l", size)), "STORED\r\nDELETED\r\n")
	expectReturnTo(t, before)
}
