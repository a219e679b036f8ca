package wire

import (
	"bytes"
	"errors"
	"math"
)

// Errors of ParseReply. Neither can be recovered from on the same connection:
// where the next reply would begin is not known.
var (
	// ErrReply: the bytes are no reply of the dialect.
	ErrReply = errors.New("not a reply of this protocol")
	// ErrReplyLength: a reply announces a value longer than the caller's limit.
	ErrReplyLength = errors.New("the reply's value is longer than the limit")
)

// ReplyKind is what a reply says.
type ReplyKind uint8

// The replies of both listeners. Which fields of Reply each fills, beyond Line
// and Rest, is said beside it.
const (
	ReplyStored        ReplyKind = iota + 1 // Weensy: ID
	ReplyNotStored                          //
	ReplyExists                             //
	ReplyNotFound                           //
	ReplyDeleted                            // Weensy: ID
	ReplyExchanged                          // Weensy: ID, ID2
	ReplyTouched                            //
	ReplyOK                                 //
	ReplyReset                              // of "stats reset"
	ReplyValue                              // Key Data; Weensy: ID; Memcache: Flags, CAS if it was asked for
	ReplyEnd                                // ends values, statistics and dumps
	ReplyNumber                             // Number: the result of incr and decr
	ReplyStat                               // Rest is "NAME VALUE"
	ReplyDumped                             // a line of a dump, beginning "key="
	ReplyVersion                            // Rest is the version
	ReplyBusy                               // of a dump: another one is under way
	ReplySnapshot                           // ID is its position, Number its size in bytes
	ReplyBackup                             // the same; that many bytes follow
	ReplyMetaHeader                         // HD
	ReplyMetaValue                          // VA: Data; Rest is the length and the flags
	ReplyMetaMiss                           // EN
	ReplyMetaNotStored                      // NS
	ReplyMetaExists                         // EX
	ReplyMetaNotFound                       // NF
	ReplyMetaNoop                           // MN
	ReplyMetaDebug                          // ME
	ReplyError                              // Rest says more only if connections are refused
	ReplyClientError                        // Rest is the message
	ReplyServerError                        // Rest is the message
)

// Reply is one reply. Its slices point into the input of ParseReply.
type Reply struct {
	Kind   ReplyKind
	Line   []byte // the whole line without its \r\n
	Rest   []byte // the line after its first word and a blank
	Key    []byte
	Data   []byte
	ID     uint64 // the item's
	ID2    uint64 // of an exchange: the second item's
	CAS    uint64
	Number uint64
	Flags  uint32
}

// ParseReply looks at the front of in. If n is not 0, r is the reply in its
// first n bytes: a line and, if it announces one, the data block after it. n is
// 0 while more input is needed. A value longer than limit bytes is refused
// before it is waited for. Nothing is allocated.
//
//	VALUE k 5 #7\r\n           Weensy, the ID of the item last
//	VALUE k 0 5 12\r\n         Memcache, client flags first, the CAS token of gets last
//	VA 5 f0 c12\r\n            Memcache, meta
//	hello\r\n                  the data block of any of them
func ParseReply(d Dialect, in []byte, limit int, r *Reply) (n int, err error) {
	end := bytes.IndexByte(in[:min(len(in), MaxLine+2)], '\n')
	switch {
	case end < 0 && len(in) < MaxLine+2:
		return 0, nil
	case end < 0:
		return 0, ErrReply
	}
	line, after := in[:end], in[end+1:]
	line, ended := bytes.CutSuffix(line, []byte("\r"))
	length, err := r.parseLine(d, line, limit)
	switch {
	case err != nil:
		return 0, err
	case !ended && r.Kind != ReplyDumped:
		return 0, ErrReply
	case r.Kind != ReplyValue && r.Kind != ReplyMetaValue:
		return end + 1, nil
	}
	// Compared this way round, no length can overflow.
	if len(after) < 2 || len(after)-2 < length {
		return 0, nil
	}
	if string(after[length:length+2]) != "\r\n" {
		return 0, ErrReply
	}
	r.Data = after[:length:length]
	return end + 1 + length + 2, nil
}

// parseLine fills r from a line and returns the length of its data block.
func (r *Reply) parseLine(d Dialect, line []byte, limit int) (length int, err error) {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	*r = Reply{Kind: replyKind(word), Line: line, Rest: rest}
	ok := true
	switch r.Kind {
	case 0:
		r.Kind = ReplyNumber
		r.Number, ok = parseUint(line, math.MaxUint64)
	case ReplyValue:
		return r.parseValue(d, limit)
	case ReplyMetaValue:
		word, _ := nextToken(rest)
		return replyLength(word, limit)
	case ReplySnapshot, ReplyBackup:
		position, rest := nextToken(rest)
		size, rest := nextToken(rest)
		var ok2 bool
		r.ID, ok = parseUint(position, math.MaxUint64)
		r.Number, ok2 = parseUint(size, math.MaxInt64)
		ok = ok && ok2 && len(rest) == 0
	case ReplyStored, ReplyDeleted:
		ok = r.parseIDs(d, &r.ID)
	case ReplyExchanged:
		ok = r.parseIDs(d, &r.ID, &r.ID2)
	}
	if !ok {
		return 0, ErrReply
	}
	return 0, nil
}

// replyKind looks up the first word of a line; 0 is none of them.
func replyKind(word []byte) ReplyKind {
	switch string(word) {
	case "STORED":
		return ReplyStored
	case "NOT_STORED":
		return ReplyNotStored
	case "EXISTS":
		return ReplyExists
	case "NOT_FOUND":
		return ReplyNotFound
	case "DELETED":
		return ReplyDeleted
	case "EXCHANGED":
		return ReplyExchanged
	case "TOUCHED":
		return ReplyTouched
	case "OK":
		return ReplyOK
	case "RESET":
		return ReplyReset
	case "VALUE":
		return ReplyValue
	case "END":
		return ReplyEnd
	case "STAT":
		return ReplyStat
	case "VERSION":
		return ReplyVersion
	case "BUSY":
		return ReplyBusy
	case "SNAPSHOT":
		return ReplySnapshot
	case "BACKUP":
		return ReplyBackup
	case "ERROR":
		return ReplyError
	case "CLIENT_ERROR":
		return ReplyClientError
	case "SERVER_ERROR", "SERVER_ERROR:": // memcached's answer to shutdown has the colon
		return ReplyServerError
	}
	if bytes.HasPrefix(word, []byte("key=")) {
		return ReplyDumped
	}
	return metaKind(word)
}

func metaKind(word []byte) ReplyKind {
	switch string(word) {
	case "HD":
		return ReplyMetaHeader
	case "VA":
		return ReplyMetaValue
	case "EN":
		return ReplyMetaMiss
	case "NS":
		return ReplyMetaNotStored
	case "EX":
		return ReplyMetaExists
	case "NF":
		return ReplyMetaNotFound
	case "MN":
		return ReplyMetaNoop
	case "ME":
		return ReplyMetaDebug
	}
	return 0
}

// parseValue parses what follows VALUE.
func (r *Reply) parseValue(d Dialect, limit int) (length int, err error) {
	key, rest := nextToken(r.Rest)
	if CheckKey(d, key) != nil {
		return 0, ErrReply
	}
	r.Key = key
	ok := true
	if d == Memcache {
		var word []byte
		word, rest = nextToken(rest)
		var flags uint64
		flags, ok = parseUint(word, math.MaxUint32)
		r.Flags = uint32(flags)
	}
	word, rest := nextToken(rest)
	last, rest := nextToken(rest)
	switch {
	case d == Weensy:
		r.ID, ok = parseID(last)
	case len(last) > 0:
		var valid bool
		r.CAS, valid = parseUint(last, math.MaxUint64)
		ok = ok && valid
	}
	if !ok || len(rest) > 0 {
		return 0, ErrReply
	}
	return replyLength(word, limit)
}

// parseIDs parses the "#ID" words that end some replies of Weensy; Memcache's
// have none.
func (r *Reply) parseIDs(d Dialect, ids ...*uint64) bool {
	rest := r.Rest
	if d == Weensy {
		for _, id := range ids {
			var word []byte
			var ok bool
			word, rest = nextToken(rest)
			if *id, ok = parseID(word); !ok {
				return false
			}
		}
	}
	return len(rest) == 0
}

func parseID(word []byte) (uint64, bool) {
	if len(word) == 0 || word[0] != '#' {
		return 0, false
	}
	return parseUint(word[1:], math.MaxUint64)
}

func replyLength(word []byte, limit int) (int, error) {
	n, ok := parseUint(word, math.MaxUint64)
	switch {
	case !ok:
		return 0, ErrReply
	case n > uint64(max(limit, 0)):
		return 0, ErrReplyLength
	}
	return int(n), nil
}
