package params

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/golang/snappy"
)

var keyLine = regexp.MustCompile(`^([A-Z0-9_]+):\s*(.*)$`)

// readLines reads "KEY: value" lines of an embedded file without a YAML parser, so that the loader is
// compared with something else than itself. Values are without quotes and trailing comments; lists
// have the value "".
func readLines(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := data.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(file)) {
		if m := keyLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			value, _, _ := strings.Cut(m[2], " #")
			values[m[1]] = strings.Trim(strings.TrimSpace(value), `'"`)
		}
	}
	return values
}

func embeddedFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := fs.Glob(data, pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("glob %s: %v, %v", pattern, files, err)
	}
	return files
}

// specText returns the values of s by key, as a config file would write them.
func specText(s *Spec) map[string]string {
	text := make(map[string]string)
	for key, field := range s.fieldsByKey() {
		if v := reflect.ValueOf(field).Elem(); v.CanUint() {
			text[key] = fmt.Sprint(v.Uint())
		} else {
			text[key] = fmt.Sprint(v.Interface())
		}
	}
	return text
}

func TestEveryKeyOfThePresetsAndConfigsHasAField(t *testing.T) {
	fields := new(Spec).fieldsByKey()
	if len(fields) != reflect.TypeFor[Spec]().NumField() {
		t.Errorf("%d fields have %d keys", reflect.TypeFor[Spec]().NumField(), len(fields))
	}
	for _, preset := range []string{"mainnet", "minimal"} {
		inFiles := make(map[string]bool)
		files := append(embeddedFiles(t, "data/presets/"+preset+"/*.yaml"), "data/configs/"+preset+".yaml")
		if len(files) != len(Forks())+1 {
			t.Errorf("preset %s has %d files, want one per fork and the config", preset, len(files))
		}
		for _, file := range files {
			for key := range readLines(t, file) {
				if fields[key] == nil {
					t.Errorf("%s: key %s has no field", file, key)
				}
				inFiles[key] = true
			}
		}
		for key := range fields {
			if !inFiles[key] {
				t.Errorf("preset %s: no file has key %s", preset, key)
			}
		}
	}
}

func TestKeysOfNetworksWithoutFieldAreKnown(t *testing.T) {
	fields := new(Spec).fieldsByKey()
	retired, err := retiredKeys()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{"SECONDS_PER_SLOT": "read as SLOT_DURATION_MS", "GAS_LIMIT_SCHEDULE": "reported"}
	for _, d := range derivedKeys() {
		known[d.key] = d.rule
	}
	for key := range fields {
		if retired[key] || known[key] != "" {
			t.Errorf("%s is in force and retired", key)
		}
	}
	for key := range known {
		if retired[key] {
			t.Errorf("%s is retired and %s", key, known[key])
		}
	}
	for _, file := range append(embeddedFiles(t, "data/networks/*/config.yaml"), embeddedFiles(t, "data/presets/gnosis/*.yaml")...) {
		for key := range readLines(t, file) {
			if fields[key] == nil && !retired[key] && known[key] == "" {
				t.Errorf("%s: key %s is neither in force nor retired", file, key)
			}
		}
	}
}

// TestSpecsHaveTheValuesOfTheirFiles compares every field of every built-in spec with the last file
// that gives it.
func TestSpecsHaveTheValuesOfTheirFiles(t *testing.T) {
	mainnet := append(embeddedFiles(t, "data/presets/mainnet/*.yaml"), "data/configs/mainnet.yaml")
	minimal := append(embeddedFiles(t, "data/presets/minimal/*.yaml"), "data/configs/minimal.yaml")
	gnosis := append(append(append([]string{}, mainnet...), embeddedFiles(t, "data/presets/gnosis/*.yaml")...), "data/networks/gnosis/config.yaml")
	for name, layers := range map[string][]string{
		"mainnet":     append(append([]string{}, mainnet...), "data/networks/mainnet/config.yaml"),
		"sepolia":     append(append([]string{}, mainnet...), "data/networks/sepolia/config.yaml"),
		"hoodi":       append(append([]string{}, mainnet...), "data/networks/hoodi/config.yaml"),
		"plataberget": append(append([]string{}, mainnet...), "data/networks/plataberget/config.yaml"),
		"gnosis":      gnosis,
		"chiado":      append(append([]string{}, gnosis...), "data/networks/chiado/config.yaml"),
		"minimal":     minimal,
	} {
		want := make(map[string]string)
		for _, layer := range layers {
			for key, value := range readLines(t, layer) {
				want[key] = value
			}
		}
		spec, err := ByName(name)
		if err != nil {
			t.Error(err)
			continue
		}
		compared := 0
		for key, got := range specText(spec) {
			if key == "BLOB_SCHEDULE" {
				continue // see TestBlobSchedules
			}
			if !strings.EqualFold(got, want[key]) {
				t.Errorf("%s: %s is %s, the files say %s", name, key, got, want[key])
			}
			compared++
		}
		if compared != len(spec.fieldsByKey())-1 {
			t.Errorf("%s: %d values compared of %d", name, compared, len(spec.fieldsByKey()))
		}
	}
}

func TestWhatTellsTheNetworksApart(t *testing.T) {
	type row struct {
		preset       string
		config       string
		slotsPer     uint64
		slotMs       uint64
		genesis      Fork
		fulu, gloas  Epoch
		gloasVersion string
		chainID      uint64
		syncPeriod   uint64
		ptc          uint64
		blobs        uint64 // at the last scheduled change
		hasGenesis   bool
	}
	for name, want := range map[string]row{
		"mainnet":     {"mainnet", "mainnet", 32, 12000, Phase0, 411392, FarFutureEpoch, "0x07000000", 1, 256, 512, 21, true},
		"sepolia":     {"mainnet", "sepolia", 32, 12000, Phase0, 272640, 353024, "0x90000076", 11155111, 256, 512, 21, true},
		"hoodi":       {"mainnet", "hoodi", 32, 12000, Deneb, 50688, FarFutureEpoch, "0x07000000", 560048, 256, 512, 21, false},
		"plataberget": {"mainnet", "testnet", 32, 12000, Fulu, 0, 1536, "0x80733183", 7091047534, 256, 512, 21, false},
		"gnosis":      {"gnosis", "gnosis", 16, 5000, Phase0, 1714688, FarFutureEpoch, "0x07000064", 100, 512, 512, 2, true},
		"chiado":      {"gnosis", "chiado", 16, 5000, Phase0, 1353216, FarFutureEpoch, "0x0700006f", 10200, 512, 512, 2, true},
	} {
		s, bootnodes, genesis, err := Network(name)
		if err != nil {
			t.Error(err)
			continue
		}
		schedule := s.ForkSchedule()
		got := row{s.PresetBase, s.ConfigName, s.SlotsPerEpoch, s.SlotDurationMs, s.GenesisFork(), s.FuluForkEpoch, s.GloasForkEpoch,
			s.GloasForkVersion.String(), s.DepositChainId, s.EpochsPerSyncCommitteePeriod, s.PTCSize,
			s.MaxBlobsPerBlockAt(schedule[len(schedule)-1].Epoch), genesis != nil}
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		file, err := data.ReadFile("data/networks/" + name + "/bootnodes.txt")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(file), "enr:-"); n == 0 || n != len(bootnodes) {
			t.Errorf("%s: %d boot nodes, the file has %d", name, len(bootnodes), n)
		}
		for _, enr := range bootnodes {
			if !strings.HasPrefix(enr, "enr:-") {
				t.Errorf("%s: boot node %q is not an ENR", name, enr)
			}
		}
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	for _, name := range []string{"", "holesky", "Mainnet", "../configs", "gnosis/../mainnet"} {
		if _, err := ByName(name); err == nil || !strings.Contains(err.Error(), "is not built in") {
			t.Errorf("ByName(%q): %v", name, err)
		}
		if _, _, _, err := Network(name); err == nil || !strings.Contains(err.Error(), "is not built in") {
			t.Errorf("Network(%q): %v", name, err)
		}
	}
	if _, _, _, err := Network("minimal"); err == nil {
		t.Error("Network(minimal) succeeds, but there is no such network")
	}
}

func TestEveryNetworkAndPresetLoads(t *testing.T) {
	for _, name := range append(Networks(), "minimal") {
		if _, err := ByName(name); err != nil {
			t.Error(err)
		}
	}
	for _, preset := range Presets() {
		s, err := presetDefaults(preset)
		if err != nil {
			t.Errorf("%s: %v", preset, err)
			continue
		}
		if err := s.Validate(); err != nil || s.PresetBase != preset {
			t.Errorf("defaults of %s are of preset %s: %v", preset, s.PresetBase, err)
		}
	}
	if Mainnet().ConfigName != "mainnet" || Minimal().ConfigName != "minimal" {
		t.Errorf("Mainnet is %s, Minimal is %s", Mainnet().ConfigName, Minimal().ConfigName)
	}
}

// What networks are known to have begun with is what their genesis states have, where those are built in: the first two fields of a state.
func TestKnownGenesis(t *testing.T) {
	compared := 0
	for _, name := range Networks() {
		g, known := KnownGenesis(name)
		if known != (name != "plataberget") {
			t.Errorf("%s: known %t", name, known)
		}
		spec, _, packed, err := Network(name)
		if err != nil {
			t.Fatal(err)
		}
		if known && g.Time < spec.MinGenesisTime {
			t.Errorf("%s: genesis at %d, before %d", name, g.Time, spec.MinGenesisTime)
		}
		if packed == nil {
			continue
		}
		compared++
		state, err := snappy.Decode(nil, packed)
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(state); got != g.Time || !bytes.Equal(state[8:40], g.ValidatorsRoot[:]) {
			t.Errorf("%s: genesis state has time %d and root %x, want %d and %x", name, got, state[8:40], g.Time, g.ValidatorsRoot)
		}
	}
	if compared != 4 {
		t.Errorf("%d genesis states were compared, want 4", compared)
	}
	hoodi := mustByName("hoodi") // which began when its configuration says
	if g, _ := KnownGenesis("hoodi"); g.Time != hoodi.MinGenesisTime+hoodi.GenesisDelay {
		t.Errorf("hoodi: genesis at %d, want %d", g.Time, hoodi.MinGenesisTime+hoodi.GenesisDelay)
	}
}
