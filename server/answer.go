package server

import (
	"weensydb/store"
	"weensydb/wire"
)

// answer carries out a request that is not one for the Table. The output has
// room for a line.
func (s *Session) answer() {
	switch s.req.Op {
	case wire.Nothing:
	case wire.Error:
		s.errorLine(s.req.Err)
	case wire.MetaNoop:
		s.line("MN")
	case wire.Version:
		s.line("VERSION " + s.env.Version)
	case wire.Verbosity:
		s.errorLine("OK")
	case wire.MemLimit:
		s.setMemory()
	case wire.Stats:
		s.statistics()
	case wire.MetaDump, wire.MGDump:
		s.line("OK")
		s.dump = 1
	case wire.Snapshot, wire.Backup:
		s.transfer = newTransfer(s.req.Op == wire.Backup, s.wake)
		s.env.Executor.Snapshot(s.transfer)
	case wire.Quit:
		s.ending = true
	case wire.Hangup:
		s.env.hangups.log(s.env.Logger, s.lastRequest.Load(), s.dialect, s.req.Err)
		s.ending = true
	}
	s.mark(0)
}

// setMemory answers cache_memlimit, whose unit is MiB.
func (s *Session) setMemory() {
	switch mb := s.req.Delta; {
	case mb < 8:
		s.errorLine("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m")
	case mb > 1_000_000_000:
		s.errorLine("MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes")
	default:
		s.env.Executor.SetMemory(int64(mb) << 20)
		s.errorLine("OK")
	}
}

// dumpBucket puts one bucket of a dump into the output, and the end after the
// last. A dump sees each item that is there all the time, once.
func (s *Session) dumpBucket() {
	short := false
	now := s.env.Executor.Now()
	position := s.env.Executor.Scan(s.dump-1, func(key []byte, it *store.Item, size int) {
		if short = short || !s.reserve(replyRoom); short {
			return
		}
		if s.req.Op == wire.MGDump {
			s.out = wire.AppendMGDump(s.out, key)
			return
		}
		w := wire.Item{
			Expiry: -1, Accessed: it.LastAccess / 1000, Flags: it.Flags, CAS: it.CAS, Fetched: it.Fetched, Size: size,
		}
		if it.Expiry != store.Never {
			w.Expiry = now/1000 + ttl(it.Expiry, now)
		}
		s.out = wire.AppendMetaDump(s.out, key, &w)
	})
	s.dump++
	switch {
	case short || !s.reserve(replyRoom):
		s.ending = true // a dump that is cut short must not look whole
	case s.dump > store.Buckets && s.req.Op == wire.MGDump:
		s.line("EN")
		s.dump = 0
	case s.dump > store.Buckets:
		s.line("END")
		s.dump = 0
	}
	s.mark(position)
}
