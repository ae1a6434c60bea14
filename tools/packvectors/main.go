package main

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/spectest"
)

// Cases of one fork are much alike, also far apart.
const window = 64 << 20

func main() {
	out := flag.String("out", "", "directory to write the archives and their index to")
	flag.Parse()
	if *out == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: packvectors -out DIR SOURCE...")
		os.Exit(2)
	}
	if err := pack(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "packvectors:", err)
		os.Exit(1)
	}
}

// pack reads all sources and writes the archives and the index to the directory out.
func pack(out string, sources []string) error {
	archives := map[string]map[string][]byte{} // archive, name in it, content
	index := spectest.Index{}
	seen := map[spectest.ID]bool{}
	add := func(name string, content []byte) error {
		id, file, err := spectest.ParsePath(name)
		if errors.Is(err, spectest.ErrNoVector) {
			return nil
		}
		if err != nil {
			return err
		}
		archive, inside := id.Preset+"-"+id.Fork, path.Join(id.String(), file)
		switch {
		case strings.HasPrefix(name, "bls/"):
			archive, inside = "bls", name
		case id.Preset == "general":
			archive = "general"
		}
		archive += ".tar.zst"
		if archives[archive] == nil {
			archives[archive] = map[string][]byte{}
		}
		if archives[archive][inside] != nil {
			return fmt.Errorf("%s is there twice", name)
		}
		archives[archive][inside] = content
		if !seen[id] {
			seen[id] = true
			index.Add(archive, id)
		}
		return nil
	}
	for _, source := range sources {
		if err := read(source, add); err != nil {
			return err
		}
	}
	if len(archives) == 0 {
		return errors.New("no vector in the sources")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for archive, files := range archives {
		if err := write(filepath.Join(out, archive), files); err != nil {
			return err
		}
	}
	return index.Write(filepath.Join(out, spectest.IndexFile))
}

// read gives every file of a source to add: an archive, or a directory. A directory that is itself called bls counts as one of the layout.
func read(source string, add func(name string, content []byte) error) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return spectest.WalkArchive(source, func(name string, content []byte) error {
			return add(path.Clean(name), content)
		})
	}
	prefix := ""
	if filepath.Base(source) == "bls" {
		prefix = "bls/"
	}
	return spectest.WalkFiles(source, func(p, rel string) error {
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return add(prefix+rel, content)
	})
}

// write writes one archive.
func write(file string, files map[string][]byte) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	encoder, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, encoder.Close()) }()
	archive := tar.NewWriter(encoder)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644, Format: tar.FormatPAX}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := archive.Write(files[name]); err != nil {
			return err
		}
	}
	return archive.Close()
}
