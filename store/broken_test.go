package store

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// Executors that do one thing wrongly each. The checkers that find nothing wrong
// with Table.Execute must find each of them out.

// decided does what tryOne does up to the decision. The stripe stays locked.
func (t *Table) decided(req *Request, now int64, res *Result) (s *stripe, tag uint32, floor uint64) {
	res.reset(t.advance(now))
	i, tag := t.place(req.Key)
	s = &t.stripes[i]
	s.mu.Lock()
	floor = t.instant(res)
	_, cur := s.alive(t, req.Key, tag, res, 0, floor)
	t.decide(cur, req, res)
	for n := range res.n { // what it points to may not stay
		e := &res.effects[n]
		e.arena = t.arena
		e.parts = [2]piece{{bytes: e.AppendValue([]byte{})}}
	}
	return s, tag, floor
}

// appendNow is append without what comes before it.
func (t *Table) appendNow(res *Result, floor uint64) (position uint64, saver *snapshot, ok bool) {
	room, _ := t.reserve(res)
	return t.append(res, room, floor)
}

// write makes an effect true, whatever is there now. The stripe is locked, and
// memory is plenty.
func (t *Table) write(s *stripe, tag uint32, e *Effect, position uint64) {
	var v view
	slot, ok := s.find(t.arena, e.Key, tag, &v)
	cur := &v
	if !ok {
		cur = nil
	}
	if e.Kind == Remove && !ok {
		return
	}
	for t.admit(s, tag, cur, e, false) > 0 {
		t.arena.grow(8)
	}
	t.apply(s, slot, tag, cur, e, position)
}

// ignoresFloor does not look whether a flush came between decision and append.
func ignoresFloor(t *Table, req *Request, now int64, res *Result) {
	if req.Op != Incr {
		t.Execute(req, now, res)
		return
	}
	s, tag, _ := t.decided(req, now, res)
	defer s.mu.Unlock()
	runtime.Gosched()
	if res.n > 0 {
		position, _, _ := t.appendNow(res, t.floor.Load())
		t.write(s, tag, &res.effects[0], position)
		res.learn()
	}
	res.Position = s.newest
}

// keepsDecision lets the lock go to make room, and then goes on with what it had
// decided.
func keepsDecision(t *Table, req *Request, now int64, res *Result) {
	switch req.Op {
	case Get, Exchange, Flush:
		t.Execute(req, now, res)
		return
	}
	s, tag, _ := t.decided(req, now, res)
	if res.n > 0 {
		s.mu.Unlock()
		t.makeRoom(1, res.Now)
		runtime.Gosched()
		s.mu.Lock()
		position, _, ok := t.appendNow(res, t.floor.Load())
		for !ok {
			position, _, ok = t.appendNow(res, t.floor.Load())
		}
		t.write(s, tag, &res.effects[0], position)
		res.learn()
	}
	res.Position = s.newest
	s.mu.Unlock()
}

// appliesFirst makes an effect true before the log has it, under the position
// that it will probably get.
func appliesFirst(t *Table, req *Request, now int64, res *Result) {
	if req.Op == Exchange || req.Op == Flush {
		t.Execute(req, now, res)
		return
	}
	s, tag, floor := t.decided(req, now, res)
	defer s.mu.Unlock()
	if res.n == 0 {
		return
	}
	t.appendMu.Lock()
	guess, saver := t.last+1, t.snapshot.Load()
	t.appendMu.Unlock()
	var v view
	if _, ok := s.find(t.arena, req.Key, tag, &v); ok {
		saver.save(t, s, tag, &v)
	}
	e := res.effects[0]
	if e.insert {
		e.Item.ID = guess // another than it will have
	}
	t.write(s, tag, &e, guess)
	runtime.Gosched()
	position, _, _ := t.appendNow(res, floor)
	t.write(s, tag, &res.effects[0], position)
}

// tears lets the locks go between the two halves of an exchange.
func tears(t *Table, req *Request, now int64, res *Result) {
	if req.Op != Exchange {
		t.Execute(req, now, res)
		return
	}
	res.reset(t.advance(now))
	i, tag1 := t.place(req.Key)
	j, tag2 := t.place(req.Key2)
	stripes := [2]*stripe{&t.stripes[i], &t.stripes[j]}
	lockBoth := func() func() {
		low, high := &t.stripes[min(i, j)], &t.stripes[max(i, j)]
		low.mu.Lock()
		if low == high {
			return low.mu.Unlock
		}
		high.mu.Lock()
		return func() { high.mu.Unlock(); low.mu.Unlock() }
	}
	unlock := lockBoth()
	floor := t.instant(res)
	_, v1 := stripes[0].alive(t, req.Key, tag1, res, 0, floor)
	_, v2 := stripes[1].alive(t, req.Key2, tag2, res, 1, floor)
	decideExchange(v1, v2, req, res)
	res.Position = max(stripes[0].newest, stripes[1].newest, floor)
	if res.n == 0 {
		unlock()
		return
	}
	for n := range res.n {
		e := &res.effects[n]
		e.arena = t.arena
		e.parts = [2]piece{{bytes: e.AppendValue([]byte{})}}
	}
	position, _, _ := t.appendNow(res, floor)
	t.write(stripes[0], tag1, &res.effects[0], position)
	unlock()
	runtime.Gosched()
	unlock = lockBoth()
	t.write(stripes[1], tag2, &res.effects[1], position)
	unlock()
	res.learn()
	res.Position = position
}

// unseen takes a snapshot that no change learns of, so that none saves what was
// there before.
func unseen(t *Table, _ int64, sink Sink) Image {
	t.snapshotMu.Lock()
	defer t.snapshotMu.Unlock()
	t.epoch++
	snap := &snapshot{epoch: t.epoch, sink: sink}
	t.appendMu.Lock()
	snap.image = Image{t.last, t.floor.Load(), t.flushDue.Load(), t.clock.Load()}
	t.appendMu.Unlock()
	for i := range t.stripes {
		for b := range bucketCount {
			s := &t.stripes[i]
			s.mu.Lock()
			snap.saveBucket(t, s, b)
			s.mu.Unlock()
		}
	}
	return snap.image
}

// A broken variant, and the checker that has to find it out.
type variant struct {
	name  string
	round func(seed uint64) error
	alone func(seed uint64) error // with nothing at the same time, which is right
}

func brokenLinear(name string, exec executor, ops ...Op) variant {
	round := func(workers int) func(uint64) error {
		s := &setting{workers: workers, steps: 14, ops: ops, yield: 0.3}
		return func(seed uint64) error {
			r := rand.New(rand.NewPCG(seed, 2))
			tab, _ := s.newTable(r)
			defer tab.arena.Close()
			return record(tab, s, exec, r).check()
		}
	}
	return variant{name, round(8), round(1)}
}

func brokenSnapshot(name string, exec executor, take snapshotter) variant {
	alone := *small
	alone.workers, alone.snapshots = 1, 0 // but for the one at the end
	round := func(b *bank) func(uint64) error {
		return func(seed uint64) error { return b.round(exec, take, seed) }
	}
	return variant{name, round(small), round(&alone)}
}

// TestBrokenCaught passes if every broken variant is found out, and only when
// requests meet.
func TestBrokenCaught(t *testing.T) {
	const most = 400 // rounds
	for _, v := range []variant{
		brokenLinear("a flush races with incr", ignoresFloor, Incr, Incr, Incr, Get, Get, Flush),
		brokenLinear("a decision kept while room is made", keepsDecision, Set, Append, Incr, Get, Get, Delete),
		brokenLinear("a torn exchange", tears, Set, Exchange, Exchange, Get, Get, Get),
		brokenSnapshot("applied before it is appended", appliesFirst, (*Table).Snapshot),
		brokenSnapshot("a snapshot without what was before", (*Table).Execute, unseen),
	} {
		t.Run(v.name, func(t *testing.T) {
			seeds := newRand(t)
			for range 5 {
				if err := v.alone(seeds.Uint64()); err != nil {
					t.Fatalf("alone it should be right: %v", err)
				}
			}
			for n := range most {
				if err := v.round(seeds.Uint64()); err != nil {
					text, _, _ := strings.Cut(err.Error(), "\n")
					t.Logf("found out in round %d: %s", n, text)
					return
				}
			}
			t.Errorf("not found out in %d rounds", most)
		})
	}
}
