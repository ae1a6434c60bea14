package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMetricsAreServedUnderTheSharedNames(t *testing.T) {
	r := New()
	chain := NewChain(r)
	chain.HeadSlot.Set(77)
	chain.Reorgs.Inc()
	chain.Blocks.WithLabelValues("gossip", "applied").Add(3)
	chain.ImportSeconds.Observe(0.2)
	r.GaugeFunc("answer", "Asked for when read.", func() float64 { return 42 })
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		"\nbeacon_head_slot 77\n", "\nbeacon_reorgs_total 1\n", "\nanswer 42\n", "go_goroutines",
		`cresset_blocks_total{origin="gossip",outcome="applied"} 3`, "cresset_block_import_seconds_count 1",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestANameTakenTwicePanics(t *testing.T) {
	r := New()
	r.Counter("twice", "A counter.")
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	r.Gauge("twice", "A gauge.")
}
