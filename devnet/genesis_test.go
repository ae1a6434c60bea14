package devnet

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
)

func specOf(t *testing.T, forks string) *params.Spec {
	t.Helper()
	schedule, err := ParseSchedule(forks)
	if err != nil {
		t.Fatal(err)
	}
	_, spec, err := networkConfig(nil, "minimal", 4*time.Second, schedule)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// The genesis state of each fork is one that can be decoded, hashes to the same root, has everyone active and can go on to the next epoch.
func TestGenesisState(t *testing.T) {
	keys, err := deriveKeys(leastValidators)
	if err != nil {
		t.Fatal(err)
	}
	header := types.ExecutionPayloadHeader{BlockHash: types.Hash32{7}, GasLimit: gasLimit, Timestamp: 1_800_000_000, LogsBloom: make([]byte, 256)}
	for _, fork := range []string{"deneb", "electra", "fulu"} {
		spec := specOf(t, fork)
		made, err := genesisState(spec, 1_800_000_000, keys, types.ExecutionAddress{0xaa}, header)
		if err != nil {
			t.Fatalf("%s: %v", fork, err)
		}
		data, err := ssz.Marshal(made.Cx, ssz.Container(made))
		if err != nil {
			t.Fatal(err)
		}
		read, err := types.DecodeBeaconState(spec, data)
		if err != nil {
			t.Fatalf("%s: %v", fork, err)
		}
		want, err1 := ssz.HashTreeRoot(made.Cx, ssz.Container(made))
		got, err2 := ssz.HashTreeRoot(read.Cx, ssz.Container(read))
		if err1 != nil || err2 != nil || got != want {
			t.Errorf("%s: root %x, want %x (%v, %v)", fork, got, want, err1, err2)
		}
		s, err := transition.NewState(read, transition.NewEnv(nil))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(s.GetActiveValidatorIndices(0)); n != leastValidators {
			t.Errorf("%s: %d validators are active, want %d", fork, n, leastValidators)
		}
		for i, prefix := range map[types.ValidatorIndex]byte{changing: 0, exiting: 1, withdrawing: 1, partial: 2, source: 2, target: 2} {
			if c := s.Validators.WithdrawalCredentials(i); c[0] != prefix {
				t.Errorf("%s: validator %d has credentials of type %d, want %d", fork, i, c[0], prefix)
			}
		}
		if err := transition.ProcessSlots(s, types.Slot(spec.SlotsPerEpoch)); err != nil {
			t.Errorf("%s: %v", fork, err)
		}
	}
}

// Keys are those of the mnemonic, and their keystores open with the password file.
func TestKeystoresOpen(t *testing.T) {
	keys, err := deriveKeys(3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stores, passwords := filepath.Join(dir, "keystores"), filepath.Join(dir, passwordFile)
	if err := writeKeystores(stores, passwords, keys, []int{0, 2}); err != nil {
		t.Fatal(err)
	}
	files, err := keystore.List(stores)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v, want two keystores", files, err)
	}
	word, err := keystore.ReadPasswordFile(passwords)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []validatorKeys{keys[0], keys[2]} {
		k, err := keystore.Read(files[i])
		if err != nil {
			t.Fatal(err)
		}
		opened, err := k.Decrypt(word)
		if err != nil {
			t.Fatal(err)
		}
		if opened.Bytes() != key.signing.Bytes() {
			t.Errorf("%s holds another key", files[i])
		}
	}
}

// geth's forks begin when the beacon chain's do.
func TestExecutionGenesisFollowsTheSchedule(t *testing.T) {
	data, err := executionGenesis(specOf(t, "deneb:0,electra:2,fulu:4"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Config struct {
			ChainID                           uint64
			CancunTime, PragueTime, OsakaTime uint64
			BlobSchedule                      map[string]blobLimits
		}
		Alloc map[string]struct{ Code, Balance string }
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if c := g.Config; c.CancunTime != 1000 || c.PragueTime != 1000+2*8*4 || c.OsakaTime != 1000+4*8*4 || c.ChainID != chainID {
		t.Errorf("cancun, prague, osaka at %d, %d, %d on chain %d", c.CancunTime, c.PragueTime, c.OsakaTime, c.ChainID)
	}
	// The three entries are those of EIP-4844 and EIP-7691.
	for name, want := range map[string]blobLimits{"cancun": {3, 6, 3338477}, "prague": {6, 9, 5007716}, "osaka": {6, 9, 5007716}} {
		if g.Config.BlobSchedule[name] != want {
			t.Errorf("%s: %v, want %v", name, g.Config.BlobSchedule[name], want)
		}
	}
	for _, address := range []string{depositContract, withdrawalContract, consolidationContract} {
		if g.Alloc[strings.ToLower(address[2:])].Code == "" {
			t.Errorf("%s has no code", address)
		}
	}
}

// A network's own config keeps what it says, and only what has to be is set.
func TestNetworkConfigKeepsWhatAFileSays(t *testing.T) {
	made, spec, err := networkConfig(nil, "minimal", 6*time.Second, map[params.Fork]params.Epoch{
		params.Altair: 0, params.Bellatrix: 0, params.Capella: 0, params.Deneb: 0, params.Electra: 3, params.Fulu: params.FarFutureEpoch,
	})
	if err != nil {
		t.Fatal(err)
	}
	if spec.ShardCommitteePeriod != 1 || spec.MinValidatorWithdrawabilityDelay != 4 || spec.SlotDuration() != 6*time.Second {
		t.Errorf("%d, %d, %v", spec.ShardCommitteePeriod, spec.MinValidatorWithdrawabilityDelay, spec.SlotDuration())
	}
	again, spec, err := networkConfig(made, "", 0, nil)
	if err != nil || string(again) != string(made) {
		t.Errorf("a file of our own comes out as another one: %v\n%s\n%s", err, made, again)
	}
	if spec.ForkEpoch(params.Electra) != 3 || spec.SlotDuration() != 6*time.Second {
		t.Errorf("electra at %d, slots of %v", spec.ForkEpoch(params.Electra), spec.SlotDuration())
	}
	if _, _, err := networkConfig([]byte("PRESET_BASE: minimal\n"), "", 0, nil); err == nil || !strings.Contains(err.Error(), "begins with phase0") {
		t.Errorf("a network that begins with phase 0: %v", err)
	}
}
