package server

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestSnapshotCommand: the reply of snapshot comes when there is one, those of
// what was sent behind it after it.
func TestSnapshotCommand(t *testing.T) {
	l := newSlowLog()
	s := newTestSession(l)
	if out := drive(s, "get a\r\nsnapshot\r\nget b\r\n"); out != "END\r\n" || !s.Waiting() || l.count() != 1 {
		t.Fatalf("sent %q, executed %d", out, l.count())
	}
	(<-l.transfers).Announce(7, 100)
	if out := drive(s, ""); out != "SNAPSHOT 7 100\r\nEND\r\n" {
		t.Fatalf("got %q", out)
	}
	drive(s, "snapshot\r\nget b\r\n")
	(<-l.transfers).Fail("SERVER_ERROR no")
	if out := drive(s, ""); out != "SERVER_ERROR no\r\nEND\r\n" {
		t.Fatalf("got %q", out)
	}
}

// TestBackupCommand: over a socket, the bytes come piece by piece, at the pace of
// the client, and only as many are in memory as the session keeps.
func TestBackupCommand(t *testing.T) {
	l := newSlowLog()
	_, replies, conn := serveOn(t, l)
	const pieces, size = 200, 16 << 10
	io.WriteString(conn, "backup\r\nget a\r\n")
	var want bytes.Buffer
	put := make(chan bool)
	go func() {
		tr := <-l.transfers
		tr.Announce(7, pieces*size)
		for i := range pieces {
			tr.Put(bytes.Repeat([]byte{byte(i)}, size))
		}
		tr.Done()
		put <- true
	}()
	if line, err := replies.ReadString('\n'); line != "BACKUP 7 3276800\r\n" || err != nil {
		t.Fatalf("%q %v", line, err)
	}
	for i := range pieces {
		want.Write(bytes.Repeat([]byte{byte(i)}, size))
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(replies, got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("the bytes differ: %v", err)
	}
	for _, want := range []string{"\r\n", "END\r\n"} {
		if line, err := replies.ReadString('\n'); line != want || err != nil {
			t.Fatalf("%q %v, want %q", line, err, want)
		}
	}
	<-put
}

// TestBackupEnds: whichever side goes first, the other one ends.
func TestBackupEnds(t *testing.T) {
	t.Run("the client goes", func(t *testing.T) {
		l := newSlowLog()
		_, replies, conn := serveOn(t, l)
		io.WriteString(conn, "backup\r\n")
		tr := <-l.transfers
		tr.Announce(1, 1<<40)
		replies.ReadString('\n')
		conn.Close()
		for tr.Put(make([]byte, 16<<10)) {
		}
	})
	t.Run("the database fails", func(t *testing.T) {
		l := newSlowLog()
		_, replies, conn := serveOn(t, l)
		io.WriteString(conn, "backup\r\nget a\r\n")
		tr := <-l.transfers
		tr.Announce(1, 1<<20)
		tr.Put([]byte("abc"))
		tr.Fail("SERVER_ERROR the disk is gone")
		got, err := io.ReadAll(replies)
		if !strings.HasSuffix(string(got), " 1048576\r\nabc") || err != nil {
			t.Errorf("a backup that is cut short must not look whole: %q %v", got, err)
		}
	})
}
