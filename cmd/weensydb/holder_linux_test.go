package main

import (
	"slices"
	"strings"
	"testing"
)

func TestListeningInodes(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1812 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:1812 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 00000000:1813 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
   3: 00000000:1812
`
	if got := listeningInodes([]byte(table), 6162); !slices.Equal(got, []string{"111"}) {
		t.Errorf("%q", got)
	}
}

func TestHolder(t *testing.T) {
	addr := listen(t, "127.0.0.1:0")
	if got := holder(addr); !strings.HasPrefix(got, " by ") {
		t.Errorf("this process holds %s: %q", addr, got)
	}
	for _, addr := range []string{"unix:/x", "127.0.0.1:x", "127.0.0.1:1"} {
		if got := holder(addr); got != "" {
			t.Errorf("%s: %q", addr, got)
		}
	}
}
