//go:build linux

package main

import (
	"encoding/binary"
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
	save, saved    string // has it write a snapshot; saved is how the answer begins
	saving         string // asks whether it still does; empty: it answers when it does not
}

var memcachedText = protocol{
	set:    func(v string) string { return fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", anyKey, len(v), v) },
	stored: func(string) string { return "STORED\r\n" },
	get:    func(string) string { return "get " + anyKey + "\r\n" },
	gotten: func(v string) string { return fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", anyKey, len(v), v) },
	ping:   "version\r\n", pong: "VERSION",
	count: "stats\r\n", counted: "STAT curr_items ",
	save: "snapshot\r\n", saved: "SNAPSHOT ",
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
	save: "BGSAVE\r\n", saved: "+Background saving started", saving: "INFO persistence\r\n",
}

const (
	digits = "000000000000"
	anyKey = "key:" + digits // of 16 bytes
)

// A template is a request or a reply in which the key can be any, and so can the
// value if it is anyValue.
type template struct {
	text  string
	key   int // where the digits of the key end; 0 if there is no key
	value int // where the part of the value begins that the key decides
	part  int // its length
}

func newTemplate(text string) template {
	t := template{text: text}
	if i := strings.Index(text, anyKey); i >= 0 {
		t.key = i + len(anyKey)
	}
	if i := strings.Index(text, valueMark); i >= 0 {
		n := len(text[i:]) - len(strings.TrimLeft(text[i:], valueMark))
		t.value, t.part = i, n/2
	}
	return t
}

// append appends the text for a key.
func (t template) append(b []byte, key int) []byte {
	start := len(b)
	b = append(b, t.text...)
	disperse(b[start+t.value:][:t.part], uint64(key))
	for at := start + t.key - 1; t.key > 0 && key > 0; at-- {
		b[at] = byte('0' + key%10)
		key /= 10
	}
	return b
}

// payload returns a value of n bytes.
func payload(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

const valueMark = "vvvvvvvv"

// anyValue stands for a value of n bytes, another for each key: one half cannot
// be compressed, the other can.
func anyValue(n int) string { return strings.Repeat(valueMark, n/len(valueMark)+1)[:n] }

// disperse fills b with bytes that look random, the same for the same seed: those
// of the generator SplitMix64 (Steele, Lea, Flood 2014).
func disperse(b []byte, seed uint64) {
	state := seed * 0xd1342543de82ef95
	for ; len(b) >= 8; b = b[8:] {
		state += 0x9e3779b97f4a7c15
		z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(b, z^z>>31)
	}
}
