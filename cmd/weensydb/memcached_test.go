package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weensydb"
	"weensydb/wire"
)

var (
	movedItems = flag.Int("moved", 20_000, "items to move from a memcached")
	movedSeed  = flag.Uint64("moved-seed", uint64(time.Now().UnixNano()), "seed of their sizes, client flags and times")
)

// startMemcached runs the real one and gives its address.
func startMemcached(t *testing.T, args ...string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("memcached is missing (Debian package memcached)")
	} else if err != nil {
		t.Skip("memcached is missing (Debian package memcached)")
	}
	socket := filepath.Join(shortDir(t), "m")
	cmd := exec.Command(path, append([]string{"-s", socket, "-u", "nobody", "-t", "2"}, args...)...)
	if os.Getuid() == 0 {
		cmd.Args[4] = "root"
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return "unix:" + socket
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// movedValue is what is known of an item without keeping it.
type movedValue struct {
	flags  uint32
	size   int
	sum    uint32 // CRC-32 of the value
	expiry int64  // Unix s, about; 0: never
}

// fillMemcached stores n items of mixed sizes, client flags and times.
func fillMemcached(t *testing.T, addr string, n int, random *rand.Rand) map[string]movedValue {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(addr, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	out := bufio.NewWriterSize(conn, 1<<20)
	items := make(map[string]movedValue, n)
	content := make([]byte, 200_000)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	for i := range n {
		key := fmt.Appendf(nil, "key:%d", i)
		if i%5 == 0 {
			key = fmt.Appendf(nil, "\x00 binary\xff%d\n", i)
		}
		v := movedValue{size: random.IntN(200)}
		switch {
		case i%1000 == 0:
			v.size = random.IntN(200_000)
		case i%20 == 0:
			v.size = random.IntN(4000)
		}
		at := random.IntN(len(content) - v.size + 1)
		value := content[at : at+v.size]
		v.sum = crc32.ChecksumIEEE(value)
		if i%3 == 0 {
			v.flags = random.Uint32()
		}
		it := movedItem{key: key, value: value, flags: v.flags}
		ttl := int64(0)
		switch i % 4 {
		case 1:
			ttl = 600 + random.Int64N(100_000)
		case 2:
			ttl = time.Now().Unix() + maxRelative + random.Int64N(10_000_000) // absolute
		}
		request, _ := appendItem(nil, &it, ttl)
		request = bytes.Replace(request, []byte("\r\n"), []byte(" q\r\n"), 1)
		if _, err := out.Write(request); err != nil {
			t.Fatal(err)
		}
		items[string(key)] = v
	}
	io.WriteString(out, "mn\r\n")
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	if reply, err := bufio.NewReader(conn).ReadString('\n'); err != nil || reply != "MN\r\n" {
		t.Fatalf("%q %v", reply, err)
	}
	readExpiries(t, addr, items)
	return items
}

// readExpiries takes from memcached when its items expire.
func readExpiries(t *testing.T, addr string, items map[string]movedValue) {
	t.Helper()
	c, err := dial(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	n := 0
	err = c.list([]byte("lru_crawler metadump hash\r\n"), wire.ReplyDumped, func(r *wire.Reply) error {
		key, err := dumpedKey(r.Line)
		v := items[key]
		if _, bad := fmt.Sscanf(string(bytes.Fields(r.Line)[1]), "exp=%d", &v.expiry); bad != nil {
			return bad
		}
		v.expiry = max(0, v.expiry)
		items[key] = v
		n++
		return err
	})
	if err != nil || n != len(items) {
		t.Fatalf("%d of %d items are in memcached: %v", n, len(items), err)
	}
}

// clockOf tells how many milliseconds memcached's clock, which goes from second to
// second, is behind that of this machine at the moment at which it moves on.
func clockOf(t *testing.T, addr string) (behind int64) {
	t.Helper()
	c, err := dial(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	first := int64(0)
	for end := time.Now().Add(patience); ; {
		now, here := int64(0), time.Now().UnixMilli()
		err := c.list(c.dialect.AppendStats(nil, ""), wire.ReplyStat, func(r *wire.Reply) error {
			fmt.Sscanf(string(r.Rest), "time %d", &now)
			return nil
		})
		switch {
		case err != nil || time.Now().After(end):
			t.Fatal("no clock: ", err)
		case first == 0:
			first = now
		case now > first:
			return here - now*1000
		}
	}
}

// TestImportMemcached moves the items of a real memcached: all are there, with their
// flags and, within a second, their times.
func TestImportMemcached(t *testing.T) {
	if testing.Short() {
		*movedItems = min(*movedItems, 4000)
	}
	t.Logf("-moved %d -moved-seed %d", *movedItems, *movedSeed)
	from := startMemcached(t, "-m", "2048")
	want := fillMemcached(t, from, *movedItems, rand.New(rand.NewPCG(*movedSeed, 0)))
	db, err := weensydb.Open(weensydb.Config{
		Weensy: []string{"127.0.0.1:0"}, Memcache: []string{"127.0.0.1:0"}, Dir: t.TempDir(), Memory: 2 << 30, SegmentSize: 8 << 20, Durability: weensydb.DurabilityInterval,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	behind := clockOf(t, from)
	began := time.Now()
	o := invoke(t, "", "import", "--server", db.MemcacheAddr(), "--from-memcached", from)
	t.Logf("%d items in %.2f s", len(want), time.Since(began).Seconds())
	if o != (outcome{0, fmt.Sprintln(len(want), "items imported"), ""}) {
		t.Fatalf("%.2000s", fmt.Sprint(o))
	}
	const tolerance = 2000 // ms: what memcached is compared with may be a second off itself
	latest := int64(0)
	lines := exportReader(t, db.MemcacheAddr())
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		it, err := parseItemLine(line)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := want[string(it.key)]
		delete(want, string(it.key))
		got := movedValue{it.flags, len(it.value), crc32.ChecksumIEEE(it.value), w.expiry}
		late := it.expiry - w.expiry*1000 - behind // ms
		if w.expiry == 0 {
			late = it.expiry
		}
		if !ok || got != w || max(late, -late) > tolerance {
			t.Fatalf("%q: %+v, want %+v; it expires %d ms late", it.key, got, w, late)
		}
		latest = max(latest, late, -late)
	}
	t.Logf("all expire within %d ms", latest)
	if len(want) > 0 {
		t.Errorf("%d items are missing, such as %q", len(want), slices.Collect(maps.Keys(want))[:1])
	}
}

// exportReader exports to a file and reads that.
func exportReader(t *testing.T, addr string) *lineReader {
	file := filepath.Join(t.TempDir(), "f")
	if o := invoke(t, "", "export", "--server", addr, file); o.code != exitOK {
		t.Fatal(o)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// TestImportMemcachedTimes: what memcached says is left of an item's time is left of
// it afterwards, within a second.
func TestImportMemcachedTimes(t *testing.T) {
	from := startMemcached(t)
	_, to := openIn(t, t.TempDir())
	times := []int64{10, 1000, maxRelative, time.Now().Unix() + 2*maxRelative}
	conn := connectTo(t, from)
	for i, ttl := range times {
		talk(t, conn, fmt.Sprintf("set k%d 0 %d 1\r\nv\r\n", i, ttl), "STORED\r\n")
	}
	if o := invoke(t, "", "import", "--server", to, "--from-memcached", from); o.code != exitOK {
		t.Fatal(o)
	}
	other := connectTo(t, to)
	for i := range times {
		a, b := ttlOf(t, conn, i), ttlOf(t, other, i)
		if d := a - b; d < -1 || d > 1 || a == 0 {
			t.Errorf("time %d: %d s are left in memcached, %d s afterwards", i, a, b)
		}
	}
}

func connectTo(t *testing.T, addr string) net.Conn {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		return conn
	}
	return connect(t, addr)
}

// ttlOf asks how many seconds are left of an item.
func ttlOf(t *testing.T, conn net.Conn, i int) int64 {
	t.Helper()
	fmt.Fprintf(conn, "mg k%d t\r\n", i)
	b := make([]byte, 100)
	n, err := conn.Read(b)
	left, bad := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(string(b[:n]), "HD t"), "\r\n"), 10, 64)
	if err != nil || bad != nil {
		t.Fatalf("%q %v", b[:n], err)
	}
	return left
}

// TestImportFromCache: a server of this program is a memcached, too, and tells the
// marks of its items.
func TestImportFromCache(t *testing.T) {
	db, err := weensydb.Open(weensydb.Config{Memcache: []string{"127.0.0.1:0"}, Cache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, to := openIn(t, t.TempDir())
	if o := invoke(t, "", "import", "--server", to, "--from-memcached", db.MemcacheAddr()); o != (outcome{0, "0 items imported\n", ""}) {
		t.Errorf("from an empty one: %+v", o)
	}
	allKinds(t, db.MemcacheAddr())
	if o := invoke(t, "", "import", "--server", to, "--from-memcached", db.MemcacheAddr()); o != (outcome{0, "10 items imported\n", ""}) {
		t.Fatalf("%+v", o)
	}
	marks := map[string]bool{}
	for _, line := range exported(t, to) {
		var l itemLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Key != nil {
			marks[fmt.Sprintf("%s %v %v", *l.Key, l.Stale, l.Won)] = true
		}
	}
	for _, want := range []string{"plain false false", "stale true false", "both true true"} {
		if !marks[want] {
			t.Errorf("%s is missing: %v", want, marks)
		}
	}
}

// TestImportRefused: what the target does not take is told, and the rest is moved.
func TestImportRefused(t *testing.T) {
	from := startMemcached(t)
	conn := connectTo(t, from)
	big := strings.Repeat("v", 5000)
	talk(t, conn, fmt.Sprintf("set big 0 0 %d\r\n%s\r\n", len(big), big), "STORED\r\n")
	talk(t, conn, "set small 0 0 1\r\nv\r\n", "STORED\r\n")
	c := small(t.TempDir())
	c.Now = nil
	db, err := weensydb.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o := invoke(t, "", "import", "--server", db.MemcacheAddr(), "--from-memcached", from)
	if o.code != exitRefused || o.stdout != "1 item imported\n1 not imported: too large for the server\n" ||
		!strings.HasPrefix(o.stderr, `weensydb: key "big": SERVER_ERROR object too large`) {
		t.Errorf("%+v", o)
	}
	if o := invoke(t, "", "import", "--server", flaky(t, 1), "--from-memcached", from); o.code != exitUnreachable || !strings.Contains(o.stderr, "ended early: 1 item") {
		t.Errorf("a target that goes away: %+v", o)
	}
}

// TestOddMemcacheds: sources that do not what they should.
func TestOddMemcacheds(t *testing.T) {
	const version, line = "VERSION 1.6.18\r\n", "key=k exp=-1 la=1 cas=1 fetch=no cls=1 size=1\n"
	for _, c := range []struct {
		name        string
		list, items []string // replies of the two connections, after the version
		code        int
		want        string
	}{
		{"sound", []string{"OK\r\n" + line + "END\r\n"}, []string{"VA 1 t-1 f0\r\nv\r\n"}, exitOK, "1 item imported"},
		{"an old one", []string{"BADCLASS invalid class id\r\n", line + "END\r\n"}, []string{"VA 1 t-1 f0\r\nv\r\n"}, exitOK, "1 item imported"},
		{"nothing there", []string{"NOTSTARTED no items to crawl\r\n"}, nil, exitOK, "0 items imported"},
		{"busy for a while", []string{"BUSY currently processing crawler request\r\n", line + "END\r\n"}, []string{"VA 1 t-1 f0\r\nv\r\n"}, exitOK, "1 item imported"},
		{"gone meanwhile", []string{line + "END\r\n"}, []string{"EN\r\n"}, exitOK, "0 items imported\n1 left out: gone"},
		{"expired meanwhile", []string{line + "END\r\n"}, []string{"VA 1 t0 f0\r\nv\r\n"}, exitOK, "1 left out: expired"},
		{"just expired", []string{line + "END\r\n"}, []string{"VA 1 t4294967295 f0\r\nv\r\n"}, exitOK, "1 left out: expired"},
		{"flags that are none", []string{line + "END\r\n"}, []string{"VA 1 t-1 fx\r\nv\r\n"}, exitRefused, `key "k"`},
		{"no memory", []string{line + "END\r\n"}, []string{"SERVER_ERROR out of memory writing get response\r\n"}, exitRefused, "1 not imported: not readable"},
		{"a key that no request can carry", []string{"key=" + strings.Repeat("%20", 200) + " exp=-1\nEND\r\n"}, nil, exitRefused, "too long for that"},
		{"a key that is no key", []string{"key=%zz exp=-1\nEND\r\n"}, nil, exitRefused, "cannot be read"},
		{"not allowed", []string{"ERROR metadump not allowed\r\n"}, nil, exitRefused, "does not list its keys: ERROR metadump not allowed"},
		{"switched off", []string{"CLIENT_ERROR lru crawler disabled\r\n"}, nil, exitRefused, "lru crawler disabled"},
		{"another line within", []string{line + "ERROR x\r\n"}, []string{"VA 1 t-1 f0\r\nv\r\n"}, exitRefused, "the list of keys ends with ERROR x"},
		{"the list ends early", []string{line}, []string{"VA 1 t-1 f0\r\nv\r\n"}, exitUnreachable, "closed the connection"},
		{"a value ends early", []string{line + "END\r\n"}, []string{"VA 10 t-1 f0\r\nv"}, exitUnreachable, "closed the connection"},
		{"no such thing", []string{"ERROR\r\n"}, nil, exitRefused, "does not list its keys: ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, to := openIn(t, t.TempDir())
			from := twoScripts(t, append([]string{version}, c.list...), append([]string{version}, c.items...))
			o := invoke(t, "", "import", "--server", to, "--from-memcached", from)
			if o.code != c.code || !strings.Contains(o.stdout+o.stderr, c.want) {
				t.Errorf("%+v, want %d and %q", o, c.code, c.want)
			}
		})
	}
}

// twoScripts is a script for the first connection and another for the second.
func twoScripts(t *testing.T, first, second []string) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for _, replies := range [][]string{first, second} {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for _, reply := range replies {
					if _, err := conn.Read(make([]byte, 1<<12)); err != nil {
						return
					}
					io.WriteString(conn, reply)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// TestExpires: the time in the list counts, unless the item has been touched since.
func TestExpires(t *testing.T) {
	const asked, now = 1_000_000, 1_005_000 // ms
	for _, c := range []struct{ listed, left, want int64 }{
		{0, -1, 0},
		{asked + 9000, -1, 0}, // it was made to stay
		{0, 0, now},
		{0, math.MaxUint32, now},
		{0, 7, now + 7000},
		{asked + 7000, 7, asked + 7000},
		{asked + 6001, 7, asked + 6000},
		{asked + 6500, 7, asked + 7000},
		{now + 7000, 7, now + 7000},
		{asked + 5000, 7, now + 7000}, // touched, to live longer
		{now + 8001, 7, now + 7000},   // and to live shorter
	} {
		l := listedKey{expiry: c.listed}
		if got := l.expires(c.left, asked, now); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestFetchRequest: the requests that the importer sends are what the parser of the
// server understands.
func TestFetchRequest(t *testing.T) {
	request := appendFetch(nil, []byte("a b"))
	if string(request) != "mg YSBi b t f v\r\n" {
		t.Errorf("%q", request)
	}
	if !canCarry(bytes.Repeat([]byte("k"), wire.MaxKeyLen)) || canCarry(bytes.Repeat([]byte(" "), 190)) {
		t.Error("keys that can be carried")
	}
}
