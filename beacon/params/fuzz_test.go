package params

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// allowed is what reading a file of n bytes may allocate.
func allowed(n int) uint64 { return 8*uint64(n) + 1<<20 }

func FuzzLoad(f *testing.F) {
	paths, err := data.ReadDir("data/networks")
	if err != nil {
		f.Fatal(err)
	}
	for _, network := range paths {
		config, err := data.ReadFile("data/networks/" + network.Name() + "/config.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config)
	}
	for _, seed := range []string{
		"PRESET_BASE: minimal\nSECONDS_PER_SLOT: 4\nBLOB_SCHEDULE: [{EPOCH: 3, MAX_BLOBS_PER_BLOCK: 4}]\n",
		"PRESET_BASE: gnosis\nFULU_FORK_EPOCH: 18446744073709551615 # never\n",
		"PRESET_BASE: mainnet\n? [a]\n: &x {<<: *x}\n---\n",
		"{PRESET_BASE: mainnet, a: [[[{}]]], 'b': \"c\\n\", - : !!int 3}",
	} {
		f.Add([]byte(seed))
	}
	base := Mainnet()
	f.Fuzz(func(t *testing.T, config []byte) {
		// Override reads a file as Load does, without the defaults, which are not the input's doing.
		if got := allocated(func() { base.Override(config) }); got > allowed(len(config)) {
			t.Errorf("%d bytes allocated for %d, allowed are %d", got, len(config), allowed(len(config)))
		}
		s, warnings, err := Load(config)
		if err != nil {
			if s != nil || warnings != nil {
				t.Errorf("error %v comes with a spec", err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Errorf("loaded spec is not valid: %v", err)
		}
		schedule := s.ForkSchedule()
		for i, entry := range schedule {
			if i > 0 && entry.Epoch <= schedule[i-1].Epoch {
				t.Errorf("fork schedule %v is not in order", schedule)
			}
			if entry.Fork != s.ForkAtEpoch(entry.Epoch) || s.MaxBlobsPerBlockAt(entry.Epoch) > s.MaxBlobCommitmentsPerBlock {
				t.Errorf("entry %v: fork %v, %d blobs", entry, s.ForkAtEpoch(entry.Epoch), s.MaxBlobsPerBlockAt(entry.Epoch))
			}
		}
		for _, d := range derivedKeys() {
			d.value(s)
		}
	})
}

// TestParsingAllocatesWithinTheBound fills files up to what parseCost lets through, or to the largest
// size, with what makes the parser allocate most.
func TestParsingAllocatesWithinTheBound(t *testing.T) {
	base := Mainnet()
	check := func(name, config string) {
		t.Helper()
		if got := allocated(func() { base.Override([]byte(config)) }); got > allowed(len(config)) {
			t.Errorf("%s: %d bytes allocated for %d, allowed are %d", name, got, len(config), allowed(len(config)))
		}
	}
	patterns := []string{
		"[", "{", "{a: ", "[a,", "[],", "{},", "- ", "-\n", "- # b\n", "- - a\n", "-\n\n#a\n\n", "? ", "? a\n", "%d:\n", "%d: b\n",
		"%d: #b\n", "#a\n%d: b\n#c\n\n", "\"%d\":1,", "%d,", "%d: |\n x\n", "%d: &a b\n", "%d: !!int b\n", "b ", "b\n", "b\r", "b\u2028", "#\n", "# b\n\n", " \n",
	}
	for _, prefix := range []string{"", "[", "{", "a: {", "a: \"", "a: |\n"} {
		for _, pattern := range patterns {
			build := func(n int) string {
				var b strings.Builder
				b.WriteString(prefix)
				for i := range n {
					if strings.Contains(pattern, "%d") {
						fmt.Fprintf(&b, pattern, i)
					} else {
						b.WriteString(pattern)
					}
				}
				b.WriteString(map[string]string{"[": "]", "{": "}", "a: {": "}", "a: \"": "\""}[prefix])
				return b.String()
			}
			n := 2 * (maxParseCost / max(1, parseCost([]byte(build(1000)))/1000))
			for n > 1 && (parseCost([]byte(build(n))) > maxParseCost || n*len(pattern) > MaxConfigSize/2) {
				n = n * 15 / 16
			}
			check(fmt.Sprintf("%q and %d times %q", prefix, n, pattern), build(n))
		}
	}
	const most = MaxConfigSize - 100
	for _, config := range []string{
		strings.Repeat("a", most) + ": b",
		"a: " + strings.Repeat("b", most),
		"a: \"" + strings.Repeat("b", most) + "\"",
		"a: |\n " + strings.Repeat("b", most),
		"a: b #" + strings.Repeat("c", most),
		"#" + strings.Repeat("c", most),
		"a: !<" + strings.Repeat("b", most) + "> c",
		"a: &" + strings.Repeat("b", most) + " c",
		"\xff\xfe" + strings.Repeat("b\x00", most/2),
	} {
		check(fmt.Sprintf("%d bytes of %.8q", len(config), config), config)
	}
}
