// Command weensydb is the whole of WeensyDB in one program: "weensydb serve" is
// the server, "weensydb inspect" reads what one left on disk, and the other
// commands speak to one.
//
// A command is a struct that kong fills from the command line (fields and tags
// are its flags and arguments) and a thin Run method that calls what does the
// work. The same structs are the grammar of the prompt (prompt.go), of the help
// and of shell completion (completion.go).
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"weensydb"
)

// program is the grammar of the command line.
type program struct {
	Serve   serveCommand   `cmd:"" group:"Server:" help:"Run a server until it is stopped."`
	Restore restoreCommand `cmd:"" group:"Server:" help:"Make a directory of a backup."`
	Verify  verifyCommand  `cmd:"" group:"Server:" help:"Check a backup, or the directory of a server that was stopped."`
	Inspect inspectCommand `cmd:"" group:"Server:" help:"Look into a backup, or the directory of a server that was stopped."`
	clientCommands
	Backup backupCommand `cmd:"" set:"timeout=${patience}" group:"Data in and out:" help:"Write all that a server has to a file, while it goes on."`
	Export exportCommand `cmd:"" set:"timeout=${patience}" group:"Data in and out:" help:"Print all items of a server, as lines of JSON."`
	//lint:ignore SA5008 kong takes several of set
	Import     importCommand     `cmd:"" set:"listener=${memcache}" set:"timeout=1m" group:"Data in and out:" help:"Store exported items, or those of a memcached, in a server."`
	Cli        cliCommand        `cmd:"" group:"Interactive use:" help:"Open a prompt for the commands above."`
	Completion completionCommand `cmd:"" group:"Interactive use:" help:"Print a completion script for a shell."`

	Version kong.VersionFlag `env:"-" help:"Print the version of this program."`
}

const description = `WeensyDB: a key-value database that you can telnet to and that memcached's clients know.

Exit codes: 0 done; 1 the server said no (not found, changed meanwhile, refused), serve failed, damage was found, or not everything was imported; 2 the command line or the configuration is wrong; 3 the server cannot be reached.`

func main() {
	s := newSession(os.Stdin, os.Stdout, os.Stderr)
	code := run(os.Args[1:], s)
	s.close()
	os.Exit(code)
}

// run executes one command line and returns the exit code.
func run(args []string, s *session) int {
	var p program
	k := newProgramParser(&p, s)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args, mistakes := checkServe(k, args)
	ctx, done, err := parse(k, args)
	switch {
	case done:
		return exitOK
	case selects(ctx, "serve"):
		return s.report(p.Serve.serve(s, ctx, joinMistakes(mistakes, err)))
	case err != nil:
		fmt.Fprintf(s.stderr, "weensydb: %v\n%s\n", err, seeHelp(ctx))
		return exitUsage
	}
	return s.report(ctx.Run(s))
}

// newProgramParser makes the parser of the command line.
func newProgramParser(p *program, s *session) *kong.Kong {
	return newParser(p, s, description, kong.DefaultEnvars("WEENSYDB"))
}

// newParser makes a parser for a grammar. Help goes to the session's output.
func newParser(grammar any, s *session, about string, options ...kong.Option) *kong.Kong {
	return kong.Must(grammar, append([]kong.Option{
		kong.Name("weensydb"),
		kong.Description(about),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(int) { panic(helpPrinted{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(describe),
		kong.Vars{
			"version":  weensydb.Version,
			"timeout":  defaultTimeout.String(),
			"patience": "10m",         // of commands for which a server writes all that it has
			"listener": defaultWeensy, // commands that need the other one set it themselves
			"memcache": defaultMemcache,
			"http":     defaultHTTP,
			"dir":      weensydb.DefaultConfig().Dir,
		},
	}, options...)...)
}

// helpPrinted unwinds kong, which counts on its Exit function not to return.
type helpPrinted struct{}

// parse parses a command line. done says that all it asked for was printed.
// With an error, ctx may still tell what was understood.
func parse(k *kong.Kong, args []string) (ctx *kong.Context, done bool, err error) {
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case helpPrinted:
			done = true
		default:
			panic(r)
		}
	}()
	ctx, err = k.Parse(args)
	if parseErr, ok := err.(*kong.ParseError); ok {
		ctx = parseErr.Context
	}
	return ctx, false, err
}

// selects reports whether the command line names the command.
func selects(ctx *kong.Context, command string) bool {
	return ctx != nil && ctx.Selected() != nil && ctx.Selected().Name == command
}

func seeHelp(ctx *kong.Context) string {
	if ctx == nil || ctx.Selected() == nil {
		return "See 'weensydb --help'."
	}
	return fmt.Sprintf("Usage: %s\nSee '%s --help'.", usage(ctx.Selected()), ctx.Selected().FullPath())
}

// usage is a command with its arguments: "set KEY [VALUE]".
func usage(command *kong.Node) string {
	text := command.Name
	for _, arg := range command.Positional {
		if arg.Required {
			text += " " + arg.Name
		} else {
			text += " [" + arg.Name + "]"
		}
	}
	return text
}

// describe is the help of a flag or argument, with its default and environment
// variable.
func describe(value *kong.Value) string {
	text := value.Help
	if value.HasDefault && value.Default != "" && !value.IsBool() {
		text += " Default: " + value.Default + "."
	}
	if value.Flag != nil && len(value.Flag.Envs) > 0 {
		text += " [$" + value.Flag.Envs[0] + "]"
	}
	return text
}
