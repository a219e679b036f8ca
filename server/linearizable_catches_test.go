package server_test

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// An episode is one request of a history made by hand, and the time that it
// took. A reply of "" was lost.
type episode struct {
	call, back int64
	op         operation
	reply      string
}

// after is an episode that follows all before it.
func after(op operation, reply string) episode { return episode{op: op, reply: reply} }

// during is one that is under way from call to back.
func during(call, back int64, op operation, reply string) episode {
	return episode{call: call, back: back, op: op, reply: reply}
}

func opSet(key int, value string) operation {
	return operation{verb: askStore, dialect: inWeensy, mode: 'S', key: key, value: value}
}

func opMetaSet(key int, value string) operation {
	return operation{verb: askStore, dialect: inMeta, mode: 'S', key: key, value: value}
}

func opGet(key int) operation { return operation{verb: askGet, dialect: inWeensy, key: key} }

func opGets(key int) operation {
	return operation{verb: askGet, dialect: inClassic, key: key, showToken: true}
}

func opDelete(key int) operation { return operation{verb: askRemove, dialect: inWeensy, key: key} }

func opIncr(delta uint64) operation {
	return operation{verb: askCount, dialect: inClassic, delta: delta}
}

func opExch(key, other int) operation {
	return operation{verb: askExch, dialect: inWeensy, key: key, other: other}
}

const miss = "END\r\n"

// TestModel holds the model and the checker against histories made by hand: the
// violations must be found, and nothing else.
func TestModel(t *testing.T) {
	initial := []episode{
		after(opSet(0, "1"), "STORED #1\r\n"),
		after(opSet(1, "b"), "STORED #2\r\n"),
	}
	for _, test := range []struct {
		name     string
		legal    bool
		episodes []episode
	}{
		{"a plain read", true, []episode{after(opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n")}},
		{"a stale read", false, []episode{
			after(opSet(0, "2"), "STORED #1\r\n"),
			after(opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n"),
		}},
		{"an old value read during a write", true, []episode{
			during(10, 20, opSet(0, "2"), "STORED #1\r\n"),
			during(12, 14, opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n"),
			during(15, 16, opGet(0), "VALUE g0k0 1 #1\r\n2\r\nEND\r\n"),
		}},
		{"new, then old", false, []episode{
			during(10, 20, opSet(0, "2"), "STORED #1\r\n"),
			during(12, 14, opGet(0), "VALUE g0k0 1 #1\r\n2\r\nEND\r\n"),
			during(15, 16, opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n"),
		}},
		{"two counted", true, []episode{during(10, 20, opIncr(1), "2\r\n"), during(10, 20, opIncr(1), "3\r\n")}},
		{"a lost count", false, []episode{during(10, 20, opIncr(1), "2\r\n"), during(10, 20, opIncr(1), "2\r\n")}},
		{"a write that nobody made", false, []episode{after(opGet(1), "VALUE g0k1 1 #2\r\nx\r\nEND\r\n")}},
		{"exchanged", true, []episode{
			after(opExch(0, 1), "EXCHANGED #1 #2\r\n"),
			after(opGet(0), "VALUE g0k0 1 #1\r\nb\r\nEND\r\n"),
			after(opGet(1), "VALUE g0k1 1 #2\r\n1\r\nEND\r\n"),
		}},
		{"half exchanged", false, []episode{
			during(10, 20, opExch(0, 1), "EXCHANGED #1 #2\r\n"),
			during(12, 13, opGet(0), "VALUE g0k0 1 #1\r\nb\r\nEND\r\n"),
			during(14, 15, opGet(1), "VALUE g0k1 1 #2\r\nb\r\nEND\r\n"),
		}},
		{"an ID that went with the value", false, []episode{after(opExch(0, 1), "EXCHANGED #2 #1\r\n")}},
		{"a new ID after a delete", true, []episode{
			after(opDelete(0), "DELETED #1\r\n"),
			after(opSet(0, "2"), "STORED #3\r\n"),
		}},
		{"an ID issued again", false, []episode{
			after(opDelete(0), "DELETED #1\r\n"),
			after(opSet(0, "2"), "STORED #1\r\n"),
		}},
		{"an ID that changes on overwriting", false, []episode{after(opSet(0, "2"), "STORED #3\r\n")}},
		{"an ID of another key", false, []episode{
			after(opDelete(0), "DELETED #1\r\n"),
			after(opSet(0, "3"), "STORED #2\r\n"),
		}},
		{"deleted twice", false, []episode{
			during(10, 20, opDelete(0), "DELETED #1\r\n"),
			during(10, 20, opDelete(0), "DELETED #1\r\n"),
		}},
		{"a token for each write", true, []episode{
			after(opGets(0), "VALUE g0k0 0 1 100\r\n1\r\nEND\r\n"),
			after(opMetaSet(0, "2"), "HD c101 kg0k0\r\n"),
			after(opGets(0), "VALUE g0k0 0 1 101\r\n2\r\nEND\r\n"),
		}},
		{"a token that stays", false, []episode{
			after(opGets(0), "VALUE g0k0 0 1 100\r\n1\r\nEND\r\n"),
			after(opMetaSet(0, "2"), "HD c100 kg0k0\r\n"),
		}},
		{"a token that goes back", false, []episode{
			after(opGets(0), "VALUE g0k0 0 1 100\r\n1\r\nEND\r\n"),
			after(opMetaSet(0, "2"), "HD c99 kg0k0\r\n"),
		}},
		{"nothing of a lost request", true, []episode{
			during(10, never, opSet(0, "2"), ""),
			after(opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n"),
		}},
		{"an effect of a lost request, later", true, []episode{
			during(10, never, opSet(0, "2"), ""),
			during(11, 12, opGet(0), "VALUE g0k0 1 #1\r\n1\r\nEND\r\n"),
			during(13, 14, opGet(0), "VALUE g0k0 1 #1\r\n2\r\nEND\r\n"),
		}},
		{"two effects of a lost request", false, []episode{
			during(10, never, opDelete(0), ""),
			during(11, 12, opGet(0), miss),
			during(13, 14, opSet(0, "2"), "STORED #3\r\n"),
			during(15, 16, opGet(0), miss),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var found *violation
			err := play(t, append(initial[:2:2], test.episodes...)).check()
			switch {
			case test.legal && err != nil:
				t.Error(err)
			case !test.legal && (err == nil || errors.As(err, &found) && found.result != porcupine.Illegal):
				t.Errorf("want a violation, got %v", err)
			}
		})
	}
}

// play makes a history of the episodes. Those without a time follow one another,
// episode i at 100 i; the times of the others count from 200, when both keys are set.
func play(t *testing.T, episodes []episode) *history {
	h := &history{}
	for i, e := range episodes {
		call, back := 200+e.call, e.back
		switch back {
		case 0:
			call, back = int64(100*i), int64(100*i+1)
		case never:
		default:
			back += 200
		}
		got := answer{unknown: e.reply == ""}
		if !got.unknown {
			var err error
			if got, err = e.op.readAnswer(bufio.NewReader(strings.NewReader(e.reply))); err != nil {
				t.Fatal(err)
			}
		}
		h.add(i, e.op, call, got, back)
	}
	return h
}
