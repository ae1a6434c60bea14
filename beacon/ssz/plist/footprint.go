package plist

import "unsafe"

// Seen is what has been counted already when the memory of several lists is summed up. Lists that share memory are to be
// counted with the same Seen.
type Seen map[unsafe.Pointer]struct{}

// First tells whether p is counted for the first time.
func (s Seen) First(p unsafe.Pointer) bool {
	if _, ok := s[p]; ok {
		return false
	}
	s[p] = struct{}{}
	return true
}

// Footprint is the bytes of the tree that seen has not counted yet. A shared branch is not looked into, so that what a list
// shares with one counted before costs a step for 4,096 chunks. Memory that values point to is counted by extra, which may be
// nil.
func (t *Tree[P]) Footprint(seen Seen, extra func(*P) int) (bytes int) {
	bytes = len(t.top) * int(unsafe.Sizeof(uintptr(0)))
	for _, br := range t.top {
		if br == nil || !seen.First(unsafe.Pointer(br)) {
			continue
		}
		bytes += int(unsafe.Sizeof(*br))
		for _, page := range br.pages {
			if page == nil || !seen.First(unsafe.Pointer(page)) {
				continue
			}
			bytes += int(unsafe.Sizeof(*page))
			if extra != nil {
				bytes += extra(&page.Values)
			}
		}
	}
	return bytes
}

// Footprint is the bytes of the list that seen has not counted yet.
func (l *Packed[E]) Footprint(seen Seen) int { return l.t.Footprint(seen, nil) }

// Footprint is the bytes of the list that seen has not counted yet.
func (l *Objects[T, P]) Footprint(seen Seen) int { return l.t.Footprint(seen, nil) }
