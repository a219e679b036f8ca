package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
	"github.com/reeflective/readline"
)

// cliCommand is the prompt. On a terminal it has history, completion and a hint
// while typing; otherwise it reads lines, so that a script can use it.
type cliCommand struct {
	target
}

func (*cliCommand) Help() string {
	return `Type 'help' for the commands, 'quit' or Ctrl-D to leave. Words are separated by blanks; quotes and backslashes work as in a shell, and \n, \r, \t stand for themselves in C.

If standard input is no terminal, its lines are the commands; the exit code is then that of the first one that failed, and the others are run all the same.`
}

func (c *cliCommand) Run(s *session) error {
	p := newPrompt(s, c.target)
	if isTerminal(s.stdin) {
		return p.converse()
	}
	return p.readLines(s.stdin)
}

// promptGrammar is what can be typed at the prompt.
type promptGrammar struct {
	clientCommands
	Help helpCommand `cmd:"" group:"The prompt:" help:"Show the commands, or how to use one."`
	Quit quitCommand `cmd:"" aliases:"exit" group:"The prompt:" help:"Leave."`
}

type helpCommand struct {
	Command string `arg:"" optional:"" name:"COMMAND" help:"The command to explain."`
}

type quitCommand struct{}

var errQuit = errors.New("quit")

func (*quitCommand) Run() error { return errQuit }

func (c *helpCommand) Run(p *prompt) error {
	if c.Command == "" {
		return p.execute("--help")
	}
	return p.execute(c.Command + " --help")
}

// A prompt executes lines.
type prompt struct {
	session *session
	timeout time.Duration     // of commands that do not give their own
	model   *kong.Application // of the grammar, for completion and hints
	first   error             // of the commands that failed
}

// newPrompt makes a prompt whose commands go to t, unless they say otherwise.
func newPrompt(outer *session, t target) *prompt {
	s := *outer
	s.prompt, s.newline, s.server = true, true, t.Server
	p := &prompt{session: &s, timeout: t.Timeout}
	p.model = p.newParser().Model
	return p
}

// newParser makes a parser for one line: kong leaves marks in the model of what
// it has parsed.
func (p *prompt) newParser() *kong.Kong {
	k := newParser(new(promptGrammar), p.session, "The commands of the prompt.",
		kong.Vars{"timeout": p.timeout.String()}, kong.Bind(p))
	k.Model.Name = "weensydb>" // what its help shows before a command
	return k
}

// execute runs one line.
func (p *prompt) execute(line string) error {
	words, err := splitWords(line)
	if err != nil {
		return misused("%w", err)
	}
	if len(words) == 0 {
		return nil
	}
	ctx, done, err := parse(p.newParser(), words)
	switch {
	case done:
		return nil
	case err != nil:
		return misused("%w (type 'help')", err)
	}
	return ctx.Run(p.session)
}

// do runs one line, reports what went wrong, and reports whether it said quit.
func (p *prompt) do(line string) (quit bool) {
	err := p.execute(line)
	if errors.Is(err, errQuit) {
		return true
	}
	p.session.report(err)
	if p.first == nil {
		p.first = err
	}
	return false
}

// readLines takes commands from what is no terminal. Their errors have been
// printed when it returns: its own is for the exit code, and has no text.
func (p *prompt) readLines(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" && p.do(line) {
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if p.first == nil {
		return nil
	}
	return &failure{code: exitCode(p.first)}
}

// converse takes commands from a person.
func (p *prompt) converse() error {
	shell := readline.NewShell()
	shell.Prompt.Primary(func() string { return "weensydb> " })
	shell.Completer = func(line []rune, cursor int) readline.Completions {
		return readline.CompleteValuesDescribed(p.complete(string(line[:cursor]))...)
	}
	shell.Hint.SetProvider(func(line []rune, _ int) []rune { return []rune(p.hint(string(line))) })
	if file, err := historyFile(); err == nil { // otherwise only this prompt's lines are remembered
		if history, err := readline.NewHistoryFromFile(file); err == nil {
			shell.History.Add("file", history)
		}
	}
	fmt.Fprintln(p.session.stdout, "Type 'help' for the commands, 'quit' to leave.")
	for {
		line, err := shell.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case p.do(line):
			return nil
		}
	}
}

// historyFile is where the prompt remembers what was typed. It may hold values,
// so nobody else may read it. It is made if it is missing.
func historyFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "weensydb", "history")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return "", err
	}
	return path, file.Close()
}
