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
	case wire.Quit:
		s.ending = true
	case wire.Hangup:
		s.env.Logger.Info("connection closed", "listener", s.dialect.String(), "reason", s.req.Err)
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

// dumpStripe puts one stripe of a dump into the output, and the end after the
// last. A dump sees each item that is there all the time, once.
func (s *Session) dumpStripe() {
	short := false
	now := s.env.Executor.Now()
	s.env.Executor.Scan(s.dump-1, func(key string, it *store.Item, value []byte, size int) {
		if short = short || !s.reserve(replyRoom); short {
			return
		}
		// The key is at most 250 bytes, so this copy stays on the stack.
		var buf [wire.MaxKeyLen]byte
		k := append(buf[:0], key...)
		if s.req.Op == wire.MGDump {
			s.out = wire.AppendMGDump(s.out, k)
			return
		}
		w := wire.Item{
			Expiry: -1, Accessed: it.LastAccess / 1000, Flags: it.Flags, CAS: it.CAS, Fetched: it.Fetched, Size: size,
		}
		if it.Expiry != store.Never {
			w.Expiry = now/1000 + ttl(it.Expiry, now)
		}
		s.out = wire.AppendMetaDump(s.out, k, &w)
	})
	s.dump++
	switch {
	case short || !s.reserve(replyRoom):
		s.ending = true // a dump that is cut short must not look whole
	case s.dump > store.Stripes && s.req.Op == wire.MGDump:
		s.line("EN")
		s.dump = 0
	case s.dump > store.Stripes:
		s.line("END")
		s.dump = 0
	}
	s.mark(0)
}
