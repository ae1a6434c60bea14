package store

import "github.com/cresset/cresset/beacon/store/kv"

// Stats is the size of the store and what its engine is doing.
type Stats struct {
	Engine kv.Stats
	// Kinds is what the kinds of records take on disk, in bytes, by their names in the schema. What is not in tables yet is not counted.
	Kinds map[string]uint64
}

// Size is the bytes of all files of the engine.
func (s *Store) Size() uint64 { return s.db.Stats().DiskBytes }

// Stats measures the store.
func (s *Store) Stats() (Stats, error) {
	out := Stats{Engine: s.db.Stats(), Kinds: map[string]uint64{}}
	for _, k := range kinds() {
		n, err := s.db.DiskBytes(k.all())
		if err != nil {
			return Stats{}, err
		}
		out.Kinds[k.name] = n
	}
	return out, nil
}
