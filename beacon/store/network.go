package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// network is what tells the chain of one network from another's, as it is recorded.
type network struct {
	Config string
	Preset string
	Forks  []networkFork // oldest first
}

type networkFork struct {
	Fork    string
	Version string
	Epoch   uint64
}

func networkOf(spec *params.Spec) network {
	n := network{Config: spec.ConfigName, Preset: spec.PresetBase}
	for _, f := range params.Forks() {
		n.Forks = append(n.Forks, networkFork{f.String(), fmt.Sprint(spec.ForkVersion(f)), uint64(spec.ForkEpoch(f))})
	}
	return n
}

// checkNetwork refuses a directory of another network: one with another name, preset or genesis, or in which a fork that the
// finalized chain has passed was another. Forks to come may be scheduled anew; what is configured is then recorded.
func (s *Store) checkNetwork() error {
	want := networkOf(s.cfg.Spec)
	have, err := s.readNetwork()
	if errors.Is(err, ErrNotFound) {
		return s.writeNetwork(want)
	}
	if err != nil {
		return err
	}
	finalized, err := s.Finalized()
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.cfg.Log.Warn("finalized checkpoint cannot be read, past forks are not compared", "error", err, "action", "none, the chain is recovered from older records")
	}
	if err := have.compare(want, uint64(finalized.Epoch)); err != nil {
		return err
	}
	if err := s.checkGenesis(); err != nil {
		return err
	}
	if fmt.Sprint(have) == fmt.Sprint(want) {
		return nil
	}
	return s.writeNetwork(want)
}

// compare refuses another network than n.
func (n network) compare(want network, finalized uint64) error {
	if n.Config != want.Config {
		return &NetworkError{"configuration's name", n.Config, want.Config}
	}
	if n.Preset != want.Preset {
		return &NetworkError{"preset", n.Preset, want.Preset}
	}
	for i, f := range n.Forks {
		if f.Epoch > finalized && i > 0 {
			continue
		}
		if i >= len(want.Forks) || f != want.Forks[i] {
			now := "none"
			if i < len(want.Forks) {
				now = fmt.Sprint(want.Forks[i])
			}
			return &NetworkError{"fork", fmt.Sprint(f), now}
		}
	}
	return nil
}

// String is the fork in words.
func (f networkFork) String() string {
	return fmt.Sprintf("%s (version %s at epoch %d)", f.Fork, f.Version, f.Epoch)
}

func (s *Store) checkGenesis() error {
	want := s.cfg.GenesisValidatorsRoot
	if want == (types.Root{}) {
		return nil
	}
	_, have, err := s.Genesis()
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if have != want {
		return &NetworkError{"genesis validators root", fmt.Sprint(have), fmt.Sprint(want)}
	}
	return nil
}

func (s *Store) readNetwork() (n network, err error) {
	value, err := s.meta(metaNetwork)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(value, &n); err != nil {
		return n, &DamagedError{describe(kindMeta.byName(metaNetwork)), err}
	}
	return n, nil
}

func (s *Store) writeNetwork(n network) error {
	if s.cfg.ReadOnly {
		return nil
	}
	value, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("record network: %w", err)
	}
	b := s.NewBatch()
	b.putMeta(metaNetwork, value)
	return b.Commit(true)
}
