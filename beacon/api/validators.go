package api

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// selected loads the state that the path names and chooses validators of it. What asks for all of them waits for its turn.
func (c *call) selected(ids []validatorID) (*transition.State, flags, selection, error) {
	if len(ids) == 0 {
		if err := c.turn(); err != nil {
			return nil, flags{}, selection{}, err
		}
	}
	s, f, err := c.state()
	if err != nil {
		return nil, f, selection{}, err
	}
	return s, f, choose(ids, s.Validators.Len(), func(key types.BLSPubkey) (uint64, bool) {
		i, ok := s.ValidatorByPubkey(key)
		return uint64(i), ok
	}), nil
}

// queryIDs reads the field id of the query. Spec: "Too many validator IDs" is 414.
func (c *call) queryIDs() ([]validatorID, error) {
	texts, err := c.list("id", maxQueryIDs)
	if err != nil {
		return nil, err
	}
	return parseIDs("id", texts)
}

// getValidators answers with validators by id and status. Spec: getStateValidators.
func (c *call) getValidators() error {
	ids, err := c.queryIDs()
	if err != nil {
		return err
	}
	names, err := c.list("status", maxStatuses)
	if err != nil {
		return err
	}
	set, err := parseStatuses("status", names)
	if err != nil {
		return err
	}
	return c.validators(ids, set)
}

// postValidators is getValidators with the filters in the body. Spec: postStateValidators.
func (c *call) postValidators() error {
	sel, err := parseSelector(c.r.Body, true)
	if err != nil {
		return err
	}
	set, err := parseStatuses("statuses", sel.statuses)
	if err != nil {
		return err
	}
	return c.validators(sel.ids, set)
}

func (c *call) validators(ids []validatorID, set statuses) error {
	s, f, chosen, err := c.selected(ids)
	if err != nil {
		return err
	}
	return c.stream(of(f), func(out *ssz.Stream) error { return writeValidators(out, s.BeaconState, chosen, set) })
}

// writeValidators writes validators with one of the statuses as a list of JSON.
func writeValidators(out *ssz.Stream, s *types.BeaconState, chosen selection, set statuses) error {
	epoch, separator := types.ComputeEpochAtSlot(s.Cx.Spec, s.Slot), byte('[')
	err := chosen.runs(func(indices []int) error {
		return out.Append(func(dst []byte) ([]byte, error) {
			for _, i := range indices {
				v, balance := s.Validators.At(types.ValidatorIndex(i)), s.Balances.At(i)
				status := v.StatusAt(epoch, balance)
				if set != nil && !set[status] {
					continue
				}
				dst = append(dst, separator)
				dst = appendValidator(dst, i, balance, status, &v)
				separator = ','
			}
			return dst, nil
		})
	})
	if err != nil {
		return err
	}
	return closeList(out, separator)
}

// closeList ends a list that begins with '[' once it has an element.
func closeList(out *ssz.Stream, separator byte) error {
	if separator == '[' {
		return out.Text("[]")
	}
	return out.Text("]")
}

// appendValidator writes a validator. Spec: ValidatorResponse (types/api.yaml).
func appendValidator(dst []byte, i int, balance types.Gwei, status types.ValidatorStatus, v *types.Validator) []byte {
	number := func(name string, n uint64) {
		dst = append(dst, name...)
		dst = strconv.AppendUint(dst, n, 10)
	}
	number(`{"index":"`, uint64(i))
	number(`","balance":"`, uint64(balance))
	dst = append(dst, `","status":"`...)
	dst = append(dst, status...)
	dst = append(dst, `","validator":{"pubkey":"0x`...)
	dst = hex.AppendEncode(dst, v.Pubkey[:])
	dst = append(dst, `","withdrawal_credentials":"0x`...)
	dst = hex.AppendEncode(dst, v.WithdrawalCredentials[:])
	number(`","effective_balance":"`, uint64(v.EffectiveBalance))
	dst = append(dst, `","slashed":`...)
	dst = appendBool(dst, v.Slashed)
	number(`,"activation_eligibility_epoch":"`, uint64(v.ActivationEligibilityEpoch))
	number(`","activation_epoch":"`, uint64(v.ActivationEpoch))
	number(`","exit_epoch":"`, uint64(v.ExitEpoch))
	number(`","withdrawable_epoch":"`, uint64(v.WithdrawableEpoch))
	return append(dst, `"}}`...)
}

// stateValidator answers with one validator. Spec: getStateValidator.
func (c *call) stateValidator() error {
	text := c.r.PathValue("validator_id")
	ids, err := parseIDs("validator ID", []string{text})
	if err != nil {
		return err
	}
	s, f, chosen, err := c.selected(ids)
	if err != nil {
		return err
	}
	if len(chosen.indices) == 0 {
		return notFound("Validator not found: the state has no validator %s", clip(text))
	}
	i := chosen.indices[0]
	v, balance := s.Validators.At(types.ValidatorIndex(i)), s.Balances.At(i)
	return c.stream(of(f), func(out *ssz.Stream) error {
		return out.Append(func(dst []byte) ([]byte, error) {
			return appendValidator(dst, i, balance, v.StatusAt(s.GetCurrentEpoch(), balance), &v), nil
		})
	})
}

// getBalances answers with the balances of validators. Spec: getStateValidatorBalances.
func (c *call) getBalances() error {
	ids, err := c.queryIDs()
	if err != nil {
		return err
	}
	return c.balances(ids)
}

// postBalances is getBalances with the ids in the body. Spec: postStateValidatorBalances.
func (c *call) postBalances() error {
	ids, err := parseList(c.r.Body)
	if err != nil {
		return err
	}
	return c.balances(ids)
}

func (c *call) balances(ids []validatorID) error {
	s, f, chosen, err := c.selected(ids)
	if err != nil {
		return err
	}
	return c.entries(f, chosen, entry{
		json: func(dst []byte, i int) []byte {
			dst = append(dst, `{"index":"`...)
			dst = strconv.AppendInt(dst, int64(i), 10)
			dst = append(dst, `","balance":"`...)
			dst = strconv.AppendUint(dst, uint64(s.Balances.At(i)), 10)
			return append(dst, `"}`...)
		},
		ssz: func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, uint64(i)), uint64(s.Balances.At(i)))
		},
	})
}

// postIdentities answers with the keys of validators. Spec: postStateValidatorIdentities.
func (c *call) postIdentities() error {
	ids, err := parseList(c.r.Body)
	if err != nil {
		return err
	}
	s, f, chosen, err := c.selected(ids)
	if err != nil {
		return err
	}
	return c.entries(f, chosen, entry{
		json: func(dst []byte, i int) []byte {
			v := s.Validators.At(types.ValidatorIndex(i))
			dst = append(dst, `{"index":"`...)
			dst = strconv.AppendInt(dst, int64(i), 10)
			dst = append(dst, `","pubkey":"0x`...)
			dst = hex.AppendEncode(dst, v.Pubkey[:])
			dst = append(dst, `","activation_epoch":"`...)
			dst = strconv.AppendUint(dst, uint64(v.ActivationEpoch), 10)
			return append(dst, `"}`...)
		},
		ssz: func(dst []byte, i int) []byte {
			v := s.Validators.At(types.ValidatorIndex(i))
			dst = append(binary.LittleEndian.AppendUint64(dst, uint64(i)), v.Pubkey[:]...)
			return binary.LittleEndian.AppendUint64(dst, uint64(v.ActivationEpoch))
		},
	})
}

// entry writes an entry of a list in both formats. Its encoding has a fixed size, so that a list is nothing but its entries.
type entry struct {
	json, ssz func(dst []byte, i int) []byte
}

// entries answers with a list of what was chosen.
func (c *call) entries(f flags, chosen selection, e entry) error {
	if c.media == mediaSSZ {
		return c.octets(of(f), func(out *ssz.Stream) error {
			return chosen.runs(func(indices []int) error {
				return out.Append(func(dst []byte) ([]byte, error) {
					for _, i := range indices {
						dst = e.ssz(dst, i)
					}
					return dst, nil
				})
			})
		})
	}
	return c.stream(of(f), func(out *ssz.Stream) error {
		separator := byte('[')
		err := chosen.runs(func(indices []int) error {
			return out.Append(func(dst []byte) ([]byte, error) {
				for _, i := range indices {
					dst = e.json(append(dst, separator), i)
					separator = ','
				}
				return dst, nil
			})
		})
		if err != nil {
			return err
		}
		return closeList(out, separator)
	})
}

// builderStatus is where a builder stands. Spec: BuilderStatus (types/api.yaml).
func builderStatus(s *transition.State, i types.BuilderIndex) string {
	switch {
	case s.Builders.At(int(i)).WithdrawableEpoch != params.FarFutureEpoch:
		return "exited"
	case transition.IsActiveBuilder(s, i):
		return "active"
	}
	return "pending"
}

// postBuilders answers with builders by id and status. Spec: getStateBuilders (since gloas).
func (c *call) postBuilders() error {
	sel, err := parseSelector(c.r.Body, false)
	if err != nil {
		return err
	}
	known := []string{"pending", "active", "exited"}
	for _, name := range sel.statuses {
		if !slices.Contains(known, name) {
			return invalid("statuses", name, fmt.Sprintf("one of %v", known))
		}
	}
	if len(sel.ids) == 0 {
		if err := c.turn(); err != nil {
			return err
		}
	}
	s, f, err := c.state()
	if err != nil {
		return err
	}
	chosen := choose(sel.ids, s.Builders.Len(), buildersByKey(s, sel.ids))
	return c.stream(of(f), func(out *ssz.Stream) error {
		separator := byte('[')
		err := chosen.runs(func(indices []int) error {
			return out.Append(func(dst []byte) (_ []byte, err error) {
				for _, i := range indices {
					status := builderStatus(s, types.BuilderIndex(i))
					if len(sel.statuses) > 0 && !slices.Contains(sel.statuses, status) {
						continue
					}
					dst = append(dst, separator)
					dst = append(dst, `{"index":"`...)
					dst = strconv.AppendInt(dst, int64(i), 10)
					dst = append(dst, `","status":"`+status+`","builder":`...)
					if dst, err = ssz.Container(s.Builders.At(i)).AppendJSON(s.Cx, dst); err != nil {
						return dst, err
					}
					dst = append(dst, '}')
					separator = ','
				}
				return dst, nil
			})
		})
		if err != nil {
			return err
		}
		return closeList(out, separator)
	})
}

// buildersByKey finds builders by the keys among the ids, with one pass over the registry.
func buildersByKey(s *transition.State, ids []validatorID) func(types.BLSPubkey) (uint64, bool) {
	wanted := map[types.BLSPubkey]uint64{}
	for _, id := range ids {
		if id.isKey {
			wanted[id.key] = ^uint64(0)
		}
	}
	if len(wanted) > 0 {
		for i := range s.Builders.Len() {
			if _, ok := wanted[s.Builders.At(i).Pubkey]; ok {
				wanted[s.Builders.At(i).Pubkey] = uint64(i)
			}
		}
	}
	return func(key types.BLSPubkey) (uint64, bool) {
		i := wanted[key]
		return i, i != ^uint64(0)
	}
}
