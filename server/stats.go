package server

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"weensydb/wire"
)

// stats count what the server does, since the start or the last reset.
type stats struct {
	started time.Time

	conns    atomic.Int64 // open now
	accepted atomic.Uint64
	rejected atomic.Uint64
	read     atomic.Uint64 // bytes
	written  atomic.Uint64 // bytes
	yields   atomic.Uint64
	flushes  atomic.Uint64
	metas    atomic.Uint64
	kicked   atomic.Uint64 // closed for idling, or for a request or a reply that took too long
}

func (s *stats) reset() {
	for _, c := range []*atomic.Uint64{&s.accepted, &s.rejected, &s.read, &s.written, &s.yields, &s.flushes, &s.metas, &s.kicked} {
		c.Store(0)
	}
}

// statistics answers stats and its variants.
func (s *Session) statistics() {
	switch string(s.req.Arg) {
	case "":
		s.generalStats()
	case "reset":
		s.env.Executor.ResetStats()
		s.env.stats.reset()
		s.line("RESET")
		return
	case "settings":
		s.settingsStats()
	case "items":
		s.itemsStats()
	case "slabs":
		s.slabsStats()
	case "sizes":
		s.stat("sizes_status", "disabled")
	case "conns":
		if s.env.visitConns != nil {
			s.env.visitConns(s.connStats)
		}
	default:
		s.line(wire.ErrUnknown)
		return
	}
	if s.ending = s.ending || !s.reserve(len("END\r\n")); s.ending {
		return
	}
	s.line("END")
}

// stat puts a line into the output. If there is no memory for it the connection
// ends: the reply must not look whole.
func (s *Session) stat(name string, value any) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case uint64:
		text = strconv.FormatUint(v, 10)
	default:
		text = fmt.Sprint(v)
	}
	if s.ending = s.ending || !s.reserve(len("STAT  \r\n")+len(name)+len(text)); s.ending {
		return
	}
	s.out = wire.AppendStat(s.out, name, text)
}

func (s *Session) generalStats() {
	e, t := s.env, s.env.Executor.Stats()
	now := time.Now()
	s.stat("pid", os.Getpid())
	s.stat("uptime", int64(now.Sub(e.stats.started).Seconds()))
	s.stat("time", now.Unix())
	s.stat("version", e.Version)
	s.stat("pointer_size", strconv.IntSize)
	s.stat("max_connections", e.MaxConns)
	s.stat("curr_connections", e.stats.conns.Load())
	s.stat("total_connections", e.stats.accepted.Load())
	s.stat("rejected_connections", e.stats.rejected.Load())
	s.stat("cmd_get", t.GetHits+t.GetMisses)
	s.stat("cmd_set", t.Sets)
	s.stat("cmd_flush", e.stats.flushes.Load())
	s.stat("cmd_touch", t.TouchHits+t.TouchMisses)
	s.stat("cmd_meta", e.stats.metas.Load())
	s.stat("get_hits", t.GetHits)
	s.stat("get_misses", t.GetMisses)
	s.stat("get_expired", t.Expired)
	s.stat("get_flushed", t.Flushed)
	s.stat("delete_misses", t.DeleteMisses)
	s.stat("delete_hits", t.DeleteHits)
	s.stat("incr_misses", t.IncrMisses)
	s.stat("incr_hits", t.IncrHits)
	s.stat("decr_misses", t.DecrMisses)
	s.stat("decr_hits", t.DecrHits)
	s.stat("cas_misses", t.CASMisses)
	s.stat("cas_hits", t.CASHits)
	s.stat("cas_badval", t.CASBad)
	s.stat("touch_hits", t.TouchHits)
	s.stat("touch_misses", t.TouchMisses)
	s.stat("bytes_read", e.stats.read.Load())
	s.stat("bytes_written", e.stats.written.Load())
	s.stat("limit_maxbytes", t.Limit)
	s.stat("accepting_conns", 1)
	s.stat("threads", e.Threads)
	s.stat("conn_yields", e.stats.yields.Load())
	s.stat("curr_items", t.Items)
	s.stat("total_items", t.Stored)
	s.stat("bytes", t.Live)
	s.stat("evictions", t.Evictions)
	s.stat("idle_kicks", e.stats.kicked.Load())
}

// settingsStats tells the limits by the names that memcached has for them.
func (s *Session) settingsStats() {
	e := s.env
	evictions := "off"
	if e.Cache {
		evictions = "on"
	}
	s.stat("maxbytes", e.Executor.Stats().Limit)
	s.stat("maxconns", e.MaxConns)
	s.stat("evictions", evictions)
	s.stat("num_threads", e.Threads)
	s.stat("reqs_per_event", requestsPerTurn)
	s.stat("cas_enabled", "yes")
	s.stat("binding_protocol", "ascii")
	s.stat("auth_enabled_ascii", "no")
	s.stat("item_size_max", e.MaxItemSize)
	s.stat("idle_timeout", int64(e.IdleTimeout.Seconds()))
	s.stat("flush_enabled", "yes")
	s.stat("dump_enabled", "yes")
}

// itemsStats tells of the one class that all items are in.
func (s *Session) itemsStats() {
	t := s.env.Executor.Stats()
	s.stat("items:1:number", t.Items)
	s.stat("items:1:mem_requested", t.Live)
	s.stat("items:1:evicted", t.Evictions)
}

func (s *Session) slabsStats() {
	t := s.env.Executor.Stats()
	s.stat("1:used_chunks", t.Items)
	s.stat("1:get_hits", t.GetHits)
	s.stat("1:cmd_set", t.Sets)
	s.stat("1:delete_hits", t.DeleteHits)
	s.stat("1:incr_hits", t.IncrHits)
	s.stat("1:decr_hits", t.DecrHits)
	s.stat("1:cas_hits", t.CASHits)
	s.stat("1:cas_badval", t.CASBad)
	s.stat("1:touch_hits", t.TouchHits)
	s.stat("active_slabs", 1)
	s.stat("total_malloced", t.Bytes)
}

// connStats tells of one connection.
func (s *Session) connStats(id uint64, remote, local string, idle int64) {
	prefix := strconv.FormatUint(id, 10) + ":"
	s.stat(prefix+"addr", remote)
	s.stat(prefix+"listen_addr", local)
	s.stat(prefix+"secs_since_last_cmd", idle)
}
