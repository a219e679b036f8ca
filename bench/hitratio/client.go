package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// batch is how many keys one get asks for. A key that comes twice in a batch and
// is missing is missed twice, by every server alike.
const batch = 100

// client speaks memcached's text protocol on one connection.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	fill []byte // what values consist of
	line []byte // the keys of the get that is under way, each behind a space
}

func newClient(conn net.Conn) *client {
	return &client{
		conn: conn,
		in:   bufio.NewReaderSize(conn, 1<<20),
		out:  bufio.NewWriterSize(conn, 1<<20),
		fill: bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
	}
}

// keyLen is the length of every key.
const keyLen = 16

// appendKey appends key as 16 bytes to b.
func appendKey(b []byte, key uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[key>>shift&15])
	}
	return b
}

// get asks for keys and returns those that are missing, appended to missing.
func (c *client) get(keys, missing []uint64) ([]uint64, error) {
	c.line = c.line[:0]
	for _, key := range keys {
		c.line = appendKey(append(c.line, ' '), key)
	}
	fmt.Fprintf(c.out, "get%s\r\n", c.line)
	if err := c.out.Flush(); err != nil {
		return missing, err
	}
	i := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return missing, err
		}
		if string(line) == "END\r\n" {
			return append(missing, keys[i:]...), nil
		}
		key, size, err := parseValue(line)
		if err != nil {
			return missing, err
		}
		// Values come in the order of the keys.
		for i < len(keys) && !bytes.Equal(c.key(i), key) {
			missing = append(missing, keys[i])
			i++
		}
		if i == len(keys) {
			return missing, fmt.Errorf("the server sent a key that was not asked for")
		}
		i++
		if _, err := c.in.Discard(size + 2); err != nil {
			return missing, err
		}
	}
}

// key returns the key that the get under way asks for in place i.
func (c *client) key(i int) []byte {
	return c.line[i*(keyLen+1)+1:][:keyLen]
}

// parseValue takes "VALUE key flags bytes" apart. The key is part of line.
func parseValue(line []byte) (key []byte, size int, err error) {
	fields := bytes.Fields(line)
	if len(fields) != 4 || string(fields[0]) != "VALUE" {
		return nil, 0, fmt.Errorf("the server sent %q", line)
	}
	size, err = strconv.Atoi(string(fields[3]))
	return fields[1], size, err
}

// set stores values for keys and returns how many were refused.
func (c *client) set(keys []uint64, size func(key uint64) int) (refused int, err error) {
	for _, key := range keys {
		n := size(key)
		b := appendKey(append(c.out.AvailableBuffer(), "set "...), key)
		b = append(strconv.AppendInt(append(b, " 0 0 "...), int64(n), 10), "\r\n"...)
		c.out.Write(b)
		c.out.Write(c.fill[:n])
		c.out.WriteString("\r\n") // Flush reports what went wrong
	}
	if err := c.out.Flush(); err != nil {
		return 0, err
	}
	for range keys {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return refused, err
		}
		if string(line) != "STORED\r\n" {
			refused++
		}
	}
	return refused, nil
}

// outcome counts what play saw.
type outcome struct{ requests, hits, refused int }

// play asks for keys and stores those that are missing, as one does with a
// cache.
func (c *client) play(keys []uint64, size func(key uint64) int) (o outcome, err error) {
	var missing []uint64
	for part := range slices.Chunk(keys, batch) {
		if missing, err = c.get(part, missing[:0]); err != nil {
			return o, err
		}
		refused, err := c.set(missing, size)
		if err != nil {
			return o, err
		}
		o.requests += len(part)
		o.hits += len(part) - len(missing)
		o.refused += refused
	}
	return o, nil
}

// stats returns the statistics of the server.
func (c *client) stats() (map[string]string, error) {
	c.out.WriteString("stats\r\n")
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	stats := map[string]string{}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return stats, nil
		}
		stats[fields[1]] = fields[2]
	}
}
