package types

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
)

// validatorSize is the length of an encoded Validator.
const validatorSize = 121

// identities is the part of 64 validators that hardly ever changes. It is shared between states apart from the columns.
type identities struct {
	pubkeys     [64]BLSPubkey
	credentials [64]Bytes32
}

// columns is 64 validators by field. What epochs scan is 41 bytes a validator; the rest hangs behind a pointer.
type columns struct {
	identities *identities
	// owner is the stamp of the page that made identities; a page with another stamp clones before it writes there.
	owner                      uint64
	effectiveBalance           [64]Gwei
	activationEligibilityEpoch [64]Epoch
	activationEpoch            [64]Epoch
	exitEpoch                  [64]Epoch
	withdrawableEpoch          [64]Epoch
	slashed                    [64]bool
}

// Validators is the persistent registry. The zero value is empty and of binary shape.
type Validators struct {
	t plist.Tree[columns]
	n int
}

// ValidatorColumns is a run of neighbouring validators by field, for reading.
type ValidatorColumns struct {
	EffectiveBalance           []Gwei
	ActivationEligibilityEpoch []Epoch
	ActivationEpoch            []Epoch
	ExitEpoch                  []Epoch
	WithdrawableEpoch          []Epoch
	Slashed                    []bool
}

// Len is the number of validators.
func (v *Validators) Len() int { return v.n }

func (v *Validators) page(i int) (*columns, int) {
	if uint(i) >= uint(v.n) {
		panic(fmt.Sprintf("types: validator %d of %d", i, v.n))
	}
	page, c := v.t.Page(i)
	return &page.Values, c
}

func (v *Validators) write(i int) (*columns, int) {
	if uint(i) >= uint(v.n) {
		panic(fmt.Sprintf("types: validator %d of %d", i, v.n))
	}
	page, c := v.t.Write(i, 1)
	return &page.Values, c
}

// From gives validators i and following, as many as lie together. It is never empty; i is in the registry.
func (v *Validators) From(i int) ValidatorColumns {
	p, c := v.page(i)
	end := min(64, c+v.n-i)
	return ValidatorColumns{
		EffectiveBalance:           p.effectiveBalance[c:end],
		ActivationEligibilityEpoch: p.activationEligibilityEpoch[c:end],
		ActivationEpoch:            p.activationEpoch[c:end],
		ExitEpoch:                  p.exitEpoch[c:end],
		WithdrawableEpoch:          p.withdrawableEpoch[c:end],
		Slashed:                    p.slashed[c:end],
	}
}

// At puts validator i together.
func (v *Validators) At(i ValidatorIndex) Validator {
	p, c := v.page(int(i))
	return p.at(c)
}

func (p *columns) at(c int) Validator {
	return Validator{
		Pubkey:                     p.identities.pubkeys[c],
		WithdrawalCredentials:      p.identities.credentials[c],
		EffectiveBalance:           p.effectiveBalance[c],
		Slashed:                    p.slashed[c],
		ActivationEligibilityEpoch: p.activationEligibilityEpoch[c],
		ActivationEpoch:            p.activationEpoch[c],
		ExitEpoch:                  p.exitEpoch[c],
		WithdrawableEpoch:          p.withdrawableEpoch[c],
	}
}

// Pubkey is the key of validator i.
func (v *Validators) Pubkey(i ValidatorIndex) BLSPubkey {
	p, c := v.page(int(i))
	return p.identities.pubkeys[c]
}

// WithdrawalCredentials is the credentials of validator i.
func (v *Validators) WithdrawalCredentials(i ValidatorIndex) Bytes32 {
	p, c := v.page(int(i))
	return p.identities.credentials[c]
}

// EffectiveBalance is the effective balance of validator i.
func (v *Validators) EffectiveBalance(i ValidatorIndex) Gwei {
	p, c := v.page(int(i))
	return p.effectiveBalance[c]
}

// Slashed tells whether validator i was slashed.
func (v *Validators) Slashed(i ValidatorIndex) bool {
	p, c := v.page(int(i))
	return p.slashed[c]
}

// ExitEpoch is the exit epoch of validator i.
func (v *Validators) ExitEpoch(i ValidatorIndex) Epoch {
	p, c := v.page(int(i))
	return p.exitEpoch[c]
}

// WithdrawableEpoch is the withdrawable epoch of validator i.
func (v *Validators) WithdrawableEpoch(i ValidatorIndex) Epoch {
	p, c := v.page(int(i))
	return p.withdrawableEpoch[c]
}

// SetEffectiveBalance changes the effective balance of validator i.
func (v *Validators) SetEffectiveBalance(i ValidatorIndex, to Gwei) {
	p, c := v.write(int(i))
	p.effectiveBalance[c] = to
}

// SetActivationEligibilityEpoch changes the eligibility epoch of validator i.
func (v *Validators) SetActivationEligibilityEpoch(i ValidatorIndex, to Epoch) {
	p, c := v.write(int(i))
	p.activationEligibilityEpoch[c] = to
}

// SetActivationEpoch changes the activation epoch of validator i.
func (v *Validators) SetActivationEpoch(i ValidatorIndex, to Epoch) {
	p, c := v.write(int(i))
	p.activationEpoch[c] = to
}

// SetExitEpoch changes the exit epoch of validator i.
func (v *Validators) SetExitEpoch(i ValidatorIndex, to Epoch) {
	p, c := v.write(int(i))
	p.exitEpoch[c] = to
}

// SetWithdrawableEpoch changes the withdrawable epoch of validator i.
func (v *Validators) SetWithdrawableEpoch(i ValidatorIndex, to Epoch) {
	p, c := v.write(int(i))
	p.withdrawableEpoch[c] = to
}

// SetSlashed marks validator i as slashed.
func (v *Validators) SetSlashed(i ValidatorIndex) {
	p, c := v.write(int(i))
	p.slashed[c] = true
}

// SetWithdrawalCredentials changes the credentials of validator i.
func (v *Validators) SetWithdrawalCredentials(i ValidatorIndex, to Bytes32) {
	v.ownIdentities(int(i), 1)
	p, c := v.page(int(i))
	p.identities.credentials[c] = to
}

// ownIdentities makes the identities of count validators from i on, which lie in one page, writable.
func (v *Validators) ownIdentities(i, count int) {
	page, _ := v.t.Write(i, count)
	p := &page.Values
	switch {
	case p.identities == nil:
		p.identities = new(identities)
	case p.owner != page.Stamp():
		clone := *p.identities
		p.identities = &clone
	}
	p.owner = page.Stamp()
}

// Append adds a validator at the end.
func (v *Validators) Append(val Validator) {
	v.n++
	v.ownIdentities(v.n-1, 1)
	v.set(v.n-1, val)
}

// Set replaces validator i as a whole.
func (v *Validators) Set(i ValidatorIndex, val Validator) {
	v.ownIdentities(int(i), 1)
	v.set(int(i), val)
}

func (v *Validators) set(i int, val Validator) {
	p, c := v.page(i)
	p.identities.pubkeys[c] = val.Pubkey
	p.identities.credentials[c] = val.WithdrawalCredentials
	p.effectiveBalance[c] = val.EffectiveBalance
	p.slashed[c] = val.Slashed
	p.activationEligibilityEpoch[c] = val.ActivationEligibilityEpoch
	p.activationEpoch[c] = val.ActivationEpoch
	p.exitEpoch[c] = val.ExitEpoch
	p.withdrawableEpoch[c] = val.WithdrawableEpoch
}

// Copy gives a registry that shares memory with v until one of them is written to.
func (v *Validators) Copy() Validators { return Validators{t: v.t.Copy(), n: v.n} }

// Freeze forbids writes.
func (v *Validators) Freeze() { v.t.Freeze() }

// Reshape lays the registry out for the other Merkle shape. Roots of validators move along.
func (v *Validators) Reshape(progressive bool) {
	if v.t.Progressive() == progressive {
		return
	}
	out := Validators{t: v.t.EmptyOf(progressive), n: v.n}
	out.t.Open(v.n)
	_ = plist.Parallel(v.n, out.t.Cut, func(_, start, end int) error {
		for i := start; i < end; {
			count := min(v.t.PageLeft(i), out.t.PageLeft(i), end-i)
			out.ownIdentities(i, count)
			from, c := v.t.Page(i)
			to, d := out.page(i)
			to.copy(d, &from.Values, c, count)
			for k := range count {
				if root, ok := from.Known(c + k); ok {
					out.t.SetKnown(i+k, root)
				}
			}
			i += count
		}
		return nil
	})
	*v = out
}

// copy takes over count validators from another page.
func (p *columns) copy(at int, from *columns, c, count int) {
	copy(p.identities.pubkeys[at:], from.identities.pubkeys[c:c+count])
	copy(p.identities.credentials[at:], from.identities.credentials[c:c+count])
	copy(p.effectiveBalance[at:], from.effectiveBalance[c:c+count])
	copy(p.activationEligibilityEpoch[at:], from.activationEligibilityEpoch[c:c+count])
	copy(p.activationEpoch[at:], from.activationEpoch[c:c+count])
	copy(p.exitEpoch[at:], from.exitEpoch[c:c+count])
	copy(p.withdrawableEpoch[at:], from.withdrawableEpoch[c:c+count])
	copy(p.slashed[at:], from.slashed[c:c+count])
}

// Rehash brings the cached nodes up to date.
func (v *Validators) Rehash() { v.t.Rehash(validatorRoots) }

// validatorRoots computes the roots of the stale validators of a page, all at once to keep the hasher wide.
func validatorRoots(page *plist.Page[columns], stale uint64, s *plist.Scratch) {
	n := bits.OnesCount64(stale)
	if n == 0 {
		return
	}
	p := &page.Values
	buf := s.Grow(10 * n)
	leaves, keys := buf[:8*n], buf[8*n:]
	k := 0
	for m := stale; m != 0; m &= m - 1 {
		key := &p.identities.pubkeys[bits.TrailingZeros64(m)]
		keys[k] = [32]byte(key[:32])
		keys[k+1] = [32]byte{}
		copy(keys[k+1][:], key[32:])
		k += 2
	}
	ssz.HashPairs(keys, keys)
	k = 0
	for m := stale; m != 0; m &= m - 1 {
		c := bits.TrailingZeros64(m)
		leaf := leaves[8*k : 8*k+8]
		leaf[0] = keys[k]
		leaf[1] = p.identities.credentials[c]
		putChunk(&leaf[2], uint64(p.effectiveBalance[c]))
		leaf[3] = [32]byte{}
		if p.slashed[c] {
			leaf[3][0] = 1
		}
		putChunk(&leaf[4], uint64(p.activationEligibilityEpoch[c]))
		putChunk(&leaf[5], uint64(p.activationEpoch[c]))
		putChunk(&leaf[6], uint64(p.exitEpoch[c]))
		putChunk(&leaf[7], uint64(p.withdrawableEpoch[c]))
		k++
	}
	ssz.HashPairs(leaves, leaves)
	ssz.HashPairs(leaves, leaves[:4*n])
	ssz.HashPairs(leaves, leaves[:2*n])
	k = 0
	for m := stale; m != 0; m &= m - 1 {
		page.Chunks[bits.TrailingZeros64(m)] = leaves[k]
		k++
	}
}

func putChunk(chunk *[32]byte, v uint64) {
	*chunk = [32]byte{}
	binary.LittleEndian.PutUint64(chunk[:], v)
}

// List is the node of the registry with its limit.
func (v *Validators) List(shape ssz.Shape) ssz.Node { return validatorsNode{v, shape} }

// validatorsNode is the registry under a schema.
type validatorsNode struct {
	v     *Validators
	shape ssz.Shape
}

func (r validatorsNode) check(n int) error {
	if !r.shape.Progressive && uint64(n) > r.shape.Limit {
		return &ssz.LimitError{Have: uint64(n), Limit: r.shape.Limit}
	}
	return nil
}

func (r validatorsNode) Size(ssz.Context) (int, bool) { return validatorSize * r.v.n, false }

func (r validatorsNode) Encode(_ ssz.Context, dst []byte) ([]byte, error) {
	if err := r.check(r.v.n); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = slices.Grow(dst, validatorSize*r.v.n)[:start+validatorSize*r.v.n]
	err := plist.Parallel(r.v.n, r.v.t.Cut, func(_, from, to int) error {
		for i := from; i < to; {
			count := min(r.v.t.PageLeft(i), to-i)
			p, c := r.v.page(i)
			for k := range count {
				p.encode(c+k, dst[start+(i+k)*validatorSize:])
			}
			i += count
		}
		return nil
	})
	return dst, err
}

func (p *columns) encode(c int, dst []byte) {
	dst = dst[:validatorSize]
	copy(dst, p.identities.pubkeys[c][:])
	copy(dst[48:], p.identities.credentials[c][:])
	binary.LittleEndian.PutUint64(dst[80:], uint64(p.effectiveBalance[c]))
	dst[88] = 0
	if p.slashed[c] {
		dst[88] = 1
	}
	binary.LittleEndian.PutUint64(dst[89:], uint64(p.activationEligibilityEpoch[c]))
	binary.LittleEndian.PutUint64(dst[97:], uint64(p.activationEpoch[c]))
	binary.LittleEndian.PutUint64(dst[105:], uint64(p.exitEpoch[c]))
	binary.LittleEndian.PutUint64(dst[113:], uint64(p.withdrawableEpoch[c]))
}

func (r validatorsNode) Decode(_ ssz.Context, src []byte) error {
	if len(src)%validatorSize != 0 {
		return fmt.Errorf("%w: %d bytes are not a multiple of a validator's %d", ssz.ErrSize, len(src), validatorSize)
	}
	n := len(src) / validatorSize
	if err := r.check(n); err != nil {
		return err
	}
	*r.v = Validators{t: r.v.t.EmptyOf(r.shape.Progressive), n: n}
	r.v.t.Open(n)
	return plist.Parallel(n, r.v.t.Cut, func(_, from, to int) error {
		for i := from; i < to; {
			count := min(r.v.t.PageLeft(i), to-i)
			r.v.ownIdentities(i, count)
			p, c := r.v.page(i)
			for k := range count {
				if err := p.decode(c+k, src[(i+k)*validatorSize:]); err != nil {
					return fmt.Errorf("validator %d: %w", i+k, err)
				}
			}
			i += count
		}
		return nil
	})
}

func (p *columns) decode(c int, src []byte) error {
	src = src[:validatorSize]
	p.identities.pubkeys[c] = BLSPubkey(src[:48])
	p.identities.credentials[c] = Bytes32(src[48:80])
	p.effectiveBalance[c] = Gwei(binary.LittleEndian.Uint64(src[80:]))
	if src[88] > 1 {
		return fmt.Errorf("slashed: %w: %d", ssz.ErrBoolean, src[88])
	}
	p.slashed[c] = src[88] == 1
	p.activationEligibilityEpoch[c] = Epoch(binary.LittleEndian.Uint64(src[89:]))
	p.activationEpoch[c] = Epoch(binary.LittleEndian.Uint64(src[97:]))
	p.exitEpoch[c] = Epoch(binary.LittleEndian.Uint64(src[105:]))
	p.withdrawableEpoch[c] = Epoch(binary.LittleEndian.Uint64(src[113:]))
	return nil
}

func (r validatorsNode) view() (ssz.View, error) {
	if err := r.check(r.v.n); err != nil {
		return ssz.View{}, err
	}
	r.v.Rehash()
	view, err := r.v.t.View(r.v.n, r.shape)
	view.MixIn = ssz.LengthMixIn(uint64(r.v.n))
	view.Element = func(i uint64, path ssz.Path, p *ssz.Proof) error {
		val := r.v.At(ValidatorIndex(i))
		return ssz.Container(&val).Prove(ssz.Context{}, path, p)
	}
	return view, err
}

func (r validatorsNode) Root(_ ssz.Context, h *ssz.Hasher) {
	v, err := r.view()
	if err != nil {
		h.Fail(err)
		h.Push([32]byte{})
		return
	}
	h.Push(v.Root())
}

func (r validatorsNode) Child(cx ssz.Context, step string) (uint64, ssz.Node, error) {
	return ssz.List(new([]Validator), r.shape).Child(cx, step)
}

func (r validatorsNode) Prove(_ ssz.Context, path ssz.Path, p *ssz.Proof) error {
	v, err := r.view()
	if err != nil {
		return err
	}
	return v.Prove(path, p)
}

func (r validatorsNode) AppendJSON(cx ssz.Context, dst []byte) ([]byte, error) {
	values := make([]Validator, r.v.n)
	for i := range values {
		values[i] = r.v.At(ValidatorIndex(i))
	}
	return ssz.List(&values, r.shape).AppendJSON(cx, dst)
}

func (r validatorsNode) DecodeJSON(cx ssz.Context, dec *json.Decoder) error {
	var values []Validator
	if err := ssz.List(&values, r.shape).DecodeJSON(cx, dec); err != nil {
		return err
	}
	*r.v = Validators{t: r.v.t.EmptyOf(r.shape.Progressive)}
	for _, val := range values {
		r.v.Append(val)
	}
	return nil
}

func (r validatorsNode) IsZero(ssz.Context) bool { return r.v.n == 0 }
func (r validatorsNode) Reset(ssz.Context)       { *r.v = Validators{t: r.v.t.EmptyOf(false)} }
