package kv

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Memory is a disk in memory that can lose power. It is made for tests.
type Memory struct{ fs *vfs.MemFS }

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{vfs.NewCrashableMem()} }

// LosePower gives the disk as it may be found after the power went: what was synced is there, and each block that was not with
// the given chance in percent. The original goes on unchanged.
func (m *Memory) LosePower(unsyncedPercent int, seed uint64) *Memory {
	return &Memory{m.fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: unsyncedPercent, RNG: rand.New(rand.NewPCG(seed, 1)),
	})}
}
