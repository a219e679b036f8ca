package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

// A workload says which keys are asked for. Keys are numbers; their values'
// sizes follow from them.
type workload struct {
	name string
	// keys returns what draws the next key. fit is how many items would fill
	// the memory if they had no overhead, held how many the roomiest server of
	// that memory really holds.
	keys func(r *rand.Rand, fit, held int) func() uint64
}

var workloads = []workload{
	{"zipf", zipf},
	{"zipf + scans", zipfScans},
	{"loop", loop},
	{"one-hit wonders", wonders},
}

// Keys that come from elsewhere than the Zipf distribution begin here.
const (
	scanBase   = 1 << 32
	wonderBase = 1 << 33
)

// skew is the exponent of the Zipf distribution, that of YCSB.
const skew = 0.99

// zipf draws from four times as many keys as fit.
func zipf(r *rand.Rand, fit, _ int) func() uint64 {
	sums := make([]float64, 4*fit) // of the weights of all keys up to this one
	sum := 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -skew)
		sums[i] = sum
	}
	return func() uint64 {
		return uint64(min(sort.SearchFloat64s(sums, r.Float64()*sum), len(sums)-1))
	}
}

// zipfScans interrupts zipf: after as many requests as fit come half as many,
// in order, to keys that no scan had before.
func zipfScans(r *rand.Rand, fit, held int) func() uint64 {
	draw := zipf(r, fit, held)
	n, scanned := 0, uint64(0)
	return func() uint64 {
		n++
		if n%(fit+fit/2) < fit {
			return draw()
		}
		scanned++
		return scanBase + scanned
	}
}

// loop asks for a tenth more keys than are held, in the same order again and
// again. Where it begins is all that chance decides.
func loop(r *rand.Rand, _, held int) func() uint64 {
	n := uint64(held + held/10)
	key := r.Uint64N(n)
	return func() uint64 {
		key = (key + 1) % n
		return key
	}
}

// wonders mixes zipf with as many requests to keys that are never seen again.
func wonders(r *rand.Rand, fit, held int) func() uint64 {
	draw := zipf(r, fit, held)
	seen := uint64(0)
	return func() uint64 {
		if r.IntN(2) == 0 {
			return draw()
		}
		seen++
		return wonderBase + seen
	}
}

// sizes says how large the value of a key is, in bytes.
type sizes struct {
	name string
	mean int
	of   func(key uint64) int
}

var allSizes = []sizes{
	{"100 bytes", 100, func(uint64) int { return 100 }},
	{"ETC-like", 329, etc},
}

// etc draws from the generalized Pareto distribution that Atikoglu and others
// (SIGMETRICS 2012) fitted to the values of Facebook's ETC pool, cut at 500,000
// bytes.
func etc(key uint64) int {
	const scale, shape = 214.476, 0.348238
	u := float64(mix(key)>>11) / (1 << 53) // in [0, 1)
	return 1 + int(min(scale*(math.Pow(1-u, -shape)-1)/shape, 500_000))
}

// mix scatters a number (splitmix64, Steele and others, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
