package plist

import "github.com/cresset/cresset/beacon/ssz"

// StreamSSZ implements ssz.Long.
func (p packedNode[E]) StreamSSZ(cx ssz.Context, out *ssz.Stream) error {
	if p.vector > 0 && p.l.n == 0 {
		return out.Append(func(dst []byte) ([]byte, error) { return p.Encode(cx, dst) })
	}
	if err := p.check(p.l.n); err != nil {
		return err
	}
	return eachRun(p.l.n, p.l.From, func(_ int, run []E) error {
		return out.Append(func(dst []byte) ([]byte, error) { return append(dst, bytesOf(run)...), nil })
	})
}

// StreamJSON implements ssz.Long.
func (p packedNode[E]) StreamJSON(cx ssz.Context, out *ssz.Stream) error {
	if p.vector > 0 && p.l.n == 0 {
		return out.Append(func(dst []byte) ([]byte, error) { return p.AppendJSON(cx, dst) })
	}
	if err := p.check(p.l.n); err != nil {
		return err
	}
	return streamArray(out, p.l.n, p.l.From, func(dst []byte, e *E) ([]byte, error) { return element(e).AppendJSON(cx, dst) })
}

// StreamSSZ implements ssz.Long. Lists of elements of variable size, which have offsets in front, are not written in pieces.
func (p objectsNode[T, P]) StreamSSZ(cx ssz.Context, out *ssz.Stream) error {
	if _, fixed := ssz.Container(P(new(T))).Size(cx); !fixed || p.l.n == 0 {
		return out.Append(func(dst []byte) ([]byte, error) { return p.Encode(cx, dst) })
	}
	if err := p.check(p.l.n); err != nil {
		return err
	}
	return eachRun(p.l.n, p.l.From, func(_ int, run []T) error {
		return out.Append(func(dst []byte) (_ []byte, err error) {
			for k := range run {
				if dst, err = ssz.Container(P(&run[k])).Encode(cx, dst); err != nil {
					return dst, err
				}
			}
			return dst, nil
		})
	})
}

// StreamJSON implements ssz.Long.
func (p objectsNode[T, P]) StreamJSON(cx ssz.Context, out *ssz.Stream) error {
	if p.l.n == 0 {
		return out.Append(func(dst []byte) ([]byte, error) { return p.AppendJSON(cx, dst) })
	}
	if err := p.check(p.l.n); err != nil {
		return err
	}
	return streamArray(out, p.l.n, p.l.From, func(dst []byte, e *T) ([]byte, error) { return ssz.Container(P(e)).AppendJSON(cx, dst) })
}

// eachRun goes over the elements of a list in runs that lie side by side.
func eachRun[E any](n int, from func(int) []E, f func(first int, run []E) error) error {
	for i := 0; i < n; {
		run := from(i)
		if err := f(i, run); err != nil {
			return err
		}
		i += len(run)
	}
	return nil
}

// streamArray writes a list as an array of JSON, a run at a time.
func streamArray[E any](out *ssz.Stream, n int, from func(int) []E, one func(dst []byte, e *E) ([]byte, error)) error {
	if err := out.Text("["); err != nil {
		return err
	}
	err := eachRun(n, from, func(first int, run []E) error {
		return out.Append(func(dst []byte) (_ []byte, err error) {
			for k := range run {
				if first+k > 0 {
					dst = append(dst, ',')
				}
				if dst, err = one(dst, &run[k]); err != nil {
					return dst, err
				}
			}
			return dst, nil
		})
	})
	if err != nil {
		return err
	}
	return out.Text("]")
}
