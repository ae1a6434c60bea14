package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The difference of the registry is
//
//	length   varint, of the result
//	against  varint, 1 if it is the base's registry, changed and longer; 0 if it is made from nothing
//	changed  varint, how many of the base's validators change
//
// and for each of these how many stay before it (varint), which of its fields change (a bit each) and the changes in the order of the
// bits: numbers as what is added to them, others by their new values. The new validators follow, encoded.

// The bits of the fields that change.
const (
	fieldBalance = 1 << iota
	fieldEligibility
	fieldActivation
	fieldExit
	fieldWithdrawable
	fieldSlashed
	fieldCredentials
	fieldPubkey
)

// numberFields are the fields that are numbers, in the order of their bits.
func numberFields(v *types.Validator) [5]uint64 {
	return [5]uint64{
		uint64(v.EffectiveBalance), uint64(v.ActivationEligibilityEpoch), uint64(v.ActivationEpoch), uint64(v.ExitEpoch), uint64(v.WithdrawableEpoch),
	}
}

func registryList() diffList {
	return diffList{diff: diffRegistry, apply: applyRegistry, clear: func(st *types.BeaconState) { st.Validators = types.Validators{} }}
}

func diffRegistry(dst []byte, baseState, st *types.BeaconState) (_ []byte, err error) {
	base, list, against := &baseState.Validators, &st.Validators, fromBase
	if base.Len() > list.Len() {
		base, against = new(types.Validators), fromNothing
	}
	var data []byte
	count, next := 0, 0
	for i := 0; i < base.Len(); {
		now, old := list.From(i), base.From(i)
		n := min(len(now.Slashed), len(old.Slashed))
		if &now.Slashed[0] != &old.Slashed[0] { // the same page
			for k := range n {
				if !changed(base, list, old, now, i, k) {
					continue
				}
				data = binary.AppendUvarint(data, uint64(i+k-next))
				data = appendValidator(data, base.At(types.ValidatorIndex(i+k)), list.At(types.ValidatorIndex(i+k)))
				count, next = count+1, i+k+1
			}
		}
		i += n
	}
	for _, v := range []int{list.Len(), against, count} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	dst = append(dst, data...)
	for i := base.Len(); i < list.Len(); i++ {
		v := list.At(types.ValidatorIndex(i))
		if dst, err = ssz.Container(&v).Encode(ssz.Context{}, dst); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// changed tells whether validator i+k differs, element k of two runs of columns.
func changed(base, list *types.Validators, old, now types.ValidatorColumns, i, k int) bool {
	at := types.ValidatorIndex(i + k)
	return now.EffectiveBalance[k] != old.EffectiveBalance[k] || now.ActivationEligibilityEpoch[k] != old.ActivationEligibilityEpoch[k] ||
		now.ActivationEpoch[k] != old.ActivationEpoch[k] || now.ExitEpoch[k] != old.ExitEpoch[k] ||
		now.WithdrawableEpoch[k] != old.WithdrawableEpoch[k] || now.Slashed[k] != old.Slashed[k] ||
		list.WithdrawalCredentials(at) != base.WithdrawalCredentials(at) || list.Pubkey(at) != base.Pubkey(at)
}

func appendValidator(dst []byte, old, now types.Validator) []byte {
	at := len(dst)
	dst = append(dst, 0)
	was, is := numberFields(&old), numberFields(&now)
	for i := range is {
		if is[i] != was[i] {
			dst[at] |= 1 << i
			dst = appendChange(dst, was[i], is[i])
		}
	}
	if now.Slashed != old.Slashed { // the bit alone says it
		dst[at] |= fieldSlashed
	}
	if now.WithdrawalCredentials != old.WithdrawalCredentials {
		dst[at] |= fieldCredentials
		dst = append(dst, now.WithdrawalCredentials[:]...)
	}
	if now.Pubkey != old.Pubkey {
		dst[at] |= fieldPubkey
		dst = append(dst, now.Pubkey[:]...)
	}
	return dst
}

func applyRegistry(r *reader, baseState, out *types.BeaconState) error {
	base := &baseState.Validators
	n := int(r.number(uint64(base.Len() + len(r.b))))
	var list types.Validators
	if r.number(1) == fromBase {
		list = base.Copy()
	}
	list.Reshape(out.Since(params.Gloas))
	if n < list.Len() {
		return fmt.Errorf("%w: %d validators, the base has %d", errDiff, n, list.Len())
	}
	next := 0
	for count := r.number(uint64(list.Len())); count > 0 && r.err == nil; count-- {
		at := next + int(r.number(uint64(list.Len()-next)))
		if at >= list.Len() {
			r.fail("validator %d of %d", at, list.Len())
			break
		}
		applyValidator(r, &list, types.ValidatorIndex(at))
		next = at + 1
	}
	var blank types.Validator
	size := ssz.Size(ssz.Context{}, ssz.Container(&blank))
	for list.Len() < n && r.err == nil {
		var v types.Validator
		if b := r.bytes(size); b != nil {
			if err := ssz.Unmarshal(ssz.Context{}, b, ssz.Container(&v)); err != nil {
				r.fail("%v", err)
			}
		}
		list.Append(v)
	}
	out.Validators = list
	return r.err
}

// applyValidator changes a validator. Its key and credentials are not touched where they stay, so that states go on sharing them.
func applyValidator(r *reader, list *types.Validators, at types.ValidatorIndex) {
	flags := r.bytes(1)
	if flags == nil {
		return
	}
	v := list.At(at)
	numbers := numberFields(&v)
	for i := range numbers {
		if flags[0]&(1<<i) != 0 {
			numbers[i] = r.change(numbers[i])
		}
	}
	if flags[0]&fieldCredentials != 0 {
		copy(v.WithdrawalCredentials[:], r.bytes(len(v.WithdrawalCredentials)))
		list.SetWithdrawalCredentials(at, v.WithdrawalCredentials)
	}
	was := v.Slashed
	v.Slashed = was != (flags[0]&fieldSlashed != 0)
	switch {
	case flags[0]&fieldPubkey != 0:
		copy(v.Pubkey[:], r.bytes(len(v.Pubkey)))
		list.Set(at, v)
	case was && !v.Slashed: // on another branch than the base's
		list.Set(at, v)
	case v.Slashed && !was:
		list.SetSlashed(at)
	}
	setNumbers(list, at, flags[0], numbers)
}

func setNumbers(list *types.Validators, at types.ValidatorIndex, flags byte, numbers [5]uint64) {
	if flags&fieldBalance != 0 {
		list.SetEffectiveBalance(at, types.Gwei(numbers[0]))
	}
	if flags&fieldEligibility != 0 {
		list.SetActivationEligibilityEpoch(at, types.Epoch(numbers[1]))
	}
	if flags&fieldActivation != 0 {
		list.SetActivationEpoch(at, types.Epoch(numbers[2]))
	}
	if flags&fieldExit != 0 {
		list.SetExitEpoch(at, types.Epoch(numbers[3]))
	}
	if flags&fieldWithdrawable != 0 {
		list.SetWithdrawableEpoch(at, types.Epoch(numbers[4]))
	}
}
