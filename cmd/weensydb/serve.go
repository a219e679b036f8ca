package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"weensydb"
)

// serveCommand declares the flags of serve. All are text: their values are
// gathered by settings.go, which also looks into the file and remembers where
// each came from, and read by config.go, which finds all mistakes, not the
// first.
type serveCommand struct {
	Weensy   []string `group:"Listeners:" placeholder:"ADDR" sep:"none" default:"${listener}" help:"Listen with the WeensyDB dialect; may be repeated; empty: off."`
	Memcache []string `group:"Listeners:" placeholder:"ADDR" sep:"none" default:"${memcache}" help:"Listen with memcached's text and meta protocols; may be repeated; empty: off."`
	HTTP     string   `name:"http" group:"Listeners:" placeholder:"ADDR" default:"${http}" help:"The console. It is not in this version yet and nothing listens there: only the default and empty are accepted."`

	Dir         string   `group:"Storage:" placeholder:"DIR" default:"${dir}" help:"Directory of the log; made if it is not there. One server at a time has it."`
	Durability  string   `group:"Storage:" placeholder:"MODE" default:"always" help:"What a crash can take back: always: nothing that was answered; interval: at most the last second; none: anything since the last stop."`
	Cache       onOff    `group:"Storage:" help:"Be a cache: evict when full. Otherwise a full store refuses new values and keeps the old ones."`
	Memory      string   `group:"Storage:" placeholder:"SIZE" help:"Bound of the items and the connections' buffers together, such as 512MiB or 4G. Default: half of what the process may use."`
	MaxItemSize string   `group:"Storage:" placeholder:"SIZE" default:"1MiB" help:"Bound of a key and its value together."`
	Threads     string   `group:"Limits:" placeholder:"N" help:"Threads that run the program at once. Default: the processors."`
	MaxConns    string   `group:"Limits:" placeholder:"N" default:"10000" help:"Open connections of all listeners; lowered to the limit of descriptors."`
	IdleTimeout string   `group:"Limits:" placeholder:"D" default:"0" help:"Close a connection that has sent nothing for so long; 0: never."`
	Request     string   `name:"request-timeout" group:"Limits:" placeholder:"D" default:"30s" help:"Close a connection whose request, once begun, is not complete after so long."`
	Write       string   `name:"write-timeout" group:"Limits:" placeholder:"D" default:"30s" help:"Close a connection that has not taken a reply after so long."`
	Drain       string   `name:"drain-timeout" group:"Limits:" placeholder:"D" default:"10s" help:"How long a stop waits for connections to be answered."`
	TLSCert     string   `name:"tls-cert" group:"Security:" placeholder:"F" help:"TLS certificate. Not in this version yet."`
	TLSKey      string   `name:"tls-key" group:"Security:" placeholder:"F" help:"TLS key. Not in this version yet."`
	TLSClientCA string   `name:"tls-client-ca" group:"Security:" placeholder:"F" help:"TLS certificates of those who sign clients'. Not in this version yet."`
	AuthFile    string   `group:"Security:" placeholder:"F" help:"File of users and passwords. Not in this version yet."`
	Allow       []string `group:"Security:" placeholder:"CIDR" sep:"none" help:"Only these networks may connect over TCP; may be repeated."`
	Insecure    onOff    `group:"Security:" help:"Permit listening beyond loopback, although there is neither TLS nor authentication."`
	Config      string   `placeholder:"FILE" help:"A TOML file with settings by their flags' names."`
}

func (*serveCommand) Help() string {
	return `A flag wins over its environment variable, that one over the file. Lists in variables are separated by commas. A SIZE is 512MiB or 4G, in powers of two; a duration D is 30s, 5m or 1h30m.

All mistakes are reported at once, with exit code 2. SIGINT (Ctrl-C) and SIGTERM answer what has arrived and stop, with exit code 0; a second signal stops at once.`
}

// serve runs a server until it is stopped. mistakes are those found so far.
func (*serveCommand) serve(s *session, ctx *kong.Context, mistakes []error) error {
	flags := ctx.Selected().Flags
	settings, wrong := gather(flags, givenFlags(ctx), os.LookupEnv)
	opts, more := settings.options()
	if mistakes = append(append(mistakes, wrong...), more...); len(mistakes) > 0 {
		return &failure{exitUsage, errors.Join(mistakes...)}
	}
	// Notified before the listeners open, so that no signal finds the default.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	log := slog.New(slog.NewTextHandler(s.stderr, nil))
	opts.config.Logger = log
	if opts.threads > 0 { // otherwise the runtime follows the control group's limit
		runtime.GOMAXPROCS(opts.threads)
	}
	if opts.gcLimit > 0 {
		debug.SetMemoryLimit(opts.gcLimit)
	}
	db, err := openUnlessStopped(opts.config, signals, newProgress("recovering", s.stderr, log))
	if err != nil {
		return explainOpen(err, opts.config)
	}
	opts.announce(s.stderr, db)
	for _, warning := range opts.warnings {
		log.Warn(warning)
	}
	return wait(db, signals, log, opts)
}

// openUnlessStopped opens the database. A signal ends the wait for a long recovery: the
// process may end at any moment of it.
func openUnlessStopped(config weensydb.Config, signals <-chan os.Signal, p *progress) (*weensydb.DB, error) {
	type result struct {
		db  *weensydb.DB
		err error
	}
	config.Progress = p.show
	opened := make(chan result, 1)
	go func() {
		db, err := weensydb.Open(config)
		p.end()
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		return r.db, r.err
	case got := <-signals:
		return nil, fmt.Errorf("stopped by a signal (%v) during recovery", got)
	}
}

// wait blocks until a signal, or until the storage fails, and then until the
// server has stopped or there is another signal.
func wait(db *weensydb.DB, signals <-chan os.Signal, log *slog.Logger, opts *options) error {
	var got os.Signal
	select {
	case <-db.Failed():
		log.Error("stopping: the storage has failed; whatever was not answered has an unknown outcome", "err", db.Err())
	case got = <-signals:
		log.Info("stopping: answering what has arrived; another signal stops at once",
			"signal", got.String(), "drain_timeout", opts.config.DrainTimeout.String())
	}
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			return fmt.Errorf("stopping: %w", err)
		}
		log.Info("stopped")
		return nil
	case got = <-signals:
		return fmt.Errorf("stopped at once by a second signal (%v)", got)
	}
}
