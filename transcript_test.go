package weensydb_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// The documents' transcripts are executed. In a fence marked console, "$ "
// starts a command, and what follows is its output. In one marked telnet, the
// one command is "telnet HOST PORT"; "> " starts a line typed there (it ends in
// \r\n, as telnet's do), and the others are what the server answers. "..."
// within expected text stands for anything; alone it stands for any lines.
// Carriage returns at the end of a line are not compared: they cannot be seen
// in a document, and the conversations under server/testdata show them.

// A block is one fence of a document.
type block struct {
	lang  string
	line  int // of its first line, from 1
	lines []string
}

// blocksOf lists the fences of a Markdown document.
func blocksOf(markdown string) []block {
	var blocks []block
	inside := false
	for i, line := range strings.Split(markdown, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			if inside = !inside; inside {
				blocks = append(blocks, block{lang: strings.TrimPrefix(line, "```"), line: i + 2})
			}
		case inside:
			b := &blocks[len(blocks)-1]
			b.lines = append(b.lines, line)
		}
	}
	return blocks
}

// A player executes blocks. The documents name the default ports, which may be
// taken where the tests run: so the server listens on others, and the player
// puts those in their place, in commands and in what is expected. A server that
// is started again has other ports.
type player struct {
	ports   map[string]string // the default port to the one in use, "" until it is known
	env     []string          // of commands
	dir     string            // in the place of weensydb-data, in commands
	server  *exec.Cmd         // what a "serve" command started
	timeout time.Duration     // for an answer
}

const loopback = "127.0.0.1:"

// translate puts the ports in use in the place of the default ones.
func (p *player) translate(text string) string {
	for from, to := range p.ports {
		if to != "" {
			text = strings.ReplaceAll(text, loopback+from, loopback+to)
		}
	}
	return text
}

// play executes a block and says where it goes otherwise than written.
func (p *player) play(b block) error {
	if len(b.lines) == 0 || !strings.HasPrefix(b.lines[0], "$ ") {
		return fmt.Errorf("line %d: a %s block starts with a command", b.line, b.lang)
	}
	switch b.lang {
	case "telnet":
		return p.playTelnet(b)
	case "console":
		return p.playConsole(b)
	default:
		return fmt.Errorf("line %d: no such block: %q", b.line, b.lang)
	}
}

func (p *player) playTelnet(b block) error {
	words := strings.Fields(b.lines[0])
	if len(words) != 4 || words[1] != "telnet" {
		return fmt.Errorf("line %d: want $ telnet HOST PORT", b.line)
	}
	conn, err := net.Dial("tcp", p.translate(words[2]+":"+words[3]))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(p.timeout)); err != nil {
		return err
	}
	e := expecter{in: bufio.NewReader(conn), player: p}
	for i, line := range b.lines[1:] {
		if typed, ok := strings.CutPrefix(line, "> "); ok {
			_, err = io.WriteString(conn, typed+"\r\n")
		} else {
			err = e.expect(line)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", b.line+1+i, err)
		}
	}
	conn.(*net.TCPConn).CloseWrite() // fails if the server has closed, which is as good
	if err := e.expectEnd(); err != nil {
		return fmt.Errorf("line %d: after the block: %w", b.line, err)
	}
	return nil
}

// playConsole runs the commands of b one after the other. One whose words end
// in "serve" is left running.
func (p *player) playConsole(b block) error {
	for i := 0; i < len(b.lines); {
		at, command := b.line+i, strings.TrimPrefix(b.lines[i], "$ ")
		var expected []string
		for i++; i < len(b.lines) && !strings.HasPrefix(b.lines[i], "$ "); i++ {
			expected = append(expected, b.lines[i])
		}
		run := p.run
		if strings.HasSuffix(command, " serve") || strings.Contains(command, " serve ") {
			run = p.serve
		}
		if err := run(command, expected); err != nil {
			return fmt.Errorf("line %d: %s: %w", at, command, err)
		}
	}
	return nil
}

// command prepares a command line. A program that "go run" started does not get
// the signals that its parent gets, so the installed one takes its place.
func (p *player) command(line string) *exec.Cmd {
	line = strings.ReplaceAll(line, "go run ./cmd/weensydb", "weensydb")
	line = strings.ReplaceAll(line, "weensydb-data", p.dir)
	cmd := exec.Command("sh", "-c", p.translate(line))
	cmd.Env = append(os.Environ(), p.env...)
	return cmd
}

func (p *player) run(command string, expected []string) error {
	output, err := p.command(command).CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return err
	}
	return p.compare(string(output), expected)
}

// compare reports how output differs from what is expected.
func (p *player) compare(output string, expected []string) error {
	e := expecter{in: bufio.NewReader(strings.NewReader(output)), player: p}
	for _, line := range expected {
		if err := e.expect(line); err != nil {
			return err
		}
	}
	return e.expectEnd()
}

// serve starts a server and waits for what it says first. One that runs must
// have been killed.
func (p *player) serve(command string, expected []string) error {
	if p.server != nil {
		p.server.Wait() // its error is that it was killed
		for port := range p.ports {
			p.ports[port] = ""
		}
	}
	cmd := p.command("exec " + command) // signals are to reach it, not a shell
	output, input, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = input, input
	err = cmd.Start()
	input.Close()
	if err != nil {
		return err
	}
	p.server = cmd
	if err := output.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return err
	}
	e := expecter{in: bufio.NewReader(output), player: p}
	for _, line := range expected {
		if err := e.expect(line); err != nil {
			return err
		}
	}
	go io.Copy(io.Discard, output) // until the server ends: it must not wait for a reader
	return nil
}

// stop ends the server as Ctrl-C does and reports how it ended.
func (p *player) stop() error {
	if p.server == nil {
		return nil
	}
	if err := p.server.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.server.Wait()
}

// An expecter compares lines as they come with those expected.
type expecter struct {
	in     *bufio.Reader
	player *player
	skip   bool // "..." was the last line expected
}

func (e *expecter) expect(want string) error {
	if want == "..." {
		e.skip = true
		return nil
	}
	for {
		got, err := e.in.ReadString('\n')
		got = strings.TrimRight(got, "\r\n")
		if err != nil && (err != io.EOF || got == "") { // the last line may lack its end
			return fmt.Errorf("got %q and %w, want %q", got, err, want)
		}
		if e.player.matches(want, got) {
			e.skip = false
			return nil
		}
		if !e.skip {
			return fmt.Errorf("got %q, want %q", got, want)
		}
	}
}

func (e *expecter) expectEnd() error {
	rest, err := io.ReadAll(e.in)
	if err == nil && len(rest) > 0 && !e.skip {
		err = fmt.Errorf("got %q more", rest)
	}
	return err
}

// matches compares a line with the one expected, and learns from it which ports
// are in use, where that is not known yet.
func (p *player) matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(p.translate(want)), `\.\.\.`, `.*`)
	for from, to := range p.ports {
		if to == "" {
			pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(loopback+from), regexp.QuoteMeta(loopback)+`(?P<port`+from+`>\d+)`)
		}
	}
	re := regexp.MustCompile("^" + pattern + "$")
	found := re.FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range re.SubexpNames() {
		if from, ok := strings.CutPrefix(name, "port"); ok {
			p.ports[from] = found[i]
		}
	}
	return true
}
