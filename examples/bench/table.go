package main

import (
	"fmt"
	"io"
	"slices"
)

// table is what was measured.
type table struct{ rows []row }

type row struct{ what, measured, budget, ok string }

// note adds a row that has no budget.
func (t *table) note(what, measured string) {
	t.rows = append(t.rows, row{what, measured, "", ""})
}

// atLeast adds a row whose value must not be below least.
func (t *table) atLeast(what string, value, least float64, measured string) {
	t.rows = append(t.rows, row{what, measured, fmt.Sprintf("at least %.2g", least), verdict(value >= least)})
}

// below adds a row whose value must be below most, which budget puts in words.
func (t *table) below(what string, value, most float64, budget, measured string) {
	t.rows = append(t.rows, row{what, measured, budget, verdict(value < most)})
}

func verdict(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w, "| what | measured | budget | ok? |")
	fmt.Fprintln(w, "|---|---|---|---|")
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.what, r.measured, r.budget, r.ok)
	}
}

// median returns the middle of values; of an even number, the mean of the two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// thousands writes n with commas: 12,345.
func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
