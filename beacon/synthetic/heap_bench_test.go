package synthetic_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// heap is what lives on the heap, and how long a collection takes.
type heap struct {
	bytes, objects float64
	collection     time.Duration
}

func measureHeap() heap {
	runtime.GC()
	runtime.GC() // frees what the first one found finalizers for
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return heap{float64(m.HeapAlloc), float64(m.HeapObjects), measure(1, runtime.GC)}
}

// What a state takes with all its roots cached, and what 64 states of successive full blocks take more, the ends of two
// epochs among them. One pass; run with -benchtime 1x.
func BenchmarkHeap(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		for b.Loop() {
			s, chain, err := synthetic.State(c)
			check(b, err)
			raw, err := s.MarshalSSZ()
			check(b, err)
			env := s.Env()
			s = nil
			empty := measureHeap()
			d := types.NewBeaconState(chain.Spec(), c.Fork)
			check(b, d.UnmarshalSSZ(raw))
			_, err = d.HashTreeRoot()
			check(b, err)
			one := measureHeap()
			s, err = transition.NewState(d, env)
			check(b, err)
			states := []*transition.State{s}
			for range 64 {
				_, next, err := chain.NextBlock(states[len(states)-1])
				check(b, err)
				states = append(states, next)
			}
			many := measureHeap()
			b.ReportMetric(float64(len(raw))/1e6, "raw-MB")
			b.ReportMetric((one.bytes-empty.bytes)/1e6, "state-MB")
			b.ReportMetric((one.bytes-empty.bytes)/float64(len(raw)), "state/raw")
			b.ReportMetric(one.objects-empty.objects, "state-objects")
			b.ReportMetric((one.collection-empty.collection).Seconds()*1000, "state-GC-ms")
			b.ReportMetric((many.bytes-one.bytes)/1e6, "64-more-MB")
			b.ReportMetric((many.bytes-one.bytes)/float64(len(raw)), "64-more/raw")
			b.ReportMetric(many.objects-one.objects, "64-more-objects")
			b.ReportMetric((many.collection-empty.collection).Seconds()*1000, "65-GC-ms")
			runtime.KeepAlive(states)
			runtime.KeepAlive(raw)
		}
	})
}
