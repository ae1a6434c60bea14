package params

import (
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// data holds the specification's presets and configs, those of Gnosis, and per public network its
// config, its boot nodes and, where it is small, its genesis state.
//
//go:embed data
var data embed.FS

// Presets returns the names that PRESET_BASE may have.
func Presets() []string { return []string{"mainnet", "minimal", "gnosis"} }

// Networks returns the names of the public networks whose config is built in.
func Networks() []string {
	return []string{"mainnet", "sepolia", "hoodi", "plataberget", "gnosis", "chiado"}
}

// Genesis is what a chain began with.
type Genesis struct {
	Time           uint64 // Unix seconds
	ValidatorsRoot [32]byte
}

// KnownGenesis returns what a public network began with; false for one of which it is not known here.
func KnownGenesis(network string) (g Genesis, known bool) {
	var root string
	switch network {
	case "mainnet":
		g.Time, root = 1606824023, "4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
	case "sepolia":
		g.Time, root = 1655733600, "d8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078"
	case "hoodi":
		g.Time, root = 1742213400, "212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f"
	case "gnosis":
		g.Time, root = 1638993340, "f5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47"
	case "chiado":
		g.Time, root = 1665396300, "9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e"
	default:
		return g, false
	}
	n, err := hex.Decode(g.ValidatorsRoot[:], []byte(root))
	return g, err == nil && n == len(g.ValidatorsRoot)
}

// presetDefaults returns the values that a config file of the preset is laid over.
func presetDefaults(preset string) (*Spec, error) {
	var layers []string
	switch preset {
	case "mainnet", "minimal":
		layers = []string{"presets/" + preset, "configs/" + preset + ".yaml"}
	case "gnosis":
		// Gnosis publishes no config of its preset, and its preset lacks keys of the newest forks.
		layers = []string{"presets/mainnet", "presets/gnosis", "configs/mainnet.yaml", "networks/gnosis/config.yaml"}
	default:
		return nil, fmt.Errorf("PRESET_BASE: %q, must be one of %v", clip(preset), Presets())
	}
	s := new(Spec)
	for _, layer := range layers {
		err := fs.WalkDir(data, "data/"+layer, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return s.applyEmbedded(path)
		})
		if err != nil {
			return nil, fmt.Errorf("read embedded defaults of preset %s: %w", preset, err)
		}
	}
	return s, nil
}

func (s *Spec) applyEmbedded(path string) error {
	file, err := data.ReadFile(path)
	if err != nil {
		return err
	}
	entries, err := parseYAML(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := s.apply(entries); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ByName returns the spec of a public network, or of "minimal", the specification's config for
// tests. It fails only on an unknown name.
func ByName(name string) (*Spec, error) {
	path := "data/networks/" + name + "/config.yaml"
	if name == "minimal" {
		path = "data/configs/minimal.yaml"
	} else if !slices.Contains(Networks(), name) {
		return nil, fmt.Errorf("network %q is not built in, known are %v and minimal", clip(name), Networks())
	}
	config, err := data.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read embedded config of %s: %w", name, err)
	}
	s, _, err := Load(config)
	if err != nil {
		return nil, fmt.Errorf("embedded config of %s: %w", name, err)
	}
	return s, nil
}

// Mainnet returns the spec of Ethereum's main network.
func Mainnet() *Spec { return mustByName("mainnet") }

// Minimal returns the specification's config for tests on the minimal preset, in which no fork is
// scheduled.
func Minimal() *Spec { return mustByName("minimal") }

// mustByName is for names whose files are compiled in; they cannot fail unless the build is broken.
func mustByName(name string) *Spec {
	s, err := ByName(name)
	if err != nil {
		panic(err)
	}
	return s
}

// Network returns what a node needs to join a public network: its spec, its boot nodes as ENRs, and
// its genesis state (phase 0, SSZ, raw snappy) or nil where the state is too large to be built in.
func Network(name string) (spec *Spec, bootnodes []string, genesisSnappy []byte, err error) {
	if !slices.Contains(Networks(), name) {
		return nil, nil, nil, fmt.Errorf("network %q is not built in, known are %v", clip(name), Networks())
	}
	if spec, err = ByName(name); err != nil {
		return nil, nil, nil, err
	}
	list, err := data.ReadFile("data/networks/" + name + "/bootnodes.txt")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read embedded boot nodes of %s: %w", name, err)
	}
	genesisSnappy, err = data.ReadFile("data/networks/" + name + "/genesis.ssz_snappy")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf("read embedded genesis state of %s: %w", name, err)
	}
	return spec, strings.Fields(string(list)), genesisSnappy, nil
}
