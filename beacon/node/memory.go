package node

import (
	"math"
	"runtime/debug"
)

// memory is the bounds of what the node keeps in memory, in bytes; 0 stands for a part's own default.
type memory struct {
	states, deferred, data, database, batches int
}

// The parts of GOMEMLIMIT that go to caches, in hundredths. What is left is for the base state, the keys, fork choice, what is being worked
// on, and garbage.
const (
	statesPart   = 25
	dataPart     = 8
	batchesPart  = 5
	databasePart = 2
	deferredPart = 1
)

// budget is what the configuration says, and otherwise follows from GOMEMLIMIT if that is set.
func (c *Config) budget() memory {
	m := memory{states: int(c.StateCache), deferred: int(c.DeferredCache), data: int(c.DataCache), database: int(c.DatabaseCache)}
	limit := debug.SetMemoryLimit(-1) // tells it and changes nothing
	if limit == math.MaxInt64 {
		return m
	}
	share := func(p *int, part int64) {
		if *p == 0 {
			*p = int(limit / 100 * part)
		}
	}
	share(&m.states, statesPart)
	share(&m.deferred, deferredPart)
	share(&m.data, dataPart)
	share(&m.database, databasePart)
	share(&m.batches, batchesPart)
	return m
}
