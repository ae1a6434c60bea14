package kv

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, c Config) *DB {
	t.Helper()
	db, err := Open(c)
	check(t, err)
	return db
}

func set(t testing.TB, db *DB, durable bool, pairs ...string) {
	t.Helper()
	b := db.NewBatch()
	for i := 0; i < len(pairs); i += 2 {
		check(t, b.Set([]byte(pairs[i]), []byte(pairs[i+1])))
	}
	check(t, b.Commit(durable))
}

func get(t testing.TB, db *DB, key string) (string, error) {
	t.Helper()
	var out []byte
	err := db.View([]byte(key), func(v []byte) error { out = bytes.Clone(v); return nil })
	return string(out), err
}

// What is written is found, in order in both directions, and only within the bounds.
func TestReadAndWrite(t *testing.T) {
	db := open(t, Config{Dir: filepath.Join(t.TempDir(), "db")})
	defer func() { check(t, db.Close()) }()
	set(t, db, true, "b", "2", "a", "1", "d", "4", "c", "3")
	if v, err := get(t, db, "c"); v != "3" || err != nil {
		t.Errorf("c is %q, %v", v, err)
	}
	if _, err := get(t, db, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("x: %v", err)
	}
	for key, want := range map[string]bool{"a": true, "x": false} {
		if has, err := db.Has([]byte(key)); has != want || err != nil {
			t.Errorf("%s is there: %t, %v", key, has, err)
		}
	}
	var keys []string
	for e, err := range db.Range([]byte("b"), []byte("d")) {
		check(t, err)
		keys = append(keys, string(e.Key)+string(e.Value))
	}
	for e, err := range db.Backward([]byte("a"), []byte("d")) {
		check(t, err)
		keys = append(keys, string(e.Key)+string(e.Value))
		if len(keys) == 4 {
			break // an iteration may end early
		}
	}
	if want := []string{"b2", "c3", "c3", "b2"}; !slices.Equal(keys, want) {
		t.Errorf("iterations give %v, want %v", keys, want)
	}
	failed := errors.New("reader")
	if err := db.View([]byte("a"), func([]byte) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error of the reader: %v", err)
	}
}

// Later changes in a batch go over earlier ones; a discarded batch changes nothing.
func TestBatch(t *testing.T) {
	db := open(t, Config{Dir: "db", Memory: NewMemory()})
	defer func() { check(t, db.Close()) }()
	set(t, db, false, "a", "1", "b", "2", "c", "3")
	b := db.NewBatch()
	check(t, b.DeleteRange([]byte("a"), []byte("c")))
	check(t, b.Set([]byte("b"), []byte("new")))
	check(t, b.Delete([]byte("c")))
	if b.Len() == 0 {
		t.Error("a batch with changes has no size")
	}
	check(t, b.Commit(false))
	var have []string
	for e, err := range db.Range([]byte("a"), []byte("z")) {
		check(t, err)
		have = append(have, string(e.Key)+"="+string(e.Value))
	}
	if !slices.Equal(have, []string{"b=new"}) {
		t.Errorf("left are %v", have)
	}
	b = db.NewBatch()
	check(t, b.Delete([]byte("b")))
	check(t, b.Discard())
	if v, err := get(t, db, "b"); v != "new" || err != nil {
		t.Errorf("a discarded batch was made: %q, %v", v, err)
	}
}

// When the power goes, durable batches are there and of the others a beginning; each batch is there as a whole or not.
func TestPowerLoss(t *testing.T) {
	memory := NewMemory()
	db := open(t, Config{Dir: "db", Memory: memory})
	rng := rand.New(rand.NewPCG(3, 4))
	durable := -1
	for n := range 200 {
		sync := rng.IntN(4) == 0
		set(t, db, sync, fmt.Sprintf("a%04d", n), "x", fmt.Sprintf("b%04d", n), strings.Repeat("y", rng.IntN(5000)))
		if sync {
			durable = n
		}
		if n%5 != 0 {
			continue
		}
		after := open(t, Config{Dir: "db", Memory: memory.LosePower(rng.IntN(101), rng.Uint64())})
		count := map[byte]int{}
		for e, err := range after.Range([]byte("a"), []byte("c")) {
			check(t, err)
			want := fmt.Sprintf("%c%04d", e.Key[0], count[e.Key[0]])
			if string(e.Key) != want {
				t.Fatalf("after batch %d: %s is there without %s", n, e.Key, want)
			}
			count[e.Key[0]]++
		}
		if count['a'] != count['b'] || count['a'] < durable+1 || count['a'] > n+1 {
			t.Fatalf("after batch %d (durable up to %d): %d and %d keys", n, durable, count['a'], count['b'])
		}
		check(t, after.Close())
	}
	check(t, db.Close())
}

// A database that is opened for reading must exist and refuses batches.
func TestReadOnly(t *testing.T) {
	memory := NewMemory()
	if _, err := Open(Config{Dir: "db", Memory: memory, ReadOnly: true}); err == nil {
		t.Error("a database that does not exist is read")
	}
	db := open(t, Config{Dir: "db", Memory: memory})
	set(t, db, true, "a", "1")
	check(t, db.Close())
	db = open(t, Config{Dir: "db", Memory: memory, ReadOnly: true})
	if v, err := get(t, db, "a"); v != "1" || err != nil {
		t.Errorf("a is %q, %v", v, err)
	}
	b := db.NewBatch()
	check(t, b.Set([]byte("b"), nil))
	if b.Commit(true) == nil {
		t.Error("a batch is committed to a database for reading")
	}
	check(t, db.Close())
}

// The figures of the engine move when it works, and its messages reach the log.
func TestStats(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db := open(t, Config{Dir: "db", Memory: NewMemory(), Log: log})
	set(t, db, true, "a", strings.Repeat("x", 1<<20))
	check(t, db.Flush())
	n, err := db.DiskBytes([]byte("a"), []byte("b"))
	check(t, err)
	if stats := db.Stats(); n < 1<<20 || stats.DiskBytes < n {
		t.Errorf("%d bytes of one key, %+v", n, stats)
	}
	check(t, db.Close())
	engineLog{log}.Errorf("trouble %d", 7)
	for _, want := range []string{"level=DEBUG", "level=WARN", "trouble 7", "action="} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}
