package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"weensydb"
)

// defaultHTTP is where the console will listen.
const defaultHTTP = "127.0.0.1:6163"

// options are what serve does.
type options struct {
	config   weensydb.Config
	threads  int   // 0: leave the scheduler alone
	gcLimit  int64 // bytes; 0: leave the collector alone
	warnings []string
}

// A reader understands settings and collects mistakes.
type reader struct {
	settings settings
	mistakes []error
}

// options understands the settings, all of them, and lists what is wrong.
func (s settings) options() (*options, []error) {
	r := &reader{settings: s}
	usable := usableMemory()
	o := &options{threads: int(r.count("threads")), gcLimit: collectorLimit(usable)}
	o.config = weensydb.Config{
		Weensy:         r.addresses("weensy"),
		Memcache:       r.addresses("memcache"),
		Dir:            r.text("dir"),
		Durability:     r.durability(),
		Cache:          r.onOff("cache"),
		Memory:         r.size("memory", defaultMemory(usable)),
		MaxItemSize:    r.size("max-item-size", 0),
		MaxConns:       int(r.count("max-conns")),
		IdleTimeout:    r.duration("idle-timeout", true),
		RequestTimeout: r.duration("request-timeout", false),
		WriteTimeout:   r.duration("write-timeout", false),
		DrainTimeout:   r.duration("drain-timeout", false),
		Allow:          r.prefixes("allow"),
		Insecure:       r.onOff("insecure"),
	}
	r.refuseAbsent()
	if len(o.config.Weensy)+len(o.config.Memcache) == 0 {
		r.mistake("--weensy and --memcache are both off: nobody could connect")
	}
	r.mistakes = joinMistakes(r.mistakes, o.config.Validate())
	o.warn(usable)
	return o, r.mistakes
}

// refuseAbsent names what is asked for and does not exist yet.
func (r *reader) refuseAbsent() {
	for _, absent := range []struct{ name, feature string }{
		{"tls-cert", "TLS"}, {"tls-key", "TLS"}, {"tls-client-ca", "TLS"}, {"auth-file", "authentication"},
	} {
		if r.text(absent.name) != "" {
			r.wrong(absent.name, "%s is not in this version yet; leave it out", absent.feature)
		}
	}
	if http := r.text("http"); http != "" && http != defaultHTTP {
		r.wrong("http", "the console is not in this version yet; leave it out")
	}
}

func (r *reader) mistake(format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf(format, args...))
}

// wrong reports a setting by where it was found.
func (r *reader) wrong(name, format string, args ...any) {
	r.mistake("%s: %w", r.settings[name].label, fmt.Errorf(format, args...))
}

func (r *reader) text(name string) string { return r.settings[name].texts[0] }

// list gives the parts of a setting that can be repeated. Empty ones mean
// nothing, so that a list can be emptied.
func (r *reader) list(name string) []string {
	var parts []string
	for _, text := range r.settings[name].texts {
		if text = strings.TrimSpace(text); text != "" {
			parts = append(parts, text)
		}
	}
	return parts
}

// addresses checks ports, which Validate does not; the rest it does.
func (r *reader) addresses(name string) []string {
	addrs := r.list(name)
	for _, addr := range addrs {
		_, port, err := net.SplitHostPort(addr)
		if err != nil || strings.HasPrefix(addr, "unix:") {
			continue
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			r.wrong(name, "a port is a number up to 65535, not %q", port)
		}
	}
	return addrs
}

func (r *reader) durability() weensydb.Durability {
	switch d := weensydb.Durability(r.text("durability")); d {
	case weensydb.DurabilityAlways, weensydb.DurabilityInterval, weensydb.DurabilityNone:
		return d
	}
	r.wrong("durability", "write always, interval or none")
	return weensydb.DurabilityAlways
}

func (r *reader) onOff(name string) bool {
	text := r.text(name)
	if text == "" {
		return false
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		r.wrong(name, "write true or false")
	}
	return on
}

// size reads bytes; an empty text stands for otherwise.
func (r *reader) size(name string, otherwise int64) int64 {
	text := r.text(name)
	if text == "" {
		return otherwise
	}
	n, err := units.RAMInBytes(text)
	const most = 1 << 60 // what does not fit an int64 may come out as anything
	if err != nil || n <= 0 || n > most {
		r.wrong(name, "write a size such as 512MiB or 4G")
		return 0
	}
	return n
}

// count reads a number above 0; an empty text stands for 0.
func (r *reader) count(name string) int64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		r.wrong(name, "write a whole number above 0")
		return 0
	}
	return n
}

func (r *reader) duration(name string, zero bool) time.Duration {
	d, err := time.ParseDuration(r.text(name))
	switch {
	case err != nil:
		r.wrong(name, "write a duration such as 30s, 5m or 1h30m")
	case d < 0 || d == 0 && !zero:
		r.wrong(name, "write a duration above 0")
	default:
		return d
	}
	return 0
}

func (r *reader) prefixes(name string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range r.list(name) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.wrong(name, "%q is no network: write it as 10.0.0.0/8 or 192.0.2.7/32", text)
			continue
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes
}
