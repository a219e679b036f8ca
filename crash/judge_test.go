package crash_test

import (
	"errors"
	"testing"
)

// TestJudge holds the rules of the ledger against what a crash must not do.
func TestJudge(t *testing.T) {
	insert := func(key int, token uint64) entry {
		return entry{operation{verb: askSet, meta: true, key: key, value: "v"}, answer{token: token}}
	}
	count := func(sum string, token uint64) entry {
		return entry{operation{verb: askCount, meta: true, delta: 5}, answer{value: &sum, token: token}}
	}
	unknown := func(e entry) entry {
		e.got = answer{unknown: true}
		return e
	}
	found := func(value string, token uint64) answer { return answer{value: &value, token: token} }
	missing := answer{status: isNotFound}
	// A sound case, which each test makes unsound: two insertions of which the
	// second was cut off and is lost, two counts of which the second was cut off.
	type scene struct {
		sent []entry
		survey
		lossy bool
	}
	for _, test := range []struct {
		name  string
		legal bool
		spoil func(s *scene)
	}{
		{"sound", true, func(*scene) {}},
		{"what was cut off has happened", true, func(s *scene) { s.journals[2], s.counters[0] = found("v", 25), found("20", 26) }},
		{"an acknowledged insertion is lost", false, func(s *scene) { s.journals[1] = missing }},
		{"a lossy server lost the end", true, func(s *scene) {
			s.lossy, s.journals[1], s.counters[0] = true, missing, found("10", 15)
		}},
		{"a lossy server lost something between", false, func(s *scene) { s.lossy, s.journals[1] = true, missing }},
		{"a lossy server has the later of two", false, func(s *scene) {
			s.lossy, s.sent[0].got.token, s.journals[1], s.journals[2] = true, 0, missing, found("v", 25)
		}},
		{"a lossy server lost a count between", false, func(s *scene) { s.lossy, s.counters[0], s.journals[2] = true, found("10", 15), found("v", 25) }},
		{"a lossy server counted without the position", false, func(s *scene) {
			s.lossy, s.counters[0] = true, found("15", 15)
			s.journals[1] = missing
		}},
		{"a lossy server forgot what it had before", false, func(s *scene) {
			s.lossy, s.counters[0], s.journals[1] = true, found("9", 14), missing
		}},
		{"half a value", false, func(s *scene) { s.journals[1] = found("", 20) }},
		{"a count is lost", false, func(s *scene) { s.counters[0] = found("10", 15) }},
		{"a count too many", false, func(s *scene) { s.counters[0] = found("25", 26) }},
		{"a sum twice", false, func(s *scene) { s.sent = append(s.sent, count("15", 21)); s.counters[0] = found("20", 26) }},
		{"a counter is gone", false, func(s *scene) { s.counters[0] = missing }},
		{"a value of the ring is there twice", false, func(s *scene) { s.ring[0] = found("y", 3) }},
		{"a value of the ring is gone", false, func(s *scene) { s.ring[0] = missing }},
		{"what was deleted is back", false, func(s *scene) { s.deleted[0] = found("v", 2) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := scene{
				sent: []entry{insert(1, 20), count("15", 21), unknown(insert(2, 0)), unknown(count("", 0))},
				survey: survey{
					ring:     []answer{found("x", 3), found("y", 3)},
					counters: []answer{found("15", 21)},
					journals: map[int]answer{1: found("v", 20), 2: missing},
					deleted:  []answer{missing},
				},
			}
			test.spoil(&s)
			err := judge(s.survey, [][]entry{s.sent}, [counterKeys]uint64{10}, map[string]bool{"x": true, "y": true}, s.lossy)
			if test.legal && err != nil || !test.legal && !errors.Is(err, errAudit) {
				t.Errorf("legal: %v, but the judge says %v", test.legal, err)
			}
		})
	}
}

// TestNumbers: no number is given twice, and new ones are larger.
func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		name  string
		legal bool
		note  func(n *numbers) error
	}{
		{"seen again", true, func(n *numbers) error {
			return errors.Join(n.noteID(5, "k"), n.noteToken(50, "k", "v"))
		}},
		{"new ones", true, func(n *numbers) error {
			return errors.Join(n.noteID(6, "other"), n.noteToken(51, "other", "v"))
		}},
		{"an ID of another key", false, func(n *numbers) error { return n.noteID(5, "other") }},
		{"an ID that is not larger", false, func(n *numbers) error { return n.noteID(4, "other") }},
		{"a token with another value", false, func(n *numbers) error { return n.noteToken(50, "k", "w") }},
		{"a token that is not larger", false, func(n *numbers) error { return n.noteToken(49, "k", "w") }},
		{"a token of two exchanged keys", true, func(n *numbers) error { return n.noteToken(50, "other", "w") }},
		{"a token of three keys", false, func(n *numbers) error {
			return errors.Join(n.noteToken(50, "other", "w"), n.noteToken(50, "third", "x"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNumbers()
			if err := errors.Join(n.noteID(5, "k"), n.noteToken(50, "k", "v")); err != nil {
				t.Fatal(err)
			}
			n.known()
			err := test.note(n)
			if test.legal && err != nil || !test.legal && !errors.Is(err, errNumber) {
				t.Errorf("legal: %v, but numbers says %v", test.legal, err)
			}
		})
	}
}
