package options

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// Entry is a key of a mapping in a file that a user wrote, with its value.
type Entry struct {
	Key string
	At  string // file:line, for errors and sources

	path  string
	value *yaml.Node
}

// ReadFile reads a file of at most so many bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, nil
}

// ReadEntries reads a file in YAML, or JSON, that is one mapping. One with nothing but comments has no entries. What the entries are is the caller's to check.
func ReadEntries(path string, most int64) ([]Entry, error) {
	data, err := ReadFile(path, most)
	if err != nil {
		return nil, err
	}
	return parseEntries(path, data)
}

func parseEntries(path string, data []byte) ([]Entry, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document, want one", path)
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	return entries(path, top)
}

// Entries is the entries of a value that is a mapping itself.
func (e Entry) Entries() ([]Entry, error) { return entries(e.path, e.value) }

// Text is a value that is a single one.
func (e Entry) Text() (string, error) {
	if e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" {
		return "", fmt.Errorf("%s: %s is %s, want one value", e.At, e.Key, nodeKind(e.value))
	}
	return e.value.Value, nil
}

// Unknown is the error for a key that the caller does not know.
func (e Entry) Unknown(known []string) error {
	return fmt.Errorf("%s: unknown key %q%s", e.At, e.Key, DidYouMean("", e.Key, known))
}

func entries(path string, n *yaml.Node) (list []Entry, err error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: %s, want lines of \"key: value\"", path, n.Line, nodeKind(n))
	}
	seen := map[string]string{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		e := Entry{Key: key.Value, At: fmt.Sprintf("%s:%d", path, key.Line), path: path, value: n.Content[i+1]}
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s: a key is %s, want a word", e.At, nodeKind(key))
		}
		if earlier, ok := seen[e.Key]; ok {
			return nil, fmt.Errorf("%s: %s is set a second time, first at %s", e.At, e.Key, earlier)
		}
		seen[e.Key] = e.At
		list = append(list, e)
	}
	return list, nil
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
