package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// How the requests of a history look on the wire, and how replies are read: an
// implementation of the protocols of its own, so that a mistake of package
// wire cannot hide itself.

// A dialect is one of the ways to ask.
type dialect int

const (
	inWeensy dialect = iota
	inClassic
	inMeta
)

// keyName is the name of a group's key.
func keyName(group, key int) string { return fmt.Sprintf("g%dk%d", group, key) }

func (op operation) keyName() string { return keyName(op.group, op.key) }

// exptime is the ttl as the memcache dialects write it.
func (op operation) exptime() string { return strconv.FormatInt(op.ttl, 10) }

// String is the request as sent, on one line.
func (op operation) String() string { return fmt.Sprintf("%q", op.encode()) }

// encode is the request as sent.
func (op operation) encode() string {
	switch op.dialect {
	case inWeensy:
		return op.encodeWeensy()
	case inClassic:
		line, body := op.encodeClassic()
		if op.noreply {
			line += " noreply"
		}
		return line + "\r\n" + body
	}
	return op.encodeMeta()
}

func (op operation) encodeWeensy() string {
	switch op.verb {
	case askGet:
		return "get " + op.keyName() + "\r\n"
	case askStore:
		return fmt.Sprintf("set %s %d\r\n%s", op.keyName(), len(op.value), op.value)
	case askRemove:
		return "delete " + op.keyName() + "\r\n"
	case askExch:
		return "exch " + op.keyName() + " " + keyName(op.group, op.other) + "\r\n"
	case askSwapValue:
		return fmt.Sprintf("cas %s %d %d\r\n%s%s", op.keyName(), len(op.old), len(op.value), op.old, op.value)
	}
	panic("the WeensyDB dialect does not have it")
}

// storeWords are the classic storage commands by mode.
var storeWords = map[byte]string{'S': "set", 'E': "add", 'R': "replace", 'A': "append", 'P': "prepend"}

func (op operation) encodeClassic() (line, body string) {
	switch op.verb {
	case askGet:
		word, exptime := "get", ""
		if op.touch {
			word, exptime = "gat", op.exptime()+" "
		}
		if op.showToken {
			word += "s"
		}
		return word + " " + exptime + op.keyName(), ""
	case askStore:
		body = op.value + "\r\n"
		if op.token != 0 {
			return fmt.Sprintf("cas %s %d %s %d %d", op.keyName(), op.flags, op.exptime(), len(op.value), op.token), body
		}
		return fmt.Sprintf("%s %s %d %s %d", storeWords[op.mode], op.keyName(), op.flags, op.exptime(), len(op.value)), body
	case askRemove:
		return "delete " + op.keyName(), ""
	case askCount:
		word := "incr"
		if op.down {
			word = "decr"
		}
		return fmt.Sprintf("%s %s %d", word, op.keyName(), op.delta), ""
	case askTouch:
		return "touch " + op.keyName() + " " + op.exptime(), ""
	case askExch:
		return "exch " + op.keyName() + " " + keyName(op.group, op.other), ""
	case askFlush:
		return "flush_all", ""
	}
	panic("the classic dialect does not have it")
}

func (op operation) encodeMeta() string {
	var line, body strings.Builder
	flag := func(when bool, format string, args ...interface{}) {
		if when {
			fmt.Fprintf(&line, " "+format, args...)
		}
	}
	switch op.verb {
	case askGet:
		line.WriteString("mg " + op.keyName())
		flag(op.create != 0, "N%d", op.create)
		flag(op.touch, "T%s", op.exptime())
		flag(op.recache != 0, "R%d", op.recache)
		flag(true, "t f c v")
	case askStore:
		fmt.Fprintf(&line, "ms %s %d", op.keyName(), len(op.value))
		body.WriteString(op.value + "\r\n")
		flag(true, "M%c c F%d T%s", op.mode, op.flags, op.exptime())
		flag(op.stale, "I")
		flag(op.create != 0, "N%d", op.create)
	case askRemove:
		line.WriteString("md " + op.keyName())
		flag(op.stale, "I")
		flag(op.drop, "x")
		flag(op.touch || op.drop, "T%s", op.exptime())
	case askCount:
		line.WriteString("ma " + op.keyName())
		flag(op.create != 0, "N%d", op.create)
		flag(op.down, "MD")
		flag(true, "D%d J%d c t v", op.delta, op.initial)
	default:
		panic("the meta dialect does not have it")
	}
	flag(op.token != 0, "C%d", op.token)
	flag(op.newToken != 0, "E%d", op.newToken)
	flag(true, "k")
	return line.String() + "\r\n" + body.String()
}

// statuses are the replies of one word in all dialects.
var statuses = map[string]status{
	"STORED": isDone, "DELETED": isDone, "TOUCHED": isDone, "EXCHANGED": isDone, "OK": isDone, "HD": isDone,
	"NOT_FOUND": isNotFound, "NF": isNotFound, "EN": isNotFound, "END": isNotFound,
	"NOT_STORED": isNotStored, "NS": isNotStored,
	"EXISTS": isPresent, "EX": isPresent,
	"CLIENT_ERROR cannot increment or decrement non-numeric value": isNoNumber,
}

// errUnexpected is a reply that the request cannot have.
var errUnexpected = errors.New("unexpected reply")

// readAnswer reads the reply of op. An error says that the stream cannot be used
// any more.
func (op operation) readAnswer(in *bufio.Reader) (answer, error) {
	line, err := readLine(in)
	if err != nil {
		return answer{}, err
	}
	if status, ok := statuses[line]; ok && op.dialect != inMeta || status == isNoNumber {
		return answer{status: status}, nil
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return answer{}, fmt.Errorf("%w: an empty line", errUnexpected)
	}
	var got answer
	switch {
	case op.dialect == inMeta:
		got, err = op.readMeta(words, in)
	case words[0] == "VALUE" && op.verb == askGet:
		got, err = op.readValue(words, in)
	case op.dialect == inClassic && op.verb == askCount:
		got.value = &line
		_, err = strconv.ParseUint(line, 10, 64)
	case op.dialect == inWeensy:
		got, err = op.readIDs(words)
	default:
		err = errUnexpected
	}
	if err != nil {
		return answer{}, fmt.Errorf("%v: %w: %q", op, err, line)
	}
	return got, nil
}

// readIDs is a reply such as "STORED #7" or "EXCHANGED #7 #8".
func (op operation) readIDs(words []string) (got answer, err error) {
	if got.status = statuses[words[0]]; got.status != isDone || words[0] == "OK" {
		return answer{}, errUnexpected
	}
	ids := make([]uint64, len(words)-1)
	for i, word := range words[1:] {
		if ids[i], err = parseID(word); err != nil {
			return answer{}, err
		}
	}
	switch {
	case op.verb == askExch && len(ids) == 2:
		got.id, got.otherID = &ids[0], &ids[1]
	case op.verb != askExch && len(ids) == 1:
		got.id = &ids[0]
	default:
		return answer{}, errUnexpected
	}
	return got, nil
}

func parseID(word string) (uint64, error) {
	digits, ok := strings.CutPrefix(word, "#")
	if !ok {
		return 0, errUnexpected
	}
	return strconv.ParseUint(digits, 10, 64)
}

// readValue is the rest of a VALUE reply, up to END.
func (op operation) readValue(words []string, in *bufio.Reader) (got answer, err error) {
	want := 4
	if op.showToken {
		want = 5
	}
	if len(words) != want || words[1] != op.keyName() {
		return answer{}, errUnexpected
	}
	length := words[3]
	if op.dialect == inWeensy {
		length = words[2]
		id, err := parseID(words[3])
		if err != nil {
			return answer{}, err
		}
		got.id = &id
	} else if got.flags, err = parseFlags(words[2]); err != nil {
		return answer{}, err
	}
	if op.showToken {
		token, err := strconv.ParseUint(words[4], 10, 64)
		if err != nil {
			return answer{}, err
		}
		got.token = &token
	}
	if got.value, err = readBody(length, in); err != nil {
		return answer{}, err
	}
	if line, err := readLine(in); err != nil || line != "END" {
		return answer{}, fmt.Errorf("%w: %q for END", errUnexpected, line)
	}
	return got, nil
}

// readMeta is a meta reply: status, size for VA, flags.
func (op operation) readMeta(words []string, in *bufio.Reader) (got answer, err error) {
	flags := words[1:]
	size := ""
	if words[0] == "VA" && len(words) > 1 {
		size, flags = words[1], words[2:]
	} else if status, ok := statuses[words[0]]; ok && len(words[0]) == 2 {
		got.status = status
	} else {
		return answer{}, errUnexpected
	}
	marks := ""
	for _, flag := range flags {
		number, err := strconv.ParseUint(strings.TrimPrefix(flag[1:], "-"), 10, 64)
		switch flag[0] {
		case 'W', 'X', 'Z':
			marks, err = marks+flag, nil
		case 'k':
			err = nil
			if flag[1:] != op.keyName() {
				err = errUnexpected
			}
		case 'c':
			if got.status == isDone {
				got.token = &number
			}
		case 'f':
			got.flags = new(uint32(number))
		case 't':
			if flag[1:] == "-1" {
				number = 0
			}
			got.ttl = new(int64(number))
		default:
			err = errUnexpected
		}
		if err != nil {
			return answer{}, err
		}
	}
	if op.verb == askGet && got.status == isDone {
		got.marks = &marks
	}
	if size != "" {
		got.value, err = readBody(size, in)
	}
	return got, err
}

func parseFlags(word string) (*uint32, error) {
	flags, err := strconv.ParseUint(word, 10, 32)
	return new(uint32(flags)), err
}

// readBody reads a value of the stated length and the line end after it.
func readBody(length string, in *bufio.Reader) (*string, error) {
	n, err := strconv.ParseUint(length, 10, 20)
	if err != nil {
		return nil, err
	}
	body := make([]byte, n+2)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	value, ok := strings.CutSuffix(string(body), "\r\n")
	if !ok {
		return nil, fmt.Errorf("%w: no line end after a value", errUnexpected)
	}
	return &value, nil
}
