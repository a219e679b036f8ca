//go:build linux

package main

import (
	"fmt"
	"strings"
)

// A protocol is how a server is asked for sets and gets, and the very bytes that
// it must answer. All are of the key anyKey.
type protocol struct {
	set, get       func(value string) string
	stored, gotten func(value string) string
	ping, pong     string // pong is how the answer begins
	count          string // asks for the number of items
	counted        string // comes before that number
}

var memcachedText = protocol{
	set:    func(v string) string { return fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", anyKey, len(v), v) },
	stored: func(string) string { return "STORED\r\n" },
	get:    func(string) string { return "get " + anyKey + "\r\n" },
	gotten: func(v string) string { return fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", anyKey, len(v), v) },
	ping:   "version\r\n", pong: "VERSION",
	count: "stats\r\n", counted: "STAT curr_items ",
}

var resp = protocol{
	set: func(v string) string {
		return fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(anyKey), anyKey, len(v), v)
	},
	stored: func(string) string { return "+OK\r\n" },
	get:    func(string) string { return fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(anyKey), anyKey) },
	gotten: func(v string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v) },
	ping:   "PING\r\n", pong: "+PONG",
	count: "DBSIZE\r\n", counted: ":",
}

const (
	digits = "000000000000"
	anyKey = "key:" + digits // of 16 bytes
)

// A template is a request or a reply in which the key can be any.
type template struct {
	text string
	key  int // where the digits of the key end; 0 if there is no key
}

func newTemplate(text string) template {
	t := template{text: text}
	if i := strings.Index(text, anyKey); i >= 0 {
		t.key = i + len(anyKey)
	}
	return t
}

// append appends the text for a key.
func (t template) append(b []byte, key int) []byte {
	start := len(b)
	b = append(b, t.text...)
	for at := start + t.key - 1; t.key > 0 && key > 0; at-- {
		b[at] = byte('0' + key%10)
		key /= 10
	}
	return b
}

// payload returns a value of n bytes.
func payload(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }
