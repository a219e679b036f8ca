package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	testFit  = 1000
	testHeld = 800
)

func take(w workload, seed uint64, n int) []uint64 {
	next := w.keys(rand.New(rand.NewPCG(seed, 0)), testFit, testHeld)
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = next()
	}
	return keys
}

func TestStreamsFollowFromTheSeed(t *testing.T) {
	for _, w := range workloads {
		a, b, c := take(w, 1, 5000), take(w, 1, 5000), take(w, 2, 5000)
		if !slices.Equal(a, b) {
			t.Errorf("%s: the same seed gives other keys", w.name)
		}
		if slices.Equal(a, c) {
			t.Errorf("%s: another seed gives the same keys", w.name)
		}
	}
}

// TestZipf compares how often the first keys are drawn with their weights.
func TestZipf(t *testing.T) {
	const n = 200_000
	counts := make([]float64, 4*testFit)
	for _, key := range take(workloads[0], 1, n) {
		counts[key]++
	}
	sum := 0.0
	for i := range counts {
		sum += math.Pow(float64(i+1), -skew)
	}
	for _, i := range []int{0, 1, 9, 99} {
		want := n * math.Pow(float64(i+1), -skew) / sum
		if math.Abs(counts[i]-want) > 5*math.Sqrt(want) {
			t.Errorf("key %d: drawn %v times, want about %.0f", i, counts[i], want)
		}
	}
}

func TestScansAndWondersAreNotSeenAgain(t *testing.T) {
	for i, share := range map[int]float64{1: 1. / 3, 3: 1. / 2} {
		seen := map[uint64]bool{}
		const n = 30_000
		for _, key := range take(workloads[i], 1, n) {
			if key < scanBase {
				continue
			}
			if seen[key] {
				t.Fatalf("%s: key %d is seen again", workloads[i].name, key)
			}
			seen[key] = true
		}
		if got := float64(len(seen)) / n; math.Abs(got-share) > 0.02 {
			t.Errorf("%s: %.3f of the keys are new, want %.3f", workloads[i].name, got, share)
		}
	}
}

func TestLoop(t *testing.T) {
	const period = testHeld + testHeld/10
	keys := take(workloads[2], 1, 2*period)
	if !slices.Equal(keys[:period], keys[period:]) {
		t.Error("it does not repeat")
	}
	slices.Sort(keys[:period])
	if len(slices.Compact(keys[:period])) != period {
		t.Error("a key comes twice in one round")
	}
}

func TestSizes(t *testing.T) {
	for _, s := range allSizes {
		const n = 200_000
		sum, least := 0.0, math.MaxInt
		for key := range uint64(n) {
			size := s.of(key)
			sum += float64(size)
			least = min(least, size)
		}
		if mean := sum / n; math.Abs(mean-float64(s.mean)) > 0.05*float64(s.mean) || least < 1 {
			t.Errorf("%s: mean %.1f, least %d, want %d and 1", s.name, mean, least, s.mean)
		}
	}
}
