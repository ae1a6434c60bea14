package store

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/types"
)

// tableRow is a kind as docs/storage.md has it.
func tableRow(k *kind) string {
	var parts []string
	for _, p := range k.key {
		size := fmt.Sprint(p.size)
		if p.size == 0 {
			size = "rest"
		}
		parts = append(parts, p.name+" ("+size+")")
	}
	key := strings.Join(parts, ", ")
	if key == "" {
		key = "nothing"
	}
	return fmt.Sprintf("| `%c` | %s | %s | %s |", k.prefix, k.name, key, k.value)
}

// The table in docs/storage.md is the schema, row by row.
func TestSchemaIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/storage.md")
	check(t, err)
	for _, k := range kinds() {
		if row := tableRow(k); !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/storage.md lacks %s", row)
		}
	}
	if n := strings.Count(string(page), "\n| `"); n != len(kinds()) {
		t.Errorf("docs/storage.md has %d rows, the schema %d", n, len(kinds()))
	}
}

// No two kinds share a prefix, and a key says in words what it is of.
func TestKeys(t *testing.T) {
	seen := map[byte]string{}
	for _, k := range kinds() {
		if other, ok := seen[k.prefix]; ok {
			t.Errorf("%s and %s have prefix %q", k.name, other, k.prefix)
		}
		seen[k.prefix] = k.name
	}
	root := types.Root{0xab}
	for _, c := range []struct {
		key  []byte
		want string
	}{
		{kindBlock.bySlot(7, root), "block, slot 7, block root 0xab0"},
		{kindColumn.byIndex(7, root, 99), "index 99"},
		{kindMeta.byName(metaSplit), `metadata, name "split"`},
		{kindJournal.byNumber(5), "journal record, number 5"},
		{kindColdChunk.chunk(kindCold.bySlot(3)[1:], 2), "chunk of cold state, slot 3, chunk 2"},
		{[]byte("?x"), "unknown kind"},
		{kindBlock.bySlot(7), "with a key of 9 bytes"},
		{nil, "without key"},
	} {
		if have := describe(c.key); !strings.Contains(have, c.want) {
			t.Errorf("%x is %q, want %q", c.key, have, c.want)
		}
	}
}

// A range of slots has the keys of its first and its last slot, up to the largest there is.
func TestRangesOfSlots(t *testing.T) {
	for _, c := range []struct{ from, to, slot types.Slot }{{3, 5, 3}, {3, 5, 5}, {0, ^types.Slot(0), ^types.Slot(0)}} {
		lower, upper := kindBlock.slots(c.from, c.to)
		key := string(kindBlock.bySlot(c.slot, types.Root{0xff}))
		if key < string(lower) || key >= string(upper) {
			t.Errorf("slot %d is not between %d and %d", c.slot, c.from, c.to)
		}
	}
	if end := after([]byte{1, 255, 255}); len(end) != 1 || end[0] != 2 {
		t.Errorf("after 01ffff comes %x", end)
	}
	if end := after([]byte{255}); end != nil {
		t.Errorf("after ff comes %x", end)
	}
}
