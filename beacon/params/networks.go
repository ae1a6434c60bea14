package params

import (
	"embed"
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
