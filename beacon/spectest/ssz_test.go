package spectest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// runSSZStatic runs a case of ssz_static: the handler's name is the container.
func runSSZStatic(t *testing.T, c *Case) {
	object := types.New(c.Handler)
	if object == nil {
		t.Fatalf("unknown container %s", c.Handler)
	}
	var roots struct {
		Root string `yaml:"root"`
	}
	c.MustYAML("roots", &roots)
	value, _ := c.Raw("value.yaml")
	cx := ssz.Context{Spec: c.Spec(), Fork: c.Fork}
	fresh := func() ssz.Node { return ssz.Container(types.New(c.Handler)) }
	checkValid(t, cx, fresh, c.MustSSZ("serialized"), value, roots.Root)
}

// checkValid holds a value against its encoding, its YAML form and its root, and takes it through JSON and back.
func checkValid(t *testing.T, cx ssz.Context, fresh func() ssz.Node, encoded, value []byte, root string) {
	t.Helper()
	n := fresh()
	if err := ssz.Unmarshal(cx, encoded, n); err != nil {
		t.Fatal(err)
	}
	checkEncoding(t, cx, n, encoded)
	got, err := ssz.HashTreeRoot(cx, n)
	if err != nil {
		t.Fatal(err)
	}
	if have := fmt.Sprintf("0x%x", got); have != root {
		t.Fatalf("root is %s, want %s", have, root)
	}
	text, err := ssz.MarshalJSON(cx, n)
	if err != nil {
		t.Fatal(err)
	}
	var want yaml.Node
	if err := yaml.Unmarshal(value, &want); err != nil {
		t.Fatalf("read value.yaml: %v", err)
	}
	if have, want := plainJSON(t, text), plainYAML(t, want.Content[0]); !reflect.DeepEqual(have, want) {
		t.Fatalf("JSON is %.2000s\nvalue is %.2000s", fmt.Sprint(have), fmt.Sprint(want))
	}
	back := fresh()
	if err := ssz.UnmarshalJSON(cx, text, back); err != nil {
		t.Fatal(err)
	}
	checkEncoding(t, cx, back, encoded)
}

func checkEncoding(t *testing.T, cx ssz.Context, n ssz.Node, want []byte) {
	t.Helper()
	have, err := ssz.Marshal(cx, n)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Fatalf("encoding is\n%x, want\n%x", have, want)
	}
	if size := ssz.Size(cx, n); size != len(want) {
		t.Fatalf("size is %d, want %d", size, len(want))
	}
}

// plainJSON brings JSON to maps, slices and strings.
func plainJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("our own JSON: %v", err)
	}
	return plain(v)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			v[key] = plain(x)
		}
		return v
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

// plainYAML brings YAML to the same form, with scalars as they are written.
func plainYAML(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plainYAML(t, n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, x := range n.Content {
			out = append(out, plainYAML(t, x))
		}
		return out
	case yaml.ScalarNode:
		return n.Value
	}
	t.Fatalf("value.yaml: unexpected node %v at line %d", n.Kind, n.Line)
	return nil
}
