package options

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the file of options: the table has not that much to say.
const maxFile = 1 << 20

// readFileLayer reads the file of options.
func (t *Table[S]) readFileLayer(path string) (layer, error) {
	list, err := ReadEntries(path, maxFile)
	if err != nil {
		return layer{}, fmt.Errorf("config: %w", err)
	}
	return t.fileLayer(list)
}

// fileLayer is what a file sets. A key that is not in the table is an error: it would be an option that has no effect.
func (t *Table[S]) fileLayer(list []Entry) (layer, error) {
	l := layer{layerFile, map[string]given{}}
	for _, e := range list {
		index := slices.IndexFunc(t.Options, func(o Option[S]) bool { return o.Name == e.Key })
		switch {
		case index < 0:
			return l, e.Unknown(t.Names())
		case e.Key == ConfigOption:
			return l, fmt.Errorf("%s: config cannot be set in the file itself; give it as a flag or as %s", e.At, t.Variable(&t.Options[index]))
		}
		values, err := t.Options[index].fileValues(e)
		if err != nil {
			return l, err
		}
		l.given[e.Key] = given{values, e.At}
	}
	return l, nil
}

// fileValues reads the value of a key: a scalar, or for a list a sequence of them.
func (o *Option[S]) fileValues(e Entry) ([]string, error) {
	if !o.list {
		value, err := e.Text()
		return []string{value}, err
	}
	items := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		items = e.value.Content
	}
	values := []string{}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, fmt.Errorf("%s: %s is %s, want a value or a list of values", e.At, o.Name, nodeKind(item))
		}
		values = append(values, item.Value)
	}
	return values, nil
}
