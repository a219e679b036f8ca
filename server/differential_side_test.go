package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A request is one step of a stream, the same bytes for both sides but for the
// CAS tokens, which are written as <cas1> and so on.
type request struct {
	text string
	last bool // nothing can follow it: the side may be waiting for a body for ever
}

// A side is one of the two servers that are compared.
type side struct {
	addr  string
	conn  *net.TCPConn
	in    *bufio.Reader
	names names
	asked int
	spoil func(answer string) string // see TestDifferentialCatches
}

func (s *side) open() error {
	if s.conn != nil {
		return nil
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	s.conn, s.in = conn.(*net.TCPConn), bufio.NewReader(conn)
	return nil
}

func (s *side) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// write sends text cut at some places. A failure shows in the answer.
func (s *side) write(text string, cuts []int) {
	s.conn.SetWriteDeadline(time.Now().Add(patience))
	from := 0
	for _, cut := range append(cuts, len(text)) {
		io.WriteString(s.conn, text[from:cut])
		from = cut
	}
}

// ask sends a request and returns its whole answer, with CAS tokens named. What
// delimits the answer is that of a request with an opaque token never used
// before, so that it does not matter how many lines the answer has.
func (s *side) ask(r request, cuts []int) (string, error) {
	if err := s.open(); err != nil {
		return "", err
	}
	text := s.names.send(r.text, time.Now())
	s.asked++
	end := fmt.Sprintf("EN O%d\r\n", s.asked)
	if !r.last {
		text += fmt.Sprintf("mg ~ O%d\r\n", s.asked)
	}
	s.write(text, within(cuts, len(text)))
	if r.last {
		s.conn.CloseWrite()
	}
	var reply strings.Builder
	s.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := s.in.ReadString('\n')
		if line == end {
			answer := reply.String()
			if s.spoil != nil {
				answer = s.spoil(answer)
			}
			return s.names.normal(answer), nil
		}
		reply.WriteString(line)
		if err != nil {
			s.close()
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				return reply.String(), fmt.Errorf("no end of the answer within %v: %q", patience, shorten(reply.String()))
			}
			return s.names.normal(reply.String()) + "closed", nil
		}
	}
}

// stream sends all requests at once and returns all that is answered.
func (s *side) stream(requests []request, cuts []int) (string, error) {
	s.close()
	if err := s.open(); err != nil {
		return "", err
	}
	defer s.close()
	var text strings.Builder
	for _, r := range requests {
		text.WriteString(s.names.send(r.text, time.Now()))
	}
	go func(conn *net.TCPConn) {
		s.write(text.String(), within(cuts, text.Len()))
		conn.CloseWrite()
	}(s.conn)
	s.conn.SetReadDeadline(time.Now().Add(patience))
	reply, err := io.ReadAll(s.conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return "", fmt.Errorf("no end of the answers within %v", patience)
	}
	return names{}.normal(string(reply)), nil
}

// within are the cuts that are places in a text of n bytes.
func within(cuts []int, n int) []int {
	for i, cut := range cuts {
		if cut >= n {
			return cuts[:i]
		}
	}
	return cuts
}

var literalCAS = regexp.MustCompile(`^(0|1000000000\d{6})$`) // as requests give with E

// normal names the CAS tokens of an answer by their first appearance and drops
// what only says how memory is laid out.
func (b names) normal(reply string) string {
	lines := strings.SplitAfter(reply, "\n")
	for i, l := range lines {
		for _, cas := range []*regexp.Regexp{metaCAS, classicCAS, debugCAS} {
			if m := cas.FindStringSubmatch(l); m != nil && !literalCAS.MatchString(m[2]) {
				lines[i] = m[1] + b.name(m[2]) + m[3]
			}
		}
		if strings.HasPrefix(l, "VERSION ") {
			lines[i] = "VERSION <*>\r\n"
		}
		lines[i] = debugSizes.ReplaceAllString(lines[i], "cls=<n> size=<n>")
	}
	return strings.Join(lines, "")
}

var timeField = regexp.MustCompile(`(?s)^(t|l|exp=|la=)(\d+)(\r\n.*)?$`)

// sameAnswer compares two answers; times may differ by a tick of either clock.
func sameAnswer(a, b string) bool {
	if a == b {
		return true
	}
	as, bs := strings.Split(a, " "), strings.Split(b, " ")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i] == bs[i] {
			continue
		}
		x, y := timeField.FindStringSubmatch(as[i]), timeField.FindStringSubmatch(bs[i])
		if x == nil || y == nil || x[1] != y[1] || x[3] != y[3] {
			return false
		}
		n, _ := strconv.Atoi(x[2])
		m, _ := strconv.Atoi(y[2])
		if n-m > 2 || m-n > 2 {
			return false
		}
	}
	return true
}
