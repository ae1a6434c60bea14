package spectest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// cell is one handler in one fork of one preset.
type cell struct{ preset, key, fork string }

// count of cases by what became of them.
type count struct {
	passed, failed, skipped int
	elapsed                 time.Duration // summed over the cases, which run in parallel
}

// Table counts cases by preset, handler and fork. Its methods may be called from any goroutine.
type Table struct {
	mu    sync.Mutex
	cells map[cell]*count // guarded by mu
}

func newTable() *Table { return &Table{cells: map[cell]*count{}} }

func (t *Table) update(id ID, change func(*count)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := cell{id.Preset, id.Key(), id.Fork}
	if t.cells[key] == nil {
		t.cells[key] = &count{}
	}
	change(t.cells[key])
}

func (t *Table) skipped(id ID) { t.update(id, func(c *count) { c.skipped++ }) }

func (t *Table) ran(id ID, passed bool, elapsed time.Duration) {
	t.update(id, func(c *count) {
		c.elapsed += elapsed
		if passed {
			c.passed++
		} else {
			c.failed++
		}
	})
}

// Write prints a section for every preset: a row for every handler with the number of cases passed by fork (and "!n" where n failed), then
// the cases that are known and not yet run.
func (t *Table) Write(w io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	presets := map[string]bool{}
	for key := range t.cells {
		presets[key.preset] = true
	}
	for _, preset := range slices.Sorted(maps.Keys(presets)) {
		if err := t.writePresetLocked(w, preset); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) writePresetLocked(w io.Writer, preset string) error {
	ran, waiting := map[string]bool{}, map[string]bool{}
	newest := params.Gloas
	for key, c := range t.cells {
		if key.preset != preset {
			continue
		}
		if c.skipped > 0 {
			waiting[key.key] = true
		} else {
			ran[key.key] = true
		}
		if fork, err := params.ParseFork(key.fork); err == nil {
			newest = max(newest, fork)
		}
	}
	forks := params.Forks()[:newest+1]

	header := []string{"preset " + preset}
	for _, fork := range forks {
		header = append(header, fork.String())
	}
	rows := [][]string{append(header, "all", "time")}
	total := make([]count, len(forks))
	for _, key := range slices.Sorted(maps.Keys(ran)) {
		counts := make([]count, len(forks))
		for i, fork := range forks {
			if c := t.cells[cell{preset, key, fork.String()}]; c != nil {
				counts[i] = *c
				total[i].add(*c)
			}
		}
		rows = append(rows, row(key, counts))
	}
	rows = append(rows, row("sum", total))
	for _, key := range slices.Sorted(maps.Keys(waiting)) {
		counts := make([]count, len(forks))
		for i, fork := range forks {
			if c := t.cells[cell{preset, key, fork.String()}]; c != nil {
				counts[i].passed = c.skipped
			}
		}
		rows = append(rows, row("not yet run: "+key, counts))
	}
	return writeRows(w, rows)
}

// row is a line of the table: a label, the counts, and their sum with its time.
func row(label string, counts []count) []string {
	fields := []string{label}
	var sum count
	for _, c := range counts {
		fields = append(fields, c.String())
		sum.add(c)
	}
	return append(fields, sum.String(), sum.elapsed.Round(time.Millisecond).String())
}

// writeRows aligns the first column to the left, the others to the right, and ends with an empty line.
func writeRows(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, fields := range rows {
		for i, field := range fields {
			widths[i] = max(widths[i], len(field))
		}
	}
	for _, fields := range rows {
		line := fmt.Sprintf("%-*s", widths[0], fields[0])
		for i, field := range fields[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], field)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (c *count) add(o count) {
	c.passed += o.passed
	c.failed += o.failed
	c.elapsed += o.elapsed
}

func (c count) String() string {
	if c.failed > 0 {
		return fmt.Sprintf("%d!%d", c.passed, c.failed)
	}
	return strconv.Itoa(c.passed)
}
