package main

import (
	"context"
	"fmt"
	"testing"

	"dashd/examples/simple"
)

// measureApp measures one UpdateJSON of SimpleExample, without HTTP.
func measureApp(ctx context.Context, t *table) error {
	testing.Init() // Benchmark reads its flags
	a := simple.New()
	body := []byte(updateBody)
	var failed error
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := a.UpdateJSON(ctx, nil, body); err != nil {
				failed = err
				b.FailNow()
			}
		}
	})
	if failed != nil {
		return failed
	}
	t.note("one callback of SimpleExample without HTTP", fmt.Sprintf("%.1f µs, %d allocations, %s bytes",
		float64(result.NsPerOp())/1000, result.AllocsPerOp(), thousands(float64(result.AllocedBytesPerOp()))))
	return nil
}
