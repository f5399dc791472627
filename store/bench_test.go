package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"dashd/app"
	"dashd/store"
)

// Sixteen callbacks at a time, each of which changes one property.
func BenchmarkSave(b *testing.B) {
	for _, instances := range []int{1, 16} {
		b.Run(fmt.Sprintf("instances=%d", instances), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "dashd.db"))
			saved := make([]*store.Instance, instances)
			for n := range saved {
				saved[n] = instance(b, s, create(b, s, store.NewInstance{SaveOnChange: true, State: numbered(16)}).Slug)
			}
			var goroutines, value atomic.Int64
			b.SetParallelism(16 / max(1, min(16, maxProcs())))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				n := int(goroutines.Add(1))
				i := saved[n%instances]
				page := i.NewPage()
				id := app.ID("c" + strconv.Itoa(n%16))
				for pb.Next() {
					change := app.Change{Page: page, Arrival: i.Arrive(), Writes: []app.Write{
						{ID: id, Property: "value", Value: json.RawMessage(strconv.FormatInt(value.Add(1), 10)), Origin: app.Changed},
					}}
					if err := i.Save(b.Context(), change); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
		})
	}
}
