package recorded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// CheckState compares a state with the recorded one of its slot, all of its bytes. Found is whether there is one.
func (c *Chain) CheckState(s *transition.State) (found bool, err error) {
	want, found := c.States[s.Slot]
	if !found {
		return false, nil
	}
	have, err := s.MarshalSSZ()
	if err != nil {
		return true, err
	}
	if !bytes.Equal(have, want) {
		return true, fmt.Errorf("state of slot %d differs from the recorded one: %d bytes, want %d", s.Slot, len(have), len(want))
	}
	return true, nil
}

// CheckFinality compares a state's checkpoints with the reported ones of its slot, the last of an epoch. Found is whether there
// are any.
func (c *Chain) CheckFinality(s *transition.State) (found bool, err error) {
	for _, e := range c.Manifest.Epochs {
		if e.AtSlot != s.Slot {
			continue
		}
		if !e.Finality.Previous.Is(s.PreviousJustifiedCheckpoint) || !e.Finality.Current.Is(s.CurrentJustifiedCheckpoint) || !e.Finality.Finalized.Is(s.FinalizedCheckpoint) {
			err = fmt.Errorf("slot %d: checkpoints are %v, %v, %v, want %+v", s.Slot, s.PreviousJustifiedCheckpoint,
				s.CurrentJustifiedCheckpoint, s.FinalizedCheckpoint, e.Finality)
		}
		return true, err
	}
	return false, nil
}

// CheckValidators compares the validators of the head's state with the reported ones: status, balances, keys and exits, and how
// many there are of each status.
func (c *Chain) CheckValidators(s *transition.State) error {
	if n := s.Validators.Len(); n != len(c.Manifest.Validators) {
		return fmt.Errorf("%d validators, want %d", n, len(c.Manifest.Validators))
	}
	var errs []error
	statuses := map[string]int{}
	for _, want := range c.Manifest.Validators {
		i, err := strconv.Atoi(want.Index)
		if err != nil {
			return err
		}
		v, balance := s.Validators.At(types.ValidatorIndex(i)), s.Balances.At(i)
		status := string(v.StatusAt(s.GetCurrentEpoch(), balance))
		statuses[status]++
		if status != want.Status || fmt.Sprint(uint64(balance)) != want.Balance {
			errs = append(errs, fmt.Errorf("validator %d is %s with %d Gwei, want %s with %s", i, status, balance, want.Status, want.Balance))
		}
		var expected struct {
			Pubkey    string `json:"pubkey"`
			Effective string `json:"effective_balance"`
			Exit      string `json:"exit_epoch"`
		}
		if err := json.Unmarshal(want.Validator, &expected); err != nil {
			return err
		}
		if v.Pubkey.String() != expected.Pubkey || fmt.Sprint(uint64(v.EffectiveBalance)) != expected.Effective || fmt.Sprint(uint64(v.ExitEpoch)) != expected.Exit {
			errs = append(errs, fmt.Errorf("validator %d is %+v, want %s", i, v, want.Validator))
		}
	}
	if fmt.Sprint(statuses) != fmt.Sprint(c.Manifest.Statuses) {
		errs = append(errs, fmt.Errorf("statuses are %v, want %v", statuses, c.Manifest.Statuses))
	}
	return errors.Join(errs...)
}
