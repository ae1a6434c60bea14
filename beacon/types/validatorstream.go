package types

import "github.com/cresset/cresset/beacon/ssz"

// StreamSSZ implements ssz.Long.
func (r validatorsNode) StreamSSZ(_ ssz.Context, out *ssz.Stream) error {
	if err := r.check(r.v.n); err != nil {
		return err
	}
	return r.v.runs(func(i, count int) error {
		return out.Append(func(dst []byte) ([]byte, error) {
			p, c := r.v.page(i)
			for k := range count {
				at := len(dst)
				dst = append(dst, make([]byte, validatorSize)...)
				p.encode(c+k, dst[at:])
			}
			return dst, nil
		})
	})
}

// StreamJSON implements ssz.Long.
func (r validatorsNode) StreamJSON(cx ssz.Context, out *ssz.Stream) error {
	if err := r.check(r.v.n); err != nil {
		return err
	}
	if err := out.Text("["); err != nil {
		return err
	}
	err := r.v.runs(func(i, count int) error {
		return out.Append(func(dst []byte) (_ []byte, err error) {
			p, c := r.v.page(i)
			for k := range count {
				if i+k > 0 {
					dst = append(dst, ',')
				}
				v := p.at(c + k)
				if dst, err = ssz.Container(&v).AppendJSON(cx, dst); err != nil {
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

// runs goes over runs of validators that lie in one page.
func (v *Validators) runs(f func(i, count int) error) error {
	for i := 0; i < v.n; {
		count := min(v.t.PageLeft(i), v.n-i)
		if err := f(i, count); err != nil {
			return err
		}
		i += count
	}
	return nil
}
