package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxConfigFile bounds the file of options: the table has not that much to say.
const maxConfigFile = 1 << 20

// readFileLayer reads the file of options. A key that is not in the table is an error: it would be an option that has no effect.
func readFileLayer(path string, table []option) (layer, error) {
	f, err := os.Open(path)
	if err != nil {
		return layer{}, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil {
		return layer{}, fmt.Errorf("config: %w", err)
	}
	if len(data) > maxConfigFile {
		return layer{}, fmt.Errorf("config: %s has more than %d bytes", path, maxConfigFile)
	}
	return parseFileLayer(path, data, table)
}

// parseFileLayer reads the text of a file of options; path is its name in errors and sources.
func parseFileLayer(path string, data []byte, table []option) (layer, error) {
	l := layer{layerFile, map[string]given{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return l, nil // An empty file says nothing.
	} else if err != nil {
		return l, fmt.Errorf("config %s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return l, fmt.Errorf("config %s: more than one document, want one", path)
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return l, nil // Nothing but comments.
	}
	if top.Kind != yaml.MappingNode {
		return l, fmt.Errorf("%s:%d: %s, want lines of \"option: value\"", path, top.Line, nodeKind(top))
	}
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		at := fmt.Sprintf("%s:%d", path, key.Line)
		index := slices.IndexFunc(table, func(o option) bool { return o.name == key.Value })
		switch {
		case index < 0 || key.Kind != yaml.ScalarNode:
			return l, fmt.Errorf("%s: unknown key %q%s", at, key.Value, didYouMean("", key.Value, names(table)))
		case key.Value == "config":
			return l, fmt.Errorf("%s: config cannot be set in the file itself; give it as a flag or as %s", at, table[index].variable())
		}
		if earlier, ok := l.given[key.Value]; ok {
			return l, fmt.Errorf("%s: %s is set a second time, first at %s", at, key.Value, earlier.place)
		}
		values, err := fileValues(&table[index], value)
		if err != nil {
			return l, fmt.Errorf("%s: %w", at, err)
		}
		l.given[key.Value] = given{values, at}
	}
	return l, nil
}

// fileValues reads the value of a key: a scalar, or for a list a sequence of them.
func fileValues(o *option, value *yaml.Node) ([]string, error) {
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode && o.list {
		items = value.Content
	}
	values := []string{}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			want := "one value"
			if o.list {
				want = "a value or a list of values"
			}
			return nil, fmt.Errorf("%s is %s, want %s", o.name, nodeKind(item), want)
		}
		values = append(values, item.Value)
	}
	return values, nil
}

// nodeKind names what a node of YAML is.
func nodeKind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!null":
		return "empty"
	}
	return fmt.Sprintf("%q", n.Value)
}
