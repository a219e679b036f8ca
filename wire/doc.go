// Package wire turns bytes into requests and replies, and requests and replies
// into bytes. It is pure: no I/O, no clock, nothing allocated per request. One
// parser serves server, client, tests and fuzzers.
//
// # The two dialects
//
// Both are lines of words, some followed by a body whose length the line
// announces. On the WeensyDB dialect a body ends after its last byte and the
// next request begins there; on memcached's protocols \r\n ends a body:
//
//	Weensy                          Memcache
//	set K LEN\r\n                   set K FLAGS EXPTIME LEN [noreply]\r\n
//	<LEN bytes>                     <LEN bytes>\r\n
//	get K\r\n                       ms K LEN flag*\r\n
//	                                <LEN bytes>\r\n
//
// A line ends in \n, with or without \r before it. See PROTOCOL.md for every
// request and reply.
//
// # Reading the package
//
// parser.go cuts input into lines and bodies; weensy.go, classic.go and meta.go
// parse the lines; request.go is what they fill. reply.go and metareply.go are
// the server's answers. encode.go and replies.go are the client's side.
package wire
