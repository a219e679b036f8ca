package crash_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
)

var (
	killsFlag = flag.Int("kills", 10, "how often each test kills the server")
	seedFlag  = flag.Uint64("seed", 0, "of the random streams; 0 takes a new one")
)

// TestMain makes the test binary a server if a test has started it as one.
func TestMain(m *testing.M) {
	if orders := os.Getenv(ordersVariable); orders != "" {
		os.Exit(serve(orders))
	}
	os.Exit(m.Run())
}

// newRand is a random stream of the seed that -seed gives, or of a new one.
func newRand(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64() >> 16
	}
	t.Logf("reproduce with -run '^%s$' -seed %d", t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}
