package main

import "github.com/alecthomas/kong"

// onOff is a flag that can stand alone, --cache, or with a value, --cache=false.
// The text is kept, so that a bad one is reported with the other mistakes.
type onOff string

// Decode implements kong.MapperValue.
func (o *onOff) Decode(ctx *kong.DecodeContext) error {
	*o = "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*o = onOff(ctx.Scan.Pop().String())
	}
	return nil
}

// IsBool implements kong.BoolMapperValue: no value is expected.
func (*onOff) IsBool() bool { return true }
