package keystore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain is also the process that holds a lock until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("CRESSET_TEST_HOLD_LOCK"); path != "" {
		if _, err := Acquire(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold makes another process hold a file's lock; the function kills it.
func hold(t *testing.T, path string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CRESSET_TEST_HOLD_LOCK="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // its error is that it was killed
	}
}

// files writes keystores of different keys, cheap to open, into a directory.
func files(t *testing.T, n int) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		data, err := cheap(t, uint64(i+1)).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteSecretFile(filepath.Join(dir, fmt.Sprintf("keystore-%02d.json", i)), data); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := List(dir)
	if err != nil || len(paths) != n {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	return paths
}

func config(t *testing.T) LoadConfig {
	return LoadConfig{Password: func(string) (Password, error) { return password(t, vectorPassword), nil }}
}

func release(t *testing.T, results []Result) {
	for _, r := range results {
		if r.Lock != nil {
			if err := r.Lock.Release(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestGoodFilesAreLoadedAndBadOnesAreListedWithTheirCause(t *testing.T) {
	paths := files(t, 6)
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, damage := range map[int]func(string) error{
		1: func(p string) error { return os.WriteFile(p, data[:100], 0o600) },
		2: func(p string) error { return os.Chmod(p, 0o644) },
		3: func(p string) error { return os.WriteFile(p, data, 0o600) }, // the key of the first file
		4: os.Remove,
	} {
		if err := damage(paths[i]); err != nil {
			t.Fatal(err)
		}
	}
	results := Load(t.Context(), config(t), paths)
	defer release(t, results)
	for i, want := range []string{"", "not a valid keystore", "chmod 600", "holds already", "no such file", ""} {
		r := results[i]
		if r.Path != paths[i] || (r.Err == nil) != (want == "") || (r.Key != nil) != (want == "") || (r.Lock != nil) != (want == "") {
			t.Errorf("%s: %v, key %v", paths[i], r.Err, r.Key)
		} else if r.Err != nil && !strings.Contains(r.Err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", paths[i], r.Err, want)
		}
	}
	var permission *PermissionError
	if !errors.As(results[2].Err, &permission) {
		t.Errorf("error is %v", results[2].Err)
	}
}

func TestAKeystoreIsLoadedByOneProcess(t *testing.T) {
	paths := files(t, 2)
	kill := hold(t, paths[0])
	results := Load(t.Context(), config(t), paths)
	release(t, results)
	if !errors.Is(results[0].Err, ErrLocked) || results[1].Err != nil {
		t.Fatalf("results: %v, %v", results[0].Err, results[1].Err)
	}
	if r := Load(t.Context(), LoadConfig{Password: config(t).Password, Unlocked: true}, paths); r[0].Err != nil {
		t.Errorf("only looking at it: %v", r[0].Err)
	}
	kill()
	results = Load(t.Context(), config(t), paths)
	if results[0].Err != nil {
		t.Errorf("after the other process was killed: %v", results[0].Err)
	}
	// A second time in the same process, and through another name.
	other := filepath.Join(t.TempDir(), "keystore-x.json")
	if err := os.Symlink(paths[0], other); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{paths[0], other} {
		if _, err := Acquire(path); !errors.Is(err, ErrLocked) {
			t.Errorf("%s is locked twice: %v", path, err)
		}
	}
	release(t, results)
	if _, err := os.Stat(paths[0] + LockSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock's file stays: %v", err)
	}
}

func TestALockThatADeadProcessLeftLocksNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path+LockSuffix, []byte("1\n"), 0o600); err != nil { // process 1 lives, and does not hold it
		t.Fatal(err)
	}
	l, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDecryptionsTogetherStayWithinTheMemory(t *testing.T) {
	paths := files(t, 8)
	cfg := config(t)
	cfg.Memory, cfg.Workers = 1, 8 // less than one file needs: one at a time
	results := Load(t.Context(), cfg, paths)
	defer release(t, results)
	for _, r := range results {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range Load(ctx, cfg, paths) {
		if !errors.Is(r.Err, context.Canceled) || r.Lock != nil {
			t.Errorf("after the end: %v", r.Err)
		}
	}
}

func TestSecretFilesAreNotReplacedAndNotOpenToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x", "secret")
	if err := MakeDir(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecretFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecretFile(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("it is replaced: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions: %v, %v", info.Mode(), err)
	}
	if _, err := ReadSecretFile(path, 2); err == nil {
		t.Error("more than allowed is read")
	}
	if _, err := ReadSecretFile(filepath.Dir(path), 10); err == nil {
		t.Error("a directory is read")
	}
	if p, err := ReadPasswordFile(path); err != nil || string(p.Reveal()) != "one" {
		t.Errorf("password: %v", err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := List(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a directory open to others: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

func TestEveryFileCanHaveAPasswordOfItsOwn(t *testing.T) {
	paths := files(t, 2)
	dir := t.TempDir()
	if err := WriteSecretFile(filepath.Join(dir, "keystore-00.txt"), []byte(vectorPassword+"\n")); err != nil {
		t.Fatal(err)
	}
	results := Load(t.Context(), LoadConfig{Password: PasswordsIn(dir)}, paths)
	defer release(t, results)
	if results[0].Err != nil || results[1].Err == nil || !strings.Contains(results[1].Err.Error(), "keystore-01.txt") {
		t.Errorf("results: %v, %v", results[0].Err, results[1].Err)
	}
	if p, err := OnePassword(password(t, "x"))("any"); err != nil || !p.Equal(password(t, "x")) {
		t.Errorf("one password: %v", err)
	}
}
