package signer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// The reasons for which nothing is signed, for errors.Is. A Permit that does not fit has errors of its own.
var (
	ErrUnknownKey = errors.New("signer does not hold the key")
	ErrTooEarly   = errors.New("message is more than one epoch ahead of the clock")
	ErrOtherChain = errors.New("fork or chain differs from the one the signer was configured with")
	ErrMessage    = errors.New("message contradicts itself")
)

// Config is what a Signer is made of. All but Workers is needed.
type Config struct {
	Spec                  *params.Spec
	GenesisValidatorsRoot types.Root
	Clock                 *clock.Clock
	// Workers bounds the signatures made at a time by one batch. Default: one a core.
	Workers int
}

// ForkInfo is what a caller believes about the chain.
type ForkInfo struct {
	// Fork is the one that the schedule has for the message's epoch.
	Fork                  types.Fork
	GenesisValidatorsRoot types.Root
}

// Signer holds keys and signs. It prints as the number of its keys.
type Signer struct {
	cfg Config

	mu struct {
		sync.RWMutex
		keys map[types.BLSPubkey]*bls.SecretKey
	}
}

// New makes a signer without keys.
func New(cfg Config) *Signer {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	s := &Signer{cfg: cfg}
	s.mu.keys = map[types.BLSPubkey]*bls.SecretKey{}
	return s
}

// Add takes a key and gives its public key. One that is there already stays.
func (s *Signer) Add(secret *bls.SecretKey) types.BLSPubkey {
	key := types.BLSPubkey(secret.PublicKey().Bytes())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.keys[key] == nil {
		s.mu.keys[key] = secret
	}
	return key
}

// Remove forgets a key, and tells whether it was there. Signatures being made are still completed.
func (s *Signer) Remove(key types.BLSPubkey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.mu.keys[key]
	delete(s.mu.keys, key)
	return there
}

// Has tells whether the signer holds a key.
func (s *Signer) Has(key types.BLSPubkey) bool { return s.secret(key) != nil }

// Keys lists the keys held, ascending.
func (s *Signer) Keys() []types.BLSPubkey {
	s.mu.RLock()
	keys := make([]types.BLSPubkey, 0, len(s.mu.keys))
	for key := range s.mu.keys {
		keys = append(keys, key)
	}
	s.mu.RUnlock()
	slices.SortFunc(keys, func(a, b types.BLSPubkey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

func (s *Signer) secret(key types.BLSPubkey) *bls.SecretKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.keys[key]
}

func (s *Signer) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.mu.keys)
}

// String says how many keys there are, and nothing of them.
func (s *Signer) String() string { return fmt.Sprintf("signer(%d keys)", s.count()) }

// Format is String for every verb.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON is String.
func (s *Signer) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// checkEpoch refuses what is too far ahead. Spec: none; a beacon node that is wrong about the time must not be able to spend heights.
func (s *Signer) checkEpoch(epoch types.Epoch) error {
	if now := s.cfg.Clock.CurrentEpoch(); epoch > now && epoch-now > 1 {
		return fmt.Errorf("%w: epoch %d, the clock says %d", ErrTooEarly, epoch, now)
	}
	return nil
}

// domain is the domain of a message of an epoch, if caller and signer agree about the fork. Spec: get_domain (phase0).
func (s *Signer) domain(info ForkInfo, kind types.DomainType, epoch types.Epoch) (types.Domain, error) {
	if err := s.checkChain(info); err != nil {
		return types.Domain{}, err
	}
	told, want := info.Fork.CurrentVersion, s.cfg.Spec.ComputeForkVersion(epoch)
	if epoch < info.Fork.Epoch {
		told = info.Fork.PreviousVersion
	}
	if told != want {
		return types.Domain{}, fmt.Errorf("%w: fork version for epoch %d is %v for the caller, %v in the configuration", ErrOtherChain, epoch, told, want)
	}
	return types.ComputeDomain(kind, want, s.cfg.GenesisValidatorsRoot), nil
}

func (s *Signer) checkChain(info ForkInfo) error {
	if info.GenesisValidatorsRoot != s.cfg.GenesisValidatorsRoot {
		return fmt.Errorf("%w: genesis validators root is %v for the caller, %v in the configuration",
			ErrOtherChain, info.GenesisValidatorsRoot, s.cfg.GenesisValidatorsRoot)
	}
	return nil
}
