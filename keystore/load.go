package keystore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/cresset/cresset/beacon/bls"
)

// Result is what became of one file.
type Result struct {
	Path   string
	Pubkey [48]byte // zero where the file does not say
	Key    *bls.SecretKey
	Lock   *Lock // held together with the key
	Err    error
}

// LoadConfig says how Load works.
type LoadConfig struct {
	// Password gives the password of a file.
	Password func(path string) (Password, error)
	// Memory bounds what all decryptions together take at a time, bytes; a file that alone needs more is decrypted alone. Default: half
	// of what the machine has available.
	Memory int64
	// Workers bounds the decryptions at a time. Default: one a core.
	Workers int
	// Unlocked leaves the locks alone: for looking at keys that another process uses.
	Unlocked bool
}

// Load locks, reads and decrypts files, several at a time, and gives a result for each, in order: a bad file does not keep the good
// ones from being used. A key that an earlier file has is refused. A context that ends makes the rest fail with its error.
func Load(ctx context.Context, cfg LoadConfig, paths []string) []Result {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Memory <= 0 {
		cfg.Memory = availableMemory() / 2
	}
	results := make([]Result, len(paths))
	memory := semaphore.NewWeighted(cfg.Memory)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(cfg.Workers, len(paths)) {
		wg.Go(func() {
			for i := range next {
				results[i] = loadOne(ctx, cfg, memory, paths[i])
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	wg.Wait()
	refuseTwins(results)
	return results
}

func loadOne(ctx context.Context, cfg LoadConfig, memory *semaphore.Weighted, path string) (r Result) {
	r.Path = path
	if r.Err = ctx.Err(); r.Err != nil {
		return r
	}
	if !cfg.Unlocked {
		if r.Lock, r.Err = Acquire(path); r.Err != nil {
			return r
		}
		defer func() {
			if r.Err != nil {
				r.Err = errors.Join(r.Err, r.Lock.Release())
				r.Lock = nil
			}
		}()
	}
	k, err := Read(path)
	if err != nil {
		r.Err = err
		return r
	}
	if k.Pubkey != "" {
		r.Pubkey, _ = k.PublicKey() // checked by Read
	}
	password, err := cfg.Password(path)
	if err != nil {
		r.Err = fmt.Errorf("password of %s: %w", path, err)
		return r
	}
	demand := min(k.Memory(), cfg.Memory)
	if r.Err = memory.Acquire(ctx, demand); r.Err != nil {
		return r
	}
	defer memory.Release(demand)
	if r.Key, err = k.Decrypt(password); err != nil {
		r.Err = fmt.Errorf("%s: %w", path, err)
		return r
	}
	r.Pubkey = r.Key.PublicKey().Bytes()
	return r
}

// refuseTwins leaves every key to the first file that has it.
func refuseTwins(results []Result) {
	first := map[[48]byte]string{}
	for i := range results {
		r := &results[i]
		if r.Err != nil {
			continue
		}
		if other, twice := first[r.Pubkey]; twice {
			r.Err = fmt.Errorf("%s holds the key 0x%x, which %s holds already", r.Path, r.Pubkey, other)
			r.Key = nil
			if r.Lock != nil {
				r.Err = errors.Join(r.Err, r.Lock.Release())
				r.Lock = nil
			}
			continue
		}
		first[r.Pubkey] = r.Path
	}
}

// Read reads and checks a file, and its permissions.
func Read(path string) (*Keystore, error) {
	data, err := ReadSecretFile(path, MaxFile)
	if err != nil {
		return nil, err
	}
	k, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// List gives the paths of the keystores in a directory, in order: all names keystore*.json.
func List(dir string) ([]string, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, "keystore") && strings.HasSuffix(name, ".json") && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, nil
}

// availableMemory is what the system could give a process without swapping, one gigabyte where it does not say.
func availableMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			var kilobytes int64
			if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); n == 1 && kilobytes > 0 {
				return kilobytes << 10
			}
		}
	}
	return 1 << 30
}
