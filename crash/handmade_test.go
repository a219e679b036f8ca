package crash_test

import (
	"bufio"
	"strings"
	"testing"
)

// An episode is one request of a history made by hand. Those that stand
// together follow one another, but for those that are cut off: they are under
// way until the next death.
type episode struct {
	op    operation
	reply string // "": none
}

// death is the end of the server.
var death = episode{op: operation{verb: -1}}

func opSet(key int, value string) operation {
	return operation{verb: askSet, onWeensy: true, key: key, value: value}
}

func opGet(key int) operation    { return operation{verb: askGet, onWeensy: true, key: key} }
func opGets(key int) operation   { return operation{verb: askGet, key: key} }
func opDelete(key int) operation { return operation{verb: askRemove, onWeensy: true, key: key} }
func opExch(key, other int) operation {
	return operation{verb: askExch, onWeensy: true, key: key, other: other}
}

var opFlush = operation{verb: askFlush, group: everywhere}

// in puts the operation into another group, where keys are named otherwise.
func in(group int, op operation) operation {
	op.group = group
	return op
}

const miss = "END\r\n"

// TestHistories holds the model and the checker against histories made by hand:
// what a crash must not do must be found, and nothing else.
func TestHistories(t *testing.T) {
	initial := []episode{{opSet(0, "a"), "STORED #1\r\n"}, {opSet(1, "b"), "STORED #2\r\n"}, {in(1, opSet(0, "c")), "STORED #3\r\n"}}
	const (
		isA = "VALUE g0k0 1 #1\r\na\r\nEND\r\n"
		isB = "VALUE g0k0 1 #1\r\nb\r\nEND\r\n"
		isN = "VALUE g0k0 1 #1\r\nn\r\nEND\r\n"
		isC = "VALUE g1k0 1 #3\r\nc\r\nEND\r\n"
	)
	for _, test := range []struct {
		name     string
		legal    bool
		episodes []episode
	}{
		{"all is there", true, []episode{death, {opGet(0), isA}}},
		{"an acknowledged write is lost", false, []episode{{opSet(0, "n"), "STORED #1\r\n"}, death, {opGet(0), isA}}},
		{"an acknowledged delete is lost", false, []episode{{opDelete(0), "DELETED #1\r\n"}, death, {opGet(0), isA}}},
		{"what was cut off has happened", true, []episode{{opSet(0, "n"), ""}, death, {opGet(0), isN}}},
		{"what was cut off has not happened", true, []episode{{opSet(0, "n"), ""}, death, {opGet(0), isA}}},
		{"what was cut off happens later", false, []episode{{opSet(0, "n"), ""}, death, {opGet(0), isA}, {opGet(0), isN}}},
		{"it comes with the next death", false, []episode{{opSet(0, "n"), ""}, death, {opGet(0), isA}, death, {opGet(0), isN}}},
		{"it goes with the next death", false, []episode{{opSet(0, "n"), ""}, death, {opGet(0), isN}, death, {opGet(0), isA}}},
		{"it happened, as another saw", true, []episode{{opSet(0, "n"), ""}, {opGet(0), isA}, {opGet(0), isN}, death, {opGet(0), isN}}},
		{"another saw what is lost", false, []episode{{opSet(0, "n"), ""}, {opGet(0), isN}, death, {opGet(0), isA}}},
		{"a miss contradicts what survives", false, []episode{{opDelete(0), ""}, {opGet(0), miss}, death, {opGet(0), isA}}},
		{"a refusal contradicts what survives", false, []episode{
			{opDelete(0), "DELETED #1\r\n"},
			{opSet(0, "n"), ""},
			{operation{verb: askAdd, key: 0, value: "x"}, "NOT_STORED\r\n"},
			death,
			{opGet(0), miss},
		}},
		{"half an exchange", false, []episode{{opExch(0, 1), ""}, death, {opGet(0), isB}, {opGet(1), "VALUE g0k1 1 #2\r\nb\r\nEND\r\n"}}},
		{"a whole exchange", true, []episode{{opExch(0, 1), ""}, death, {opGet(0), isB}, {opGet(1), "VALUE g0k1 1 #2\r\na\r\nEND\r\n"}}},
		{"part of a value", false, []episode{{opSet(0, "n*20;"), ""}, death, {opGet(0), "VALUE g0k0 10 #1\r\nn*20;n*20;\r\nEND\r\n"}}},
		{"a whole value", true, []episode{{opSet(0, "n*10;"), ""}, death, {opGet(0), "VALUE g0k0 10 #1\r\nn*10;n*10;\r\nEND\r\n"}}},
		{"a flush happened to all", true, []episode{{opFlush, ""}, death, {opGet(0), miss}, {in(1, opGet(0)), miss}}},
		{"a flush happened to none", true, []episode{{opFlush, ""}, death, {opGet(0), isA}, {in(1, opGet(0)), isC}}},
		{"a flush happened to some", false, []episode{{opFlush, ""}, death, {opGet(0), miss}, {in(1, opGet(0)), isC}}},
		{"an ID is given again", false, []episode{{opDelete(0), "DELETED #1\r\n"}, death, {opSet(0, "n"), "STORED #1\r\n"}}},
		{"an ID changes", false, []episode{death, {opGet(0), "VALUE g0k0 1 #9\r\na\r\nEND\r\n"}}},
		{"a token stays", true, []episode{{opGets(0), "VALUE g0k0 0 1 7\r\na\r\nEND\r\n"}, death, {opGets(0), "VALUE g0k0 0 1 7\r\na\r\nEND\r\n"}}},
		{"a token changes", false, []episode{{opGets(0), "VALUE g0k0 0 1 7\r\na\r\nEND\r\n"}, death, {opGets(0), "VALUE g0k0 0 1 8\r\na\r\nEND\r\n"}}},
		{"a token is given again", false, []episode{
			{opGets(0), "VALUE g0k0 0 1 7\r\na\r\nEND\r\n"},
			death,
			{opSet(0, "n"), "STORED #1\r\n"},
			{opGets(0), "VALUE g0k0 0 1 7\r\nn\r\nEND\r\n"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := play(t, append(initial[:len(initial):len(initial)], test.episodes...)).check()
			if (err == nil) != test.legal {
				t.Errorf("legal: %v, but the checker says %v", test.legal, err)
			}
		})
	}
}

// play makes a history of the episodes.
func play(t *testing.T, episodes []episode) *history {
	h := newHistory(make([]groupState, 2))
	clock := int64(0)
	tick := func() int64 { clock++; return clock }
	end := func() {
		for _, i := range h.pending {
			h.entries[i].Return = tick()
		}
		h.pending = nil
	}
	for i, e := range episodes {
		if e == death {
			end()
			continue
		}
		got := answer{unknown: e.reply == ""}
		if !got.unknown {
			var err error
			if got, err = e.op.readAnswer(bufio.NewReader(strings.NewReader(e.reply))); err != nil {
				t.Fatal(err)
			}
		}
		h.add(i, e.op, tick(), got)
		h.entries[len(h.entries)-1].Return = tick()
	}
	end()
	return h
}
