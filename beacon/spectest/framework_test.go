package spectest

import (
	"archive/tar"
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/params"
)

func TestParsePath(t *testing.T) {
	want := ID{"minimal", "fulu", "operations", "deposit", "pyspec_tests", "new_deposit"}
	for _, p := range []string{
		"minimal/fulu/operations/deposit/pyspec_tests/new_deposit/pre.ssz_snappy",
		"./minimal/fulu/operations/deposit/pyspec_tests/new_deposit/pre.ssz_snappy",
		"tests/minimal/fulu/operations/deposit/pyspec_tests/new_deposit/pre.ssz_snappy",
	} {
		if id, name, err := ParsePath(p); err != nil || id != want || name != "pre.ssz_snappy" {
			t.Errorf("ParsePath(%q) = %v, %q, %v", p, id, name, err)
		}
	}
	want = ID{"general", "phase0", "bls", "sign", "bls12-381-tests", "sign_case_1"}
	if id, name, err := ParsePath("bls/sign/sign_case_1.yaml"); err != nil || id != want || name != "data.yaml" {
		t.Errorf("ParsePath of a bls vector = %v, %q, %v", id, name, err)
	}
	for _, p := range []string{"README.md", "./README.md", "tests/index.csv", "tests/minimal/config.yaml", "minimal.tar.gz"} {
		if _, _, err := ParsePath(p); !errors.Is(err, ErrNoVector) {
			t.Errorf("ParsePath(%q): %v, want ErrNoVector", p, err)
		}
	}
	for _, p := range []string{
		"", ".", "minimal/README.md", "/a/b/c/d/e/f/g", "a/b/c/d/e/f", "a/b/c/d/e/f/g/h", "../b/c/d/e/f/g", "bls/sign/case.json", "other/sign/case.yaml",
	} {
		id, _, err := ParsePath(p)
		if err == nil {
			t.Errorf("ParsePath(%q) = %v, want an error", p, id)
		} else if errors.Is(err, ErrNoVector) {
			t.Errorf("ParsePath(%q): %v, want another error", p, err)
		}
	}
}

func TestDecodeSnappy(t *testing.T) {
	content := bytes.Repeat([]byte("slot"), 100_000)
	packed := snappy.Encode(nil, content)
	if got, err := decodeSnappy(packed); err != nil || !bytes.Equal(got, content) {
		t.Errorf("content does not come back: %v", err)
	}
	for name, bad := range map[string][]byte{
		"cut short":                packed[:len(packed)-1],
		"nothing":                  nil,
		"a declared gigabyte":      {0x80, 0x80, 0x80, 0x80, 0x04, 0x00},
		"more than declared":       append([]byte{2}, snappy.Encode(nil, []byte("abc"))[1:]...),
		"a byte after the content": append(slices.Clone(packed), 0),
	} {
		if data, err := decodeSnappy(bad); err == nil {
			t.Errorf("%s: decoded to %d bytes", name, len(data))
		}
	}
}

func TestDecodeYAMLIsStrict(t *testing.T) {
	var v struct{ A int }
	if err := decodeYAML([]byte("a: 1"), &v); err != nil || v.A != 1 {
		t.Errorf("decoded to %v, %v", v, err)
	}
	for _, bad := range []string{"a: 1\nb: 2", "a: x", "a: 1\n---\na: 2", ""} {
		if err := decodeYAML([]byte(bad), &v); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func TestPlanFind(t *testing.T) {
	var called string
	to := func(name string) Handler { return func(*testing.T, *Case) { called = name } }
	plan := Plan{
		Handlers: map[string]Handler{"a/one": to("one"), "a/*": to("any")},
		NotRun:   []string{"b/*", "c/gossip_*"},
	}
	for key, want := range map[string]string{
		"a/one": "one", "a/two": "any", "b/x": "not run", "c/gossip_block": "not run", "c/custody": "unknown", "ab/one": "unknown",
	} {
		called = "unknown"
		handler, notRun := plan.find(key)
		if notRun {
			called = "not run"
		} else if handler != nil {
			handler(nil, nil)
		}
		if called != want {
			t.Errorf("%s: %s, want %s", key, called, want)
		}
	}
}

// place is a case of the layouts that the tests below write.
const place = "minimal/fulu/sanity/slots/pyspec_tests/one"

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeArchive(t *testing.T, files map[string]string) string {
	t.Helper()
	var packed bytes.Buffer
	encoder, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(encoder)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644}
		if err := archive.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return writeFiles(t, map[string]string{"some.tar.zst": packed.String()})
}

// The same cases come out of a directory, of one with "tests" on top, and of an archive.
func TestOpenDirectoryAndArchive(t *testing.T) {
	files := map[string]string{
		place + "/meta.yaml":                          "{blocks_count: 1}",
		place + "/pre.ssz_snappy":                     string(snappy.Encode(nil, []byte("state"))),
		"general/altair/bls/verify/bls/two/data.yaml": "{output: true}",
	}
	below := map[string]string{"README.md": "no vector", "tests/minimal/config.yaml": "PRESET_BASE: minimal"}
	for name, content := range files {
		below["tests/"+name] = content
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(writeFiles(t, files), link); err != nil {
		t.Fatal(err)
	}
	for source, dir := range map[string]string{
		"symbolic link": link,
		"directory":     writeFiles(t, files), "with tests": writeFiles(t, below), "archive": writeArchive(t, files),
	} {
		groups, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, group := range groups {
			cases, err := group.Load()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				c.t = t
				found = append(found, c.String())
				if c.Runner != "sanity" {
					continue
				}
				if state := c.MustSSZ("pre"); string(state) != "state" || c.Fork != params.Fulu {
					t.Errorf("%s: %s has pre %q and fork %s", source, c, state, c.Fork)
				}
				if left := c.unopened(); !slices.Equal(left, []string{"meta.yaml"}) || !c.Has("meta") || c.Has("post") {
					t.Errorf("%s: unopened %v of %v", source, left, c.Files())
				}
			}
		}
		if want := []string{"general/altair/bls/verify/bls/two", place}; !slices.Equal(found, want) {
			t.Errorf("%s: found %v, want %v", source, found, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, dir := range map[string]string{
		"nothing there":     filepath.Join(t.TempDir(), "missing"),
		"no vector":         writeFiles(t, map[string]string{"README.md": "empty"}),
		"another layout":    writeFiles(t, map[string]string{"minimal/fulu/pre.ssz_snappy": ""}),
		"a fork never seen": writeFiles(t, map[string]string{"minimal/osaka/sanity/slots/s/c/meta.yaml": ""}),
	} {
		if groups, err := Open(dir); err == nil {
			t.Errorf("%s: %d groups, want an error", name, len(groups))
		}
	}
}

func TestTable(t *testing.T) {
	table := newTable()
	table.ran(ID{Preset: "minimal", Fork: "fulu", Runner: "a", Handler: "one"}, true, 0)
	table.ran(ID{Preset: "minimal", Fork: "fulu", Runner: "a", Handler: "one"}, false, 0)
	table.ran(ID{Preset: "minimal", Fork: "phase0", Runner: "a", Handler: "two"}, true, 0)
	table.skipped(ID{Preset: "minimal", Fork: "gloas", Runner: "b", Handler: "x"})
	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"preset minimal phase0 altair bellatrix capella deneb electra fulu gloas all time",
		"a/one 0 0 0 0 0 0 1!1 0 1!1 0s",
		"a/two 1 0 0 0 0 0 0 0 1 0s",
		"sum 1 0 0 0 0 0 1!1 0 2!1 0s",
		"not yet run: b/x 0 0 0 0 0 0 0 1 1 0s",
	}
	var got []string
	for line := range strings.Lines(strings.TrimSpace(out.String())) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("table\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// brokenRun is a run that has to fail, with the sentence that says why.
type brokenRun struct {
	files   map[string]string
	handler Handler
	index   Index
	want    string
}

func brokenRuns() map[string]brokenRun {
	meta := map[string]string{place + "/meta.yaml": "{n: 1}"}
	return map[string]brokenRun{
		"unopened": {meta, func(*testing.T, *Case) {}, nil, "vector file never opened: [meta.yaml]"},
		"unknown":  {meta, nil, nil, "unknown handler fulu/sanity/slots: 1 cases"},
		"skip":     {meta, func(t *testing.T, _ *Case) { t.Skip() }, nil, "handler sanity/slots skipped a case"},
		"absent":   {meta, func(_ *testing.T, c *Case) { c.MustSSZ("pre") }, nil, "no pre.ssz_snappy among [meta.yaml]"},
		"key":      {meta, func(_ *testing.T, c *Case) { c.MustYAML("meta", &struct{ M int }{}) }, nil, "field n not found"},
		"moved": {
			map[string]string{place + "/manifest.yaml": "{preset: minimal, fork: gloas, runner: sanity, handler: slots, suite: pyspec_tests, case: one}"},
			func(*testing.T, *Case) {}, nil, "manifest.yaml says minimal/gloas/sanity",
		},
		"lost": {meta, func(_ *testing.T, c *Case) { c.Raw("meta.yaml") }, Index{"minimal-fulu": {"minimal/fulu/sanity": 2}}, "its index says"},
		"preset": {
			map[string]string{"other/fulu/sanity/slots/pyspec_tests/one/meta.yaml": ""},
			func(_ *testing.T, c *Case) { c.Spec() }, nil, "load preset other",
		},
	}
}

// TestBroken is the other process of TestRunFails; on its own it has nothing to run.
func TestBroken(t *testing.T) {
	name := os.Getenv("CRESSET_BROKEN_RUN")
	if name == "" {
		return
	}
	broken := brokenRuns()[name]
	groups, err := Open(writeFiles(t, broken.files))
	if err != nil {
		t.Fatal(err)
	}
	Run(t, Plan{Handlers: map[string]Handler{"sanity/slots": broken.handler}}, groups, broken.index)
}

func TestRunFails(t *testing.T) {
	for name, broken := range brokenRuns() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestBroken$")
			cmd.Env = append(os.Environ(), "CRESSET_BROKEN_RUN="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), broken.want) {
				t.Errorf("ended with %v, want a failure that says %q:\n%s", err, broken.want, out)
			}
		})
	}
}
