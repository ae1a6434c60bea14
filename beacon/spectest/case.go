package spectest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/golang/snappy"
	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/params"
)

// A snappy block holds at most 64 bytes for every 3 of its own; a declared length beyond twice that is a lie.
const maxSnappyRatio = 44

// file gives the content of one vector file.
type file func() ([]byte, error)

// Case is one vector. Its methods fail the test at once on a file that cannot be read or decoded.
type Case struct {
	ID
	// Fork is the parsed ID.Fork.
	Fork params.Fork

	files  map[string]file // by full name, "pre.ssz_snappy"
	opened map[string]bool
	t      testing.TB
	preset func() (*params.Spec, error)
}

// Files returns the names of all files of the case, with extension, sorted.
func (c *Case) Files() []string { return slices.Sorted(maps.Keys(c.files)) }

// Has tells whether the case has the file name.ssz_snappy or name.yaml. It does not count as opening it.
func (c *Case) Has(name string) bool {
	return c.files[name+".ssz_snappy"] != nil || c.files[name+".yaml"] != nil
}

// Raw returns the content of a file as it is, by its full name, and whether the case has it.
func (c *Case) Raw(fullName string) ([]byte, bool) {
	c.t.Helper()
	content := c.files[fullName]
	if content == nil {
		return nil, false
	}
	c.opened[fullName] = true
	data, err := content()
	if err != nil {
		c.t.Fatalf("read %s: %v", fullName, err)
	}
	return data, true
}

// SSZ returns the decompressed content of name.ssz_snappy (raw snappy block) and whether the case has that file.
func (c *Case) SSZ(name string) ([]byte, bool) {
	c.t.Helper()
	packed, ok := c.Raw(name + ".ssz_snappy")
	if !ok {
		return nil, false
	}
	data, err := decodeSnappy(packed)
	if err != nil {
		c.t.Fatalf("read %s.ssz_snappy: %v", name, err)
	}
	return data, true
}

// MustSSZ is SSZ of a file that the case must have.
func (c *Case) MustSSZ(name string) []byte {
	c.t.Helper()
	data, ok := c.SSZ(name)
	if !ok {
		c.t.Fatalf("no %s.ssz_snappy among %v", name, c.Files())
	}
	return data
}

// YAML decodes name.yaml into v and tells whether the case has that file. A key that v has no field for fails the test: it would
// be an expectation that nobody checks.
func (c *Case) YAML(name string, v any) bool {
	c.t.Helper()
	data, ok := c.Raw(name + ".yaml")
	if !ok {
		return false
	}
	if err := decodeYAML(data, v); err != nil {
		c.t.Fatalf("read %s.yaml: %v", name, err)
	}
	return true
}

// MustYAML is YAML of a file that the case must have.
func (c *Case) MustYAML(name string, v any) {
	c.t.Helper()
	if !c.YAML(name, v) {
		c.t.Fatalf("no %s.yaml among %v", name, c.Files())
	}
}

// Spec returns the preset with the configuration the case is for: its own config.yaml where it has one, else the preset's, which all
// cases share.
func (c *Case) Spec() *params.Spec {
	c.t.Helper()
	if config, ok := c.Raw("config.yaml"); ok {
		spec, _, err := params.Load(config)
		if err != nil {
			c.t.Fatalf("load config.yaml: %v", err)
		}
		return spec
	}
	spec, err := c.preset()
	if err != nil {
		c.t.Fatalf("load preset %s: %v", c.Preset, err)
	}
	return spec
}

// checkManifest compares manifest.yaml, which repeats the case's place, with the place it was found at.
func (c *Case) checkManifest() {
	c.t.Helper()
	var m struct{ Preset, Fork, Runner, Handler, Suite, Case string }
	if !c.YAML("manifest", &m) {
		return // Releases before 1.6 have none.
	}
	if got := (ID{m.Preset, m.Fork, m.Runner, m.Handler, m.Suite, m.Case}); got != c.ID {
		c.t.Fatalf("manifest.yaml says %s, the case lies at %s", got, c.ID)
	}
}

// unopened returns the files nobody asked for.
func (c *Case) unopened() []string {
	return slices.DeleteFunc(c.Files(), func(name string) bool { return c.opened[name] })
}

func decodeSnappy(packed []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if n > maxSnappyRatio*len(packed) {
		return nil, fmt.Errorf("%d bytes declare a content of %d", len(packed), n)
	}
	data, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, err
	}
	if len(data) != n {
		return nil, fmt.Errorf("content has %d bytes, declared are %d", len(data), n)
	}
	return data, nil
}

func decodeYAML(data []byte, v any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}
