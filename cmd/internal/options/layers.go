package options

import (
	"errors"
	"fmt"

	"github.com/knadh/koanf/v2"
)

// The layers a value may come from, each overriding those before it.
const (
	layerDefault     = "default"
	layerFile        = "file"
	layerEnvironment = "environment"
	layerFlag        = "flag"
)

// source says where a value comes from.
type source struct {
	layer string
	place string // file:line, variable or flag; empty for a default
}

func (s source) String() string {
	switch s.layer {
	case layerDefault:
		return s.layer
	case layerFile:
		return s.place
	}
	return s.layer + " " + s.place
}

// given is what one layer says of one option: a list of one value, but for options that are lists.
type given struct {
	values []string
	place  string
}

// layer is what one place says of the options, by name.
type layer struct {
	name  string
	given map[string]given
}

// ReadBytes is part of koanf.Provider.
func (l layer) ReadBytes() ([]byte, error) {
	return nil, errors.New("a layer of options has no bytes")
}

// Read is part of koanf.Provider. An option is a map of its value and where it comes from, so that both are overridden together.
func (l layer) Read() (map[string]any, error) {
	tree := map[string]any{}
	for name, g := range l.given {
		tree[name] = map[string]any{"values": g.values, "layer": l.name, "place": g.place}
	}
	return tree, nil
}

// merged is the layers laid over each other.
type merged struct{ tree *koanf.Koanf }

// merge lays layers over each other, the last one on top.
func merge(layers ...layer) (merged, error) {
	m := merged{koanf.New(".")}
	for _, l := range layers {
		if err := m.tree.Load(l, nil); err != nil {
			return m, fmt.Errorf("merge the options of the %s: %w", l.name, err)
		}
	}
	return m, nil
}

// of gives the values of an option and where they come from.
func (m merged) of(name string) ([]string, source) {
	return m.tree.Strings(name + ".values"), source{m.tree.String(name + ".layer"), m.tree.String(name + ".place")}
}
