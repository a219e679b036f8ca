package wire

// A Dialect is one of the two grammars that a listener can speak.
type Dialect uint8

const (
	// Weensy is the WeensyDB dialect: a body ends after its last byte.
	Weensy Dialect = iota
	// Memcache is memcached's classic and meta text: a body ends in \r\n.
	Memcache
)

// String returns the name that flags, logs and statistics use.
func (d Dialect) String() string {
	if d == Weensy {
		return "weensy"
	}
	return "memcache"
}

// Limits of the grammar itself; those an operator sets are fields of Parser.
const (
	// MaxKeyLen is the longest key, in bytes; with the meta flag b, also the
	// longest encoded form.
	MaxKeyLen = 250

	// MaxLine is how many bytes without \n a request line may have before the
	// connection is closed. As memcached's.
	MaxLine = 2048

	// MaxGetLine is MaxLine for a line that begins with "get " or "gets ":
	// room for some 4,000 keys of the longest kind. memcached has no bound.
	MaxGetLine = 1 << 20

	// MaxMetaTokens is how many tokens a meta line may have, command and key
	// included.
	MaxMetaTokens = 20

	// MaxOpaque is the longest opaque token of a meta request, its O included.
	MaxOpaque = 32

	// maxTokens is where memcached's tokenizer stops looking at a line.
	maxTokens = 23
)
