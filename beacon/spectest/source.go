package spectest

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/params"
)

// maxArchiveContent bounds what is unpacked into memory; a larger release is to be unpacked on disk and run as a directory.
const maxArchiveContent = 2 << 30

// Group is a set of cases that is loaded at once and released before the next.
type Group struct {
	// Name is the archive's file name, or <preset>-<fork> of a directory.
	Name string
	// Load reads the cases, sorted by their place.
	Load func() ([]*Case, error)
}

// Open finds the groups at a path: a directory in the official layout (with or without its "tests" directory), of archives
// (.tar, .tar.gz, .tar.zst), or of both; or one archive. It fails when there is none.
func Open(path string) ([]Group, error) {
	path, err := filepath.EvalSymlinks(path) // A walk does not follow them.
	if err != nil {
		return nil, fmt.Errorf("open vectors: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open vectors: %w", err)
	}
	if !info.IsDir() {
		return []Group{archiveGroup(path)}, nil
	}
	var groups []Group
	sets := map[string]caseSet{}
	err = WalkFiles(path, func(p, rel string) error {
		id, name, err := ParsePath(rel)
		switch {
		case errors.Is(err, ErrNoVector):
			if isArchive(rel) {
				groups = append(groups, archiveGroup(p))
			}
			return nil
		case err != nil:
			return err
		}
		group := id.Preset + "-" + id.Fork
		if sets[group] == nil {
			sets[group] = caseSet{}
		}
		return sets[group].add(id, name, func() ([]byte, error) { return os.ReadFile(p) })
	})
	if err != nil {
		return nil, fmt.Errorf("open vectors: %w", err)
	}
	for name, set := range sets {
		groups = append(groups, Group{Name: name, Load: func() ([]*Case, error) { return set.sorted(), nil }})
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("open vectors: %s holds none", path)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return groups, nil
}

// WalkFiles calls fn with every regular file below dir, in lexical order, and its slash-separated path from there. Names that
// begin with a dot are passed over.
func WalkFiles(dir string, fn func(path, rel string) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") && path != dir {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return fn(path, filepath.ToSlash(rel))
	})
}

func isArchive(name string) bool {
	return strings.HasSuffix(name, ".tar") || strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tar.zst")
}

func archiveGroup(path string) Group {
	return Group{Name: filepath.Base(path), Load: func() ([]*Case, error) {
		set := caseSet{}
		err := WalkArchive(path, func(name string, content []byte) error {
			id, base, err := ParsePath(name)
			if errors.Is(err, ErrNoVector) {
				return nil
			}
			if err != nil {
				return err
			}
			return set.add(id, base, func() ([]byte, error) { return content, nil })
		})
		if err != nil {
			return nil, err
		}
		if len(set) == 0 {
			return nil, fmt.Errorf("archive %s holds no vector", path)
		}
		return set.sorted(), nil
	}}
}

// WalkArchive calls fn with the name and the content of every regular file of a .tar, .tar.gz or .tar.zst, in its order. All contents
// together are bounded by 2 GiB.
func WalkArchive(path string, fn func(name string, content []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	defer f.Close()
	var stream io.Reader = f
	switch filepath.Ext(path) {
	case ".zst":
		decoder, err := zstd.NewReader(f)
		if err != nil {
			return fmt.Errorf("open archive %s: %w", path, err)
		}
		defer decoder.Close()
		stream = decoder
	case ".gz":
		decoder, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("open archive %s: %w", path, err)
		}
		stream = decoder
	}
	left := int64(maxArchiveContent)
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive %s: %w", path, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("archive %s holds more than %d bytes: unpack it and run the directory", path, maxArchiveContent)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return fmt.Errorf("read %s in archive %s: %w", header.Name, path, err)
		}
		if err := fn(header.Name, content); err != nil {
			return fmt.Errorf("archive %s: %w", path, err)
		}
	}
}

// caseSet collects files into cases.
type caseSet map[ID]*Case

func (s caseSet) add(id ID, name string, content file) error {
	c := s[id]
	if c == nil {
		fork, err := params.ParseFork(id.Fork)
		if err != nil {
			return fmt.Errorf("vector %s: %w", id, err)
		}
		c = &Case{ID: id, Fork: fork, files: map[string]file{}, opened: map[string]bool{}}
		s[id] = c
	}
	if c.files[name] != nil {
		return fmt.Errorf("vector %s has file %s twice", id, name)
	}
	c.files[name] = content
	return nil
}

func (s caseSet) sorted() []*Case {
	cases := make([]*Case, 0, len(s))
	for _, c := range s {
		cases = append(cases, c)
	}
	slices.SortFunc(cases, func(a, b *Case) int { return cmp.Compare(a.String(), b.String()) })
	return cases
}
