package spectest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
)

// IndexFile is the name of the index beside the archives it is about.
const IndexFile = "index.csv"

// Index is the number of cases by archive and "<preset>/<fork>/<runner>". It tells a vector that was lost from one that never was.
type Index map[string]map[string]int

// Add counts one case of an archive.
func (x Index) Add(archive string, id ID) {
	if x[archive] == nil {
		x[archive] = map[string]int{}
	}
	x[archive][id.Preset+"/"+id.Fork+"/"+id.Runner]++
}

// ReadIndex reads an index that Write wrote.
func ReadIndex(path string) (Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read index of vectors: %w", err)
	}
	defer f.Close()
	reader := csv.NewReader(f)
	reader.FieldsPerRecord = 3
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read index of vectors: %w", err)
	}
	x := Index{}
	for _, record := range records {
		n, err := strconv.Atoi(record[2])
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("index of vectors: %q cases in %s of %s", record[2], record[1], record[0])
		}
		if x[record[0]] == nil {
			x[record[0]] = map[string]int{}
		}
		x[record[0]][record[1]] = n
	}
	return x, nil
}

// Write writes the index, a line an archive and runner, sorted.
func (x Index) Write(path string) error {
	var text bytes.Buffer
	for _, archive := range slices.Sorted(maps.Keys(x)) {
		for _, runner := range slices.Sorted(maps.Keys(x[archive])) {
			fmt.Fprintf(&text, "%s,%s,%d\n", archive, runner, x[archive][runner])
		}
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write index of vectors: %w", err)
	}
	return nil
}

func (x Index) check(t *testing.T, archive string, cases []*Case) {
	t.Helper()
	have := Index{}
	for _, c := range cases {
		have.Add(archive, c.ID)
	}
	if !maps.Equal(have[archive], x[archive]) {
		t.Errorf("%s holds cases %v, its index says %v", archive, have[archive], x[archive])
	}
}
