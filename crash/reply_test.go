package crash_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// How replies are read. It shares no code with the server, so that a mistake
// cannot hide itself.

// errUnexpected is a reply that the request cannot have. A crash does not
// excuse it.
var errUnexpected = errors.New("unexpected reply")

// A conn is a client's connection.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// connect connects to "host:port" or "unix:/path". All must be over after longWait.
func connect(addr string) (*conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, c.SetDeadline(time.Now().Add(longWait))
}

// A line is both connections of a client.
type line struct{ weensy, memcache *conn }

func (a addresses) dial() (*line, error) {
	weensy, err := connect(a.Weensy)
	if err != nil {
		return nil, err
	}
	memcache, err := connect(a.Memcache)
	if err != nil {
		weensy.Close()
		return nil, err
	}
	return &line{weensy, memcache}, nil
}

func (l *line) hangUp() {
	l.weensy.Close()
	l.memcache.Close()
}

// conn is the connection that the operation is for.
func (l *line) conn(op operation) *conn {
	if op.onWeensy {
		return l.weensy
	}
	return l.memcache
}

// ask sends the request and reads its reply.
func (l *line) ask(op operation) (answer, error) {
	c := l.conn(op)
	if _, err := c.Write([]byte(op.encode())); err != nil {
		return answer{}, err
	}
	return op.readAnswer(c.in)
}

// readLine reads a line and drops its end.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// statuses are the first words of replies.
var statuses = map[string]status{
	"STORED": isDone, "DELETED": isDone, "TOUCHED": isDone, "EXCHANGED": isDone, "OK": isDone, "HD": isDone,
	"VALUE": isDone, "VA": isDone,
	"NOT_FOUND": isNotFound, "NF": isNotFound, "EN": isNotFound, "END": isNotFound,
	"NOT_STORED": isNotStored, "NS": isNotStored,
	"EXISTS": isPresent, "EX": isPresent,
}

// readAnswer reads the reply of op.
func (op operation) readAnswer(in *bufio.Reader) (got answer, err error) {
	line, err := readLine(in)
	if err != nil {
		return answer{}, err
	}
	fail := func() (answer, error) { return answer{}, fmt.Errorf("%v: %w: %q", op, errUnexpected, line) }
	if line == "CLIENT_ERROR cannot increment or decrement non-numeric value" {
		return answer{status: isNoNumber}, nil
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return fail()
	}
	if op.verb == askCount && !op.meta && words[0][0] <= '9' {
		got.value = &line
		return got, nil
	}
	status, ok := statuses[words[0]]
	if !ok {
		return fail()
	}
	got.status = status
	length := 0
	for i, word := range words[1:] {
		if !got.readWord(op, words[0], i+1, word, &length) {
			return fail()
		}
	}
	if words[0] != "VALUE" && words[0] != "VA" {
		return got, nil
	}
	body := make([]byte, length+2)
	if _, err := io.ReadFull(in, body); err != nil {
		return answer{}, err
	}
	value, ok := strings.CutSuffix(string(body), "\r\n")
	if !ok {
		return fail()
	}
	got.value = new(brief(value))
	if words[0] == "VALUE" {
		end, err := readLine(in)
		if err != nil {
			return answer{}, err
		}
		if end != "END" {
			return fail()
		}
	}
	return got, nil
}

// readWord reads word i of a reply that begins with first.
func (a *answer) readWord(op operation, first string, i int, word string, length *int) bool {
	digits := strings.TrimLeft(word, "#cft")
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case first == "VALUE" && i == 1:
		return word == op.keyName()
	case err != nil:
		return false
	case word[0] == '#' && a.id == 0:
		a.id = uint64(n)
	case word[0] == '#':
		a.otherID = uint64(n)
	case word[0] == 'c', first == "VALUE" && !op.onWeensy && i == 4:
		a.token = uint64(n)
	case word[0] == 't' && n < 0:
		a.life = new(0)
	case word[0] == 't':
		a.life = new(int(n+lifeUnit/2) / lifeUnit)
	case word[0] == 'f', first == "VALUE" && !op.onWeensy && i == 2:
		a.flags = new(uint32(n))
	default:
		*length = int(n)
	}
	return true
}
