//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// sample is the same quantity in each round.
type sample []float64

func (s sample) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// show returns the median with the least and the most in brackets.
func (s sample) show(decimals int) string {
	return fmt.Sprintf("%s (%s to %s)", number(s.median(), decimals), number(slices.Min(s), decimals), number(slices.Max(s), decimals))
}

// ratios divides round by round: what disturbs a round disturbs both.
func (s sample) ratios(by sample) sample {
	r := make(sample, len(s))
	for i := range s {
		r[i] = s[i] / by[i]
	}
	return r
}

// number formats f with a comma behind each thousand.
func number(f float64, decimals int) string {
	whole, fraction, _ := strings.Cut(fmt.Sprintf("%.*f", decimals, f), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return whole + fraction
}
